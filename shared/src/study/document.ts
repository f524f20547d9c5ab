import { z } from "zod";
import { SiteName, StudyName } from "../units/identity.ts";
import { ClippingNorm, Delta, Epsilon, NoiseMultiplier, SamplingRate } from "../units/privacy.ts";

/** What stands in for a missing number or category: public, the same at every site, never learnt from data. */
const missing = z.union([z.literal("refuse"), z.strictObject({ fill: z.union([z.number(), z.string()]), indicator: z.boolean().default(false) })]);

export const NumberColumn = z
  .strictObject({
    name: z.string().min(1).max(200),
    type: z.literal("number"),
    unit: z.string().max(40).optional(),
    /** Public range: values are clipped to it, then scaled to [−1, 1]. */
    min: z.number(),
    max: z.number(),
    missing: missing.default("refuse"),
  })
  .refine((column) => column.min < column.max, { message: "min must be below max", path: ["max"] });

export const CategoryColumn = z.strictObject({
  name: z.string().min(1).max(200),
  type: z.literal("category"),
  /** Every value allowed, in one-hot order; numbers and strings compare by their text. */
  values: z.array(z.union([z.number(), z.string()])).min(2).max(1000),
  missing: missing.default("refuse"),
});

export const Column = z.union([NumberColumn, CategoryColumn]);
export type Column = z.infer<typeof Column>;

/** What a study may read at a site: nothing else crosses the connector. */
export const DataContract = z.strictObject({
  columns: z.array(Column).min(1).max(30_000),
  label: z.strictObject({ name: z.string().min(1), values: z.array(z.union([z.number(), z.string()])).min(2).max(100) }),
  /** Column that tells patients apart; absent: one record is one patient and the row number its key. */
  patient: z.string().min(1).optional(),
  /** Column with `train` and `test`, if the data come split; `test` patients are halved by keyed hash into validation and audit. */
  split: z.string().min(1).optional(),
  /** Without a split column: shares of the keyed hash. */
  shares: z.strictObject({ train: z.number(), validation: z.number(), audit: z.number() }).default({ train: 0.7, validation: 0.15, audit: 0.15 }),
  maxRecordsPerPatient: z.number().int().positive().default(1),
});
export type DataContract = z.infer<typeof DataContract>;

export const ModelChoice = z.discriminatedUnion("preset", [
  z.strictObject({ preset: z.literal("logistic") }),
  z.strictObject({
    preset: z.literal("mlp"),
    hidden: z.array(z.number().int().positive()).min(1).max(10),
    activation: z.enum(["relu", "tanh"]).default("relu"),
  }),
  z.strictObject({
    preset: z.literal("deeptype"),
    hidden: z.array(z.number().int().positive()).min(1).max(10).default([1024, 512]),
    clusters: z.number().int().min(2).max(1000),
    clusterWeight: z.number().nonnegative().default(0.1),
  }),
]);
export type ModelChoice = z.infer<typeof ModelChoice>;

export const Optimizer = z.discriminatedUnion("name", [
  z.strictObject({ name: z.literal("sgd"), learningRate: z.number().positive(), momentum: z.number().min(0).lt(1).default(0) }),
  z.strictObject({
    name: z.literal("adam"),
    learningRate: z.number().positive(),
    beta1: z.number().min(0).lt(1).default(0.9),
    beta2: z.number().min(0).lt(1).default(0.999),
    epsilon: z.number().positive().default(1e-8),
  }),
]);
export type Optimizer = z.infer<typeof Optimizer>;

export const AttackName = z.enum(["loss", "confidence", "modified-entropy"]);
export type AttackName = z.infer<typeof AttackName>;

/** `250ms`, `2s`, `10 min`: a duration with its unit; becomes milliseconds. */
export const DurationMs = z
  .string()
  .regex(/^\d+(\.\d+)? ?(ms|s|min|h)$/, "a duration with its unit: 250ms, 2s, 10min, 1h")
  .transform((text) => {
    const unit = /(ms|s|min|h)$/.exec(text)?.[0];
    const scale = unit === "ms" ? 1 : unit === "s" ? 1000 : unit === "min" ? 60_000 : 3_600_000;
    return Number.parseFloat(text) * scale;
  });

/**
 * The study: everything that every site approves, frozen and signed by digest. Made from a study file
 * (YAML) by resolving its file references; after that no party changes it. Durations are milliseconds here.
 */
export const StudyDocument = z.strictObject({
  apiVersion: z.literal("consilium/v1"),
  kind: z.literal("Study"),
  name: StudyName,
  purpose: z.string().min(1).max(1000),
  data: DataContract,
  model: ModelChoice,
  privacy: z.strictObject({
    unit: z.literal("patient").default("patient"),
    adjacency: z.literal("add-remove").default("add-remove"),
    /** Cap of this study at each site and part: training, metrics and audit together. */
    epsilon: Epsilon,
    delta: Delta,
    trust: z.enum(["local", "distributed"]).default("local"),
    mechanism: z.literal("dp-sgd").default("dp-sgd"),
    clippingNorm: ClippingNorm,
    /** In a document always a number: `auto` in the file is replaced by the least σ that fits. */
    noiseMultiplier: NoiseMultiplier,
    samplingRate: SamplingRate,
  }),
  training: z.strictObject({
    rounds: z.number().int().positive().max(1_000_000),
    localSteps: z.literal(1).default(1),
    /** Fixed, public time from a round's announcement at which every site starts to answer. */
    answerAfterMs: z.number().positive(),
    /** After this time from the announcement a site that has not answered is late. */
    deadlineMs: z.number().positive(),
    minSites: z.number().int().positive(),
    /** A site that drops out of a round: go on with the rest, or wait for it. */
    onDropout: z.enum(["continue", "wait"]).default("continue"),
    optimizer: Optimizer,
    /** Seeds initial weights only; sampling and noise are never seeded. */
    initialSeed: z.number().int().nonnegative(),
  }),
  evaluation: z.strictObject({
    everyRounds: z.number().int().positive(),
    metrics: z.array(z.enum(["auc", "accuracy"])).min(1),
    /** Pure ε of each evaluation's histogram, on the validation part. */
    epsilon: Epsilon,
    bins: z.number().int().min(2).max(200).default(20),
  }),
  audit: z.strictObject({
    attacks: z.array(AttackName).min(1),
    /** Pure ε of each attack's histogram: members on the train part, non-members on the audit part. */
    epsilon: z.strictObject({ members: Epsilon, nonMembers: Epsilon }),
    bins: z.number().int().min(2).max(200),
    gates: z.strictObject({
      maxAttackAucUpper: z.number().min(0.5).max(1),
      maxTprAtFpr: z
        .strictObject({ fpr: z.number().positive().lt(1), tpr: z.number().min(0).max(1), ifUnresolvable: z.enum(["pass", "fail"]).default("fail") })
        .optional(),
    }),
  }),
  release: z.strictObject({ formats: z.array(z.literal("safetensors")).min(1).default(["safetensors"]) }),
  /** Training patients of each site: public, frozen, signed; their sum times q is the divisor. */
  sites: z.array(z.strictObject({ name: SiteName, patients: z.number().int().positive() })).min(1).max(1000),
});
export type StudyDocument = z.infer<typeof StudyDocument>;
