import { z } from "zod";
import { NoiseMultiplier, SamplingRate } from "../units/privacy.ts";

export const REFERENCE_MODELS_MAX = 64;

/** How an audit's reference models are trained, and what its attacks take from them. */
export const ReferenceRule = z.strictObject({
  models: z
    .number()
    .int()
    .min(2)
    .max(REFERENCE_MODELS_MAX)
    .describe("Reference models, one after another: each patient of the reference part pays for all of them."),
  rounds: z.number().int().min(1).max(100_000).describe("Training rounds of each."),
  noiseMultiplier: NoiseMultiplier.describe("σ of their steps; the reference part has an ε of its own."),
  samplingRate: SamplingRate.optional().describe("q of their steps; without it the study's."),
  population: z
    .number()
    .int()
    .min(100)
    .max(10_000)
    .default(1000)
    .describe("Made-up public records that relative-membership compares a record with."),
  gamma: z
    .number()
    .min(1)
    .max(100)
    .default(1)
    .describe("γ of relative-membership: how far a record must lie above a made-up one to dominate it."),
  offlineA: z
    .number()
    .min(0)
    .max(1)
    .default(0.3)
    .describe("a of relative-membership: how much of p(x) is taken to come from models without the record."),
});
export type ReferenceRule = z.infer<typeof ReferenceRule>;
