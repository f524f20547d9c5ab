import { z } from "zod";
import { NoiseMultiplier } from "../units/privacy.ts";

const bound = z.number().positive();
const epsilon = z.number().positive().max(1e6);
const kept = {
  /** How many of the first coefficients are kept; the others become zero. */
  coefficients: z.number().int().positive(),
  /** A bound of its own for the first coefficient, which is the record's mean; null: it is bounded with the others. */
  firstBound: bound.nullable(),
};

/** How a site's records are noised, one by one. All numbers are public; bounds are in units of the scaled columns. */
export const SanitizerMethod = z.discriminatedUnion("method", [
  /** K coefficients of the DCT, clipped in L1, with exact Laplace noise: ε between any two records. */
  z.strictObject({ method: z.literal("dct-laplace"), ...kept, l1Bound: bound, epsilon }),
  /**
   * K coefficients of the DCT with noise for metric privacy, ε per unit of L2 distance. Only with a clip in L2 and the
   * exact sampler is there a figure for a record; `floating-point` is the shorter noise of the papers, not proven.
   */
  z.strictObject({
    method: z.literal("dct-metric"),
    ...kept,
    l2Bound: bound.nullable(),
    epsilonPerDistance: epsilon,
    sampler: z.enum(["exact", "floating-point"]),
  }),
  /** Exact Laplace noise of scale β on each number of [0, 1]: ε = 1/β for one pixel, no figure for a record. */
  z.strictObject({ method: z.literal("pixel-laplace"), beta: z.number().min(1e-3).max(1e3) }),
  /** A random projection from a public seed, clipped in L2 afterwards, with exactly drawn Gaussian noise. */
  z.strictObject({
    method: z.literal("projection"),
    dimensions: z.number().int().positive(),
    seed: z.number().int().nonnegative(),
    l2Bound: bound,
    noiseMultiplier: NoiseMultiplier,
  }),
]);
export type SanitizerMethod = z.infer<typeof SanitizerMethod>;
export type DctMethod = Extract<SanitizerMethod, { method: "dct-laplace" | "dct-metric" }>;

/** What becomes of the label: noised and charged, declared public by signature, or left out. */
export const LabelRule = z.discriminatedUnion("label", [
  z.strictObject({ label: z.literal("randomised"), epsilon: z.number().positive().max(20) }),
  z.strictObject({ label: z.literal("public") }),
  z.strictObject({ label: z.literal("dropped") }),
]);
export type LabelRule = z.infer<typeof LabelRule>;
