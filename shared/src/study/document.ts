import { z } from "zod";
import { gradientCanaryFault } from "../canary/gradientCanaryRule.ts";
import { Clipping } from "../clipping/clipping.ts";
import { generatorFaults } from "../generator/faults.ts";
import { GeneratorRule } from "../generator/rule.ts";
import { ModelChoice } from "../model/choice.ts";
import { choiceFaults, networkOf } from "../model/preset.ts";
import { parameterCount } from "../model/spec.ts";
import { NormalisationRule, normalisationFaults } from "../normalisation/rule.ts";
import { Schedule } from "../optimizer/learningRate.ts";
import { SiteName, StudyName } from "../units/identity.ts";
import { ClippingNorm, Delta, NoiseMultiplier, PositiveEpsilon, SamplingRate } from "../units/privacy.ts";
import { AgainRule, againFaults } from "./again.ts";
import { Audit, canaryFault } from "./audit.ts";
import { ClassWeights, classWeightFaults } from "./classWeights.ts";
import { DataContract } from "./contract.ts";
import { EarlyStop } from "./earlyStop.ts";
import { featureCount } from "./features.ts";
import { Overlap, overlapFaults } from "./overlap.ts";
import { referenceFaults } from "./referenceFaults.ts";
import { ReleaseRule, releaseFaults } from "./releaseRule.ts";
import { SanitizedPromise } from "./sanitizedPromise.ts";
import { siteHeadFaults } from "./siteHeadFaults.ts";
import { survivalFaults } from "./survival.ts";

const learningRate = z.number().positive().describe("Step length on the mean of clipped gradients, whose norm is ≤ C.");
const decay = z.number().min(0).lt(1);

export const Optimizer = z.discriminatedUnion("name", [
  z.strictObject({
    name: z.literal("sgd"),
    learningRate,
    schedule: Schedule.optional(),
    momentum: decay.default(0).describe("Heavy-ball momentum; 0 is plain SGD."),
  }),
  z.strictObject({
    name: z.literal("adam"),
    learningRate,
    schedule: Schedule.optional(),
    beta1: decay.default(0.9),
    beta2: decay.default(0.999),
    epsilon: z.number().positive().default(1e-8).describe("Adam's own ε, no privacy figure."),
  }),
  z.strictObject({
    name: z.literal("yogi"),
    learningRate,
    schedule: Schedule.optional(),
    beta1: decay.default(0.9),
    beta2: decay.default(0.99),
    epsilon: z.number().positive().default(1e-3).describe("Yogi's own ε, no privacy figure; its memory begins at ε²."),
  }),
]);
export type Optimizer = z.infer<typeof Optimizer>;

/** `250ms`, `2s`, `10 min`: a duration with its unit; becomes milliseconds. */
export const DurationMs = z
  .string()
  .regex(/^\d+(\.\d+)? ?(ms|s|min|h)$/, "a duration with its unit: 250ms, 2s, 10min, 1h")
  .transform((text) => {
    const unit = /(ms|s|min|h)$/.exec(text)?.[0];
    const scale = unit === "ms" ? 1 : unit === "s" ? 1000 : unit === "min" ? 60_000 : 3_600_000;
    return Number.parseFloat(text) * scale;
  });

/** What both mechanisms have: the study's cap, and how gradients are taken. */
const privacyFields = {
  unit: z.literal("patient").default("patient").describe("What neighbours differ by: all records of one patient."),
  adjacency: z.literal("add-remove").default("add-remove").describe("Neighbours: one patient more or less."),
  epsilon: PositiveEpsilon.describe("Cap of this study at each site and part: training, metrics and audit together."),
  delta: Delta.describe("Failure probability δ of the cap; well below 1 / patients."),
  trust: z
    .enum(["local", "distributed"])
    .default("local")
    .describe("Who adds noise: each site all of it (local), or a share under secure aggregation (distributed)."),
  clippingNorm: ClippingNorm.describe("C: the largest L2 norm that one patient's gradient keeps."),
  clipping: Clipping.default({ mode: "flat" }).describe("How a patient's gradient is brought to that norm."),
  samplingRate: SamplingRate.describe(
    "q: probability with which each patient joins a round, independently of all others.",
  ),
};

/** Every step is noised and charged. */
export const DpSgd = z.strictObject({
  ...privacyFields,
  mechanism: z.literal("dp-sgd").default("dp-sgd").describe("Noise on every sum of gradients."),
  /** In a document always a number: `auto` in the file is replaced by the least σ that fits. */
  noiseMultiplier: NoiseMultiplier.describe("σ: noise standard deviation over the clipped sum's sensitivity."),
});
export type DpSgd = z.infer<typeof DpSgd>;

