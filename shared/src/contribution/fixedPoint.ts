import { PrivacyEvent } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import type { SamplingRate } from "../units/privacy.ts";
import { type GaussianNoise, jointDistance } from "./gaussianNoise.ts";
import { clippedSensitivity, type Grid, noiseStdDev } from "./grid.ts";
import type { ClippedSum, NoisySum } from "./stages.ts";

/**
 * The mechanism of training: clamp each coordinate to the public range, round once to the fine grid, add integer
 * noise of standard deviation σΔ/γ fine steps, then, as post-processing, round to the coarse grid and saturate.
 *
 * Clamping moves no two sums further apart, and rounding moves each coordinate by at most γ/2, so the integers have
 * L2 sensitivity Δ/γ, Δ = C(1 + η) + γ√d (`grid.l2Sensitivity`). A coordinate that is not a number counts as 0, and
 * gets its noise. The noise is consumed: its memory becomes the noisy sum. All arithmetic is exact: integers below
 * 2⁵³ in float64.
 */
export function addGaussianNoise(
  sum: ClippedSum,
  noise: GaussianNoise,
  grid: Grid,
  samplingRate: SamplingRate,
): NoisySum {
  assert(!noise.spent, "noise is used once");
  assert(noise.stdDev === noiseStdDev(grid), "noise was drawn for this grid");
  assert(
    sum.values.length === grid.dimension && noise.values.length === grid.dimension,
    "sum, noise and grid have the same dimension",
  );
  assert(
    sum.l2Sensitivity <= clippedSensitivity(grid.dimension, grid.clippingNorm),
    "the grid's noise covers the sum's sensitivity",
  );
  noise.spent = true;
  if (sum.values instanceof Float32Array) roundAndAdd(sum.values, noise.values, grid);
  else roundAndAddDouble(sum.values, noise.values, grid);
  const event = PrivacyEvent.parse({
    kind: "poisson-gaussian",
    adjacency: "add-remove",
    samplingRate,
    noiseMultiplier: grid.noiseMultiplier,
    count: 1,
    samplerDistance: jointDistance(noise.drawDistance, grid.dimension),
  });
  return { values: noise.values, grid, event } as NoisySum;
}

function roundAndAdd(sum: Float32Array, noise: Int32Array, grid: Grid): void {
  const { perStep, clamp, coarse, limit } = scales(grid);
  for (let i = 0; i < noise.length; i++) {
    const scaled = (sum[i] ?? 0) * perStep;
    const fine = scaled >= clamp ? clamp : scaled <= -clamp ? -clamp : Math.floor(scaled + 0.5) || 0;
    const noisy = Math.floor((fine + (noise[i] ?? 0)) * coarse + 0.5);
    noise[i] = Math.max(-limit, Math.min(limit, noisy));
  }
}

/** The same for a float64 sum; apart, so that the engine compiles each for one kind of array. */
function roundAndAddDouble(sum: Float64Array, noise: Int32Array, grid: Grid): void {
  const { perStep, clamp, coarse, limit } = scales(grid);
  for (let i = 0; i < noise.length; i++) {
    const scaled = (sum[i] ?? 0) * perStep;
    const fine = scaled >= clamp ? clamp : scaled <= -clamp ? -clamp : Math.floor(scaled + 0.5) || 0;
    const noisy = Math.floor((fine + (noise[i] ?? 0)) * coarse + 0.5);
    noise[i] = Math.max(-limit, Math.min(limit, noisy));
  }
}

function scales(grid: Grid): { perStep: number; clamp: number; coarse: number; limit: number } {
  const limit = 2 ** (grid.bits - 1) - 1;
  return { perStep: 1 / grid.fineStep, clamp: limit * 2 ** grid.coarseShift, coarse: 2 ** -grid.coarseShift, limit };
}
