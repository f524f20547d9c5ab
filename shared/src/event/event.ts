import { z } from "zod";
import { NoiseMultiplier, SamplingRate } from "../units/privacy.ts";

/**
 * How far a sampler's output is from the ideal distribution, for one whole release:
 * the bulk as a max-log ratio (2 × it is added to ε), the tail as total variation ((1 + e^ε) × it is added to δ).
 */
export const SamplerDistance = z.strictObject({
  maxLogRatio: z.number().nonnegative(),
  totalVariation: z.number().nonnegative().lt(1),
});
export type SamplerDistance = z.infer<typeof SamplerDistance>;

const count = z.number().int().positive();

/**
 * What a round did to a data set, never what it cost: costs are re-computed from events.
 * A kind's meaning never changes; new behaviour is a new kind. Neighbours differ by adding or removing one patient.
 * What a sanitizer did to records stands in `recordEvent.ts`: nothing of it crosses the wire as a contribution.
 */
export const PrivacyEvent = z.discriminatedUnion("kind", [
  /**
   * `count` releases of a Gaussian-noised sum over a fresh Poisson sample each; σ is over the sum's L2 sensitivity.
   * With `samplerDistance` the noise was drawn on the integers, so far from the discrete Gaussian; without it the
   * ideal, continuous one is meant. `gridStdDev` is a lower bound on the standard deviation of noise on the integers.
   */
  z.strictObject({
    kind: z.literal("poisson-gaussian"),
    adjacency: z.literal("add-remove"),
    samplingRate: SamplingRate,
    noiseMultiplier: NoiseMultiplier,
    count,
    samplerDistance: SamplerDistance.optional(),
    gridStdDev: z.number().positive().optional(),
  }),
  /**
   * `count` releases of integers with discrete Laplace noise, P(k) ∝ exp(−|k| / scale); pure ε = sensitivity / scale.
   */
  z.strictObject({
    kind: z.literal("discrete-laplace"),
    adjacency: z.literal("add-remove"),
    /** L1 sensitivity of the integers. */
    sensitivity: z.number().positive(),
    scale: z.number().positive(),
    count,
  }),
  /**
   * `count` choices among public candidates, each by the exponential mechanism: P(i) ∝ exp(ε · quality of i), where one
   * patient moves every quality by ≤ 1 and all of them one way. Each is pure ε-private and of bounded range ε.
   */
  z.strictObject({
    kind: z.literal("exponential-mechanism"),
    adjacency: z.literal("add-remove"),
    epsilon: z.number().positive(),
    count,
  }),
  /**
   * `count` releases of what was computed from sanitized records and public values alone. It costs nothing: what made
   * those records was charged before (Dwork & Roth 2014, Proposition 2.1). A ledger takes it only of a study whose
   * site's approval names that charge.
   */
  z.strictObject({ kind: z.literal("post-processing"), adjacency: z.literal("add-remove"), count }),
]);
export type PrivacyEvent = z.infer<typeof PrivacyEvent>;
