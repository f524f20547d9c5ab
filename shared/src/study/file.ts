import { z } from "zod";
import { ModelFile } from "../model/choice.ts";
import { Columns, Label, patientFields } from "./contract.ts";
import { DpSgd, DurationMs, Evaluation, OnSanitized, StudyDocument, Training } from "./document.ts";
import { ReleaseRule } from "./releaseRule.ts";

/** `10 rounds` → 10. */
const EveryRounds = z
  .string()
  .regex(/^[1-9]\d{0,6} rounds?$/, "a number of rounds: 10 rounds")
  .transform((text) => Number.parseInt(text, 10));

/** A file that describes a data set's columns; studies on the same data share it. */
export const SchemaFile = z.strictObject({
  apiVersion: z.literal("consilium/v1"),
  kind: z.literal("Schema"),
  columns: Columns,
});
export type SchemaFile = z.infer<typeof SchemaFile>;

const FileData = z.strictObject({
  schema: z
    .string()
    .min(1)
    .optional()
    .describe("Path of a schema file, from this file's folder. Either this or `columns`."),
  columns: Columns.optional(),
  label: z
    .union([z.string().min(1), Label])
    .describe("What to predict: the name of a category column, or a name with its values."),
  ...patientFields,
});

/**
 * The study as its author writes it. Beside the signed document it may point to a schema file, leave σ to the
 * accountant, write durations with units and name what later versions will know.
 */
export const StudyFile = z.strictObject({
  ...z.strictObject(StudyDocument.shape).omit({ again: true }).shape,
  data: FileData,
  model: ModelFile,
  privacy: z.strictObject({
    ...DpSgd.shape,
    mechanism: z
      .enum(["dp-sgd", "sanitized"])
      .default("dp-sgd")
      .describe("How the model learns privately: noise on every step, or records that were noised beforehand."),
    noiseMultiplier: z
      .union([z.literal("auto"), DpSgd.shape.noiseMultiplier])
      .optional()
      .describe("σ, or `auto`: the least σ with which the whole study stays within epsilon. With dp-sgd."),
    sanitized: OnSanitized.shape.sanitized.optional(),
  }),
  training: z.strictObject({
    rounds: Training.shape.rounds,
    localSteps: Training.shape.localSteps,
    local: Training.shape.local,
    answerAfter: DurationMs.describe(
      "Fixed, public time from a round's announcement at which every site starts to answer: 250ms, 2s.",
    ),
    deadline: DurationMs.optional().describe("When a site is late; without it 5 times answerAfter, at least 5s."),
    minSites: Training.shape.minSites,
    onDropout: Training.shape.onDropout,
    optimizer: Training.shape.optimizer,
    earlyStop: Training.shape.earlyStop,
    classWeights: Training.shape.classWeights,
    heads: Training.shape.heads,
    initialSeed: Training.shape.initialSeed,
  }),
  evaluation: z.strictObject({
    every: EveryRounds.describe("Training rounds between two evaluations: `10 rounds`."),
    metrics: Evaluation.shape.metrics,
    epsilon: Evaluation.shape.epsilon,
    bins: Evaluation.shape.bins,
  }),
  release: z
    .strictObject({
      formats: z
        .array(z.enum(["safetensors", "onnx"]))
        .min(1)
        .default(["safetensors"])
        .describe("Files of the released model; this version writes safetensors."),
      signatures: ReleaseRule.shape.signatures,
    })
    .default({ formats: ["safetensors"] }),
});
export type StudyFile = z.infer<typeof StudyFile>;

/** What to say beside an error at a key. */
export const STUDY_HINTS: Readonly<Record<string, string>> = {
  "normalisation.by": "Either mean-and-deviation or quantiles.",
  "normalisation.noiseMultiplier": "Typical: 2..20.",
  "privacy.epsilon": "Typical: 1..8.",
  "privacy.delta": "Typical: 1e-5; below 1 / patients of the smallest site.",
  "privacy.clippingNorm": "Typical: 0.1..10.",
  "privacy.noiseMultiplier": "Typical: auto, or 0.5..4.",
  "privacy.samplingRate": "Typical: 0.01..0.2.",
  "training.rounds": "Typical: 50..5000.",
  "training.answerAfter": "Typical: 250ms for a small model, 10s for a large one.",
  "training.minSites": "Typical: all sites but one.",
  "training.classWeights": "Typical: 1 for the most frequent class, up to its share over the class's own for others.",
  "training.localSteps": "Typical: 1..10.",
  "training.local.learningRate": "Typical: 0.01..1.",
  "training.local.proximal": "Typical: 0, or 0.001..1.",
  "training.earlyStop.patience": "Typical: 2..5; more where an evaluation's noise is large.",
  "training.earlyStop.minDelta": "Typical: 0..0.02.",
  "training.optimizer.learningRate": "Typical: 0.01..1 for sgd, 1e-4..1e-2 for adam and yogi.",
  "training.optimizer.momentum": "Typical: 0.9.",
  "evaluation.every": "Typical: a tenth of all rounds, written `10 rounds`.",
  "evaluation.epsilon": "Typical: 0.2..1; charged at each evaluation.",
  "audit.epsilon.members": "Typical: 0.2..1; charged to training patients for each attack.",
  "audit.epsilon.nonMembers": "Typical: 0.5..2; charged to hold-out patients for each attack.",
  "generator.keepEvery": "Typical: training.rounds / 20.",
  "generator.epsilon": "Typical: 0.05..0.5; charged for each of the best.",
  "generator.learningRate": "Typical: 2e-4..5e-3.",
  "audit.references.models": "Typical: 4..16.",
  "audit.references.rounds": "Typical: as many as training.rounds, or fewer.",
  "audit.references.noiseMultiplier": "Typical: 0.5..4; the reference part pays for all models together.",
  "audit.gates.maxAttackAucUpper": "Typical: 0.55..0.75; 0.5 is an attack that guesses.",
  apiVersion: "This version reads consilium/v1.",
};