/**
 * Each site's training records were noised one by one beforehand and charged then: whatever is computed from them alone
 * is post-processing, so steps need no noise and cost nothing. Metrics and the audit are of the original records.
 */
export const OnSanitized = z.strictObject({
  ...privacyFields,
  mechanism: z.literal("sanitized").describe("Training on records that were noised one by one beforehand."),
  sanitized: SanitizedPromise.describe("What every site's sanitized records must promise at least."),
});
export type OnSanitized = z.infer<typeof OnSanitized>;

export const Privacy = z.discriminatedUnion("mechanism", [DpSgd, OnSanitized], { unionFallback: true });
export type Privacy = z.infer<typeof Privacy>;

export const Local = z.strictObject({
  learningRate: z
    .number()
    .positive()
    .describe("A site's own step length; sgd with the same rate at the server makes FedAvg of it."),
  proximal: z
    .number()
    .nonnegative()
    .default(0)
    .describe("μ of FedProx: pull back to the round's model; 0 is FedAvg's local SGD."),
});

export const Training = z.strictObject({
  rounds: z.number().int().positive().max(1_000_000).describe("Training rounds T: exchanges of noised steps."),
  localSteps: z
    .number()
    .int()
    .min(1)
    .max(100)
    .default(1)
    .describe("Steps that a site takes in a round, each with its own sample, noise and charge."),
  local: Local.optional().describe("How a site steps between two exchanges; where localSteps is above 1."),
  answerAfterMs: z
    .number()
    .positive()
    .describe("Fixed, public time from a round's announcement at which every site starts to answer, in ms."),
  deadlineMs: z
    .number()
    .positive()
    .describe("After this time from the announcement a site that has not answered is late, in ms."),
  minSites: z.number().int().positive().describe("Fewest sites whose contributions make an aggregate."),
  onDropout: z
    .enum(["continue", "wait"])
    .default("continue")
    .describe("When a site drops out of a round: go on with the rest, or wait for it."),
  optimizer: Optimizer,
  earlyStop: EarlyStop.optional(),
  classWeights: ClassWeights.optional(),
  heads: z
    .literal("per-site")
    .optional()
    .describe("per-site: the last layer is each site's own, on one common body; absent: all is common."),
  initialSeed: z
    .number()
    .int()
    .nonnegative()
    .describe("Seeds the initial weights and nothing else; sampling and noise are never seeded."),
});

export const Evaluation = z.strictObject({
  everyRounds: z.number().int().positive().describe("Training rounds between two evaluations."),
  metrics: z.array(z.enum(["auc", "accuracy", "concordance"])).min(1),
  epsilon: PositiveEpsilon.describe("Pure ε of each evaluation's histogram, on the validation part."),
  bins: z.number().int().min(2).max(200).default(20).describe("Public bins of the score histogram."),
});

export const StudySite = z.strictObject({
  name: SiteName,
  patients: z.number().int().positive().describe("Training patients: public, frozen and signed."),
});

/**
 * The study: everything that every site approves, frozen and signed by digest. Made from a study file
 * (YAML) by resolving its file references; after that no party changes it. Durations are milliseconds here.
 */
