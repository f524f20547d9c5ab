import { z } from "zod";
import { PositiveEpsilon } from "../units/privacy.ts";

/** Generators of one study that are kept to be chosen from. */
export const GENERATORS_KEPT_MAX = 50;

/**
 * How a study makes synthetic records: its network is the discriminator of an AC-GAN, which alone sees patients, and
 * the coordinator trains a generator against it, from noised sums alone.
 */
export const GeneratorRule = z.strictObject({
  latent: z.number().int().min(1).max(1024).default(16).describe("Numbers of noise that a record is made from."),
  hidden: z
    .array(z.number().int().positive().max(4096))
    .min(1)
    .max(5)
    .default([64, 64])
    .describe("Units of each hidden layer of the generator."),
  learningRate: z.number().positive().default(0.001).describe("Of the generator's Adam, whose β₁ is 0.5."),
  steps: z.number().int().min(1).max(20).default(1).describe("Steps of the generator after each training round."),
  batch: z.number().int().min(2).max(4096).default(64).describe("Made records in each of its steps."),
  keepEvery: z
    .number()
    .int()
    .positive()
    .describe(`Training rounds between two kept generators; the last is kept too, ${GENERATORS_KEPT_MAX} at most.`),
  best: z.number().int().min(1).max(10).default(5).describe("How many kept generators make the synthetic records."),
  epsilon: PositiveEpsilon.describe("Pure ε of each pick of a generator at each site, on the validation part."),
  records: z.number().int().min(20).max(100_000).describe("Synthetic records of the release."),
  labels: z
    .array(z.number().gt(0).lt(1))
    .min(2)
    .max(100)
    .optional()
    .describe("Public share of each class among made records; without it all alike. Never the data's own."),
  seed: z.number().int().nonnegative().describe("Seeds the generator and what is made by it: nothing that protects."),
});
export type GeneratorRule = z.infer<typeof GeneratorRule>;

/** Rounds after which a generator is kept, where training ends at this one: every `keepEvery`-th, and the last. */
export function keptRounds({ keepEvery }: Pick<GeneratorRule, "keepEvery">, lastRound: number): readonly number[] {
  const kept = Array.from({ length: Math.floor(lastRound / keepEvery) }, (_, index) => (index + 1) * keepEvery);
  return lastRound % keepEvery === 0 ? kept : [...kept, lastRound];
}
