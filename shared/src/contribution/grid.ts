import { z } from "zod";

/**
 * The public grids of one study's gradients, the same for every site and round; derived from the signed
 * study alone (design: clamp → round once to the fine grid → integer noise → coarse grid → saturate → pack).
 */
export const Grid = z.strictObject({
  /** Number of coordinates d. */
  dimension: z.number().int().positive(),
  clippingNorm: z.number().positive(),
  noiseMultiplier: z.number().positive(),
  /** Fine grid step γ, a power of two with γ√d ≤ 0.02 C. */
  fineStep: z.number().positive(),
  /** L2 sensitivity of the rounded sum: C(1 + η) + γ√d. */
  l2Sensitivity: z.number().positive(),
  /** Coarse step = fineStep · 2^coarseShift, about σΔ/16. */
  coarseShift: z.number().int().nonnegative(),
  /** Bits of one packed value; values saturate at ±(2^(bits−1) − 1) coarse steps. */
  bits: z.number().int().min(2).max(24),
});
export type Grid = z.infer<typeof Grid>;

/** Relative bound η on what arithmetic may add to a clipped sum's sensitivity. */
export const CLIP_ROUNDING = 1 / 64;

/**
 * Grid of a study: d coordinates, clipping norm C, noise multiplier σ and a site's expected batch B̄ = q·n (all public).
 * Bits: ⌈log₂(32(B̄/σ + 7))⌉, the privacy design's figure for values within B̄C + 7σΔ at steps of σΔ/16.
 */
export function gridOf(dimension: number, clippingNorm: number, noiseMultiplier: number, expectedBatch: number): Grid {
  const fineStep = 2 ** Math.floor(Math.log2((0.02 * clippingNorm) / Math.sqrt(dimension)));
  const l2Sensitivity = clippingNorm * (1 + CLIP_ROUNDING) + fineStep * Math.sqrt(dimension);
  const stdDev = noiseMultiplier * l2Sensitivity;
  const coarseShift = Math.max(0, Math.floor(Math.log2(stdDev / 16 / fineStep)));
  const coarseStep = fineStep * 2 ** coarseShift;
  const largest = (expectedBatch * clippingNorm + 7 * stdDev) / coarseStep;
  const bits = Math.min(24, Math.ceil(Math.log2(2 * largest + 2)));
  return { dimension, clippingNorm, noiseMultiplier, fineStep, l2Sensitivity, coarseShift, bits };
}