export const StudyDocument = z
  .strictObject({
    apiVersion: z.literal("consilium/v1"),
    kind: z.literal("Study"),
    name: StudyName.describe("Unique in the consortium."),
    purpose: z.string().min(1).max(1000).describe("What the model is for, in words that a steward can judge."),
    data: DataContract,
    model: ModelChoice,
    generator: GeneratorRule.optional().describe(
      "Makes synthetic records, the release's: the model is then the discriminator that it learns from.",
    ),
    again: AgainRule.optional().describe(
      "A second audit of a released model, and nothing else: made by `audit again`.",
    ),
    normalisation: NormalisationRule.optional().describe(
      "Scales learnt from noised, charged statistics before training; absent: the public ranges alone.",
    ),
    privacy: Privacy,
    training: Training,
    evaluation: Evaluation,
    audit: Audit,
    release: ReleaseRule,
    sites: z.array(StudySite).min(1).max(1000).describe("Their patients' sum times q is the divisor of every step."),
    overlap: Overlap.min(1).max(100).optional().describe("Groups of sites where the same patients may be."),
  })
  .superRefine((study, context) => {
    const refuse = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: "custom", path, message });
    study.sites.forEach((site, i) => {
      if (study.sites.findIndex((other) => other.name === site.name) < i)
        refuse(["sites", i, "name"], `site ${site.name} is listed twice`);
    });
    for (const { path, message } of choiceFaults(
      study.model,
      () => featureCount(study.data),
      study.data.label.values.length,
    ))
      refuse(["model", ...path], message);
    if (study.normalisation !== undefined)
      for (const { path, message } of normalisationFaults(study.normalisation, study.data))
        refuse(["normalisation", ...path], message);
    if (study.normalisation !== undefined && study.privacy.mechanism === "sanitized")
      refuse(["normalisation"], "can't be had with mechanism sanitized: its steps read no original record; remove it");
    const { canaries } = study.audit;
    const isOnSanitized = study.privacy.mechanism === "sanitized";
    const fault = canaries && canaryFault(canaries.count, featureCount(study.data), isOnSanitized);
    if (typeof fault === "string") refuse(["audit", "canaries"], fault);
    const directions = gradientCanaryFault(study, () => trainedNumbers(study));
    if (directions !== null) refuse(["audit", "gradientCanaries"], directions);
    for (const { path, message } of referenceFaults(study)) refuse(path, message);
    for (const { path, message } of againFaults(study)) refuse(path, message);
    for (const { path, message } of [
      ...generatorFaults(study),
      ...survivalFaults(study),
      ...classWeightFaults(study),
      ...siteHeadFaults(study),
    ])
      refuse([...path], message);
    for (const { path, message } of releaseFaults(study.release, study.sites.length))
      refuse(["release", ...path], message);
    if (study.privacy.trust !== "local")
      refuse(["privacy", "trust"], "must be local: distributed is not in this version");
    if (study.privacy.trust !== "local" && study.training.localSteps > 1)
      refuse(["training", "localSteps"], "must be 1 under distributed: a share of noise doesn't protect inner steps");
    for (const { path, message } of overlapFaults(study)) refuse(["overlap", ...path], message);
    for (const { path, message } of localFaults(study.training)) refuse(["training", ...path], message);
    if (study.privacy.mechanism === "sanitized" && study.data.patient === undefined && study.data.split === undefined)
      refuse(["data"], "needs a patient key or a split column: else nothing tells whose sanitized records train");
    if (study.privacy.mechanism === "sanitized" && study.privacy.clipping.mode === "adaptive")
      refuse(["privacy", "clipping"], "adaptive follows a count that needs noise: on sanitized records use another");
    if (study.privacy.clipping.mode === "adaptive" && study.training.localSteps > 1)
      refuse(["privacy", "clipping"], "adaptive takes one local step a round: between them no norm is agreed on");
    const stopMetric = study.training.earlyStop?.metric;
    if (stopMetric !== undefined && !study.evaluation.metrics.includes(stopMetric))
      refuse(["training", "earlyStop", "metric"], `is not among evaluation.metrics: add ${stopMetric} there`);
    if (stopMetric === "auc" && study.data.label.values.length !== 2)
      refuse(["training", "earlyStop", "metric"], "must be accuracy: there is no AUC of more than two classes");
    if (study.training.minSites > study.sites.length)
      refuse(
        ["training", "minSites"],
        `must be ≤ ${study.sites.length}, the number of sites (got ${study.training.minSites})`,
      );
    if (study.training.deadlineMs <= study.training.answerAfterMs)
      refuse(["training", "deadlineMs"], "must come after the time at which sites answer");
    if (new Set(study.audit.attacks).size < study.audit.attacks.length)
      refuse(["audit", "attacks"], "names an attack twice, which would charge it twice");
  });
export type StudyDocument = z.infer<typeof StudyDocument>;

/** Of the network; 0 where the choice makes none, which is told elsewhere. */
function trainedNumbers({ model, data }: { readonly model: ModelChoice; readonly data: DataContract }): number {
  const network = networkOf(model, featureCount(data), data.label.values.length);
  return "fault" in network ? 0 : parameterCount(network.spec);
}

/** A study whose steps are noised. */
export type DpSgdStudy = StudyDocument & { readonly privacy: DpSgd };

export function isDpSgd(study: StudyDocument): study is DpSgdStudy {
  return study.privacy.mechanism === "dp-sgd";
}

function localFaults({ localSteps, local }: z.infer<typeof Training>): { path: string[]; message: string }[] {
  if (localSteps > 1 && local === undefined)
    return [{ path: ["local"], message: "is missing: with localSteps above 1 a site needs its own learningRate" }];
  if (localSteps === 1 && local !== undefined)
    return [{ path: ["local"], message: "means nothing with one local step: remove it, or set localSteps above 1" }];
  if (local !== undefined && local.learningRate * local.proximal > 1)
    return [{ path: ["local", "proximal"], message: "times learningRate must be ≤ 1, or it pulls beyond the model" }];
  return [];
}
