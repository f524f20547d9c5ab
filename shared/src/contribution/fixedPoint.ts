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
 * gets its noise. The noise is consumed: its memory becomes the noisy sum.
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
  roundAndAdd(sum.values, noise.values, grid);
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

/**
 * In 32-bit integers, which takes two thirds of the time that float64 does: |fine| ≤ 2³⁰, and the noise of
 * `fillWideGaussian` stays below 2³⁰ too: at most 18 standard deviations of up to 2²⁰, or 13.6 of up to 2²⁶.
 */
function roundAndAdd(sum: Float32Array | Float64Array, noise: Int32Array, grid: Grid): void {
  const perStep = 1 / grid.fineStep;
  const shift = grid.coarseShift;
  // Made by shifts, these are integers to the compiler too; as powers they would turn the loop's last steps to float64.
  const half = shift === 0 ? 0 : 1 << (shift - 1);
  const limit = (1 << (grid.bits - 1)) - 1;
  const clamp = Math.min(limit * 2 ** shift, FINE_MAX);
  for (let i = 0; i < noise.length; i++) {
    const scaled = (sum[i] ?? 0) * perStep;
    // Cutting off the fraction of a positive number rounds down; the last 0 is for what is not a number.
    const inside = scaled >= -clamp ? ((scaled + (BIAS + 0.5)) | 0) - BIAS : -clamp;
    const fine = scaled <= clamp ? inside : scaled > clamp ? clamp : 0;
    const noisy = (fine + (noise[i] ?? 0) + half) >> shift;
    noise[i] = Math.max(-limit, Math.min(limit, noisy));
  }
}

const BIAS = 2 ** 30;
const FINE_MAX = 2 ** 30 - 1;
