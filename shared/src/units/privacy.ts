import { z } from "zod";

/** Privacy loss bound ε of (ε, δ)-differential privacy; natural-log scale, no unit. */
export const Epsilon = z.number().nonnegative().brand<"Epsilon">();
export type Epsilon = z.infer<typeof Epsilon>;

/** A cap or a price above zero: a noised histogram at ε = 0 would be noise alone. */
export const PositiveEpsilon = z.number().positive().brand<"Epsilon">();

/** Failure probability δ of (ε, δ)-differential privacy. */
export const Delta = z.number().positive().lt(1).brand<"Delta">();
export type Delta = z.infer<typeof Delta>;

/** Noise standard deviation over L2 sensitivity; no unit. */
export const NoiseMultiplier = z.number().positive().brand<"NoiseMultiplier">();
export type NoiseMultiplier = z.infer<typeof NoiseMultiplier>;

/** Largest L2 norm that one patient's gradient keeps; in units of the loss's gradient. */
export const ClippingNorm = z.number().positive().brand<"ClippingNorm">();
export type ClippingNorm = z.infer<typeof ClippingNorm>;

/** Probability with which each patient joins a step, independently of all others (Poisson sampling). */
export const SamplingRate = z.number().positive().max(1).brand<"SamplingRate">();
export type SamplingRate = z.infer<typeof SamplingRate>;
