import { type Rounding, roundAndAdd } from "@consilium/kernel/roundAndAdd";
import { PrivacyEvent } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import type { SamplingRate } from "../units/privacy.ts";
import { type GaussianNoise, statedNoise } from "./gaussianNoise.ts";
import { clippedSensitivity, type Grid, type NoisedGrid, noiseStdDev } from "./grid.ts";
import type { ClippedSum, NoisySum } from "./stages.ts";

/**
 * The mechanism of training: clamp each coordinate to the public range, round once to the fine grid, add integer
 * noise of standard deviation σΔ/γ fine steps, then, as post-processing, round to the coarse grid and saturate.
 *
 * Clamping moves no two sums further apart, and rounding moves each coordinate by at most γ/2, so the integers have
 * L2 sensitivity Δ/γ, Δ = C(1 + η) + γ√d (`roundedSensitivity`). A coordinate that is not a number counts as 0, and
 * gets its noise. The noise is consumed: its memory becomes the noisy sum.
 */
export function addGaussianNoise(
  sum: ClippedSum,
  noise: GaussianNoise,
  grid: NoisedGrid,
  samplingRate: SamplingRate,
): NoisySum {
  takeNoise(sum, noise, grid);
  roundAndAdd(sum.values, noise.values, roundingOf(grid));
  return { values: noise.values, grid, event: noisedEvent(noise, grid, samplingRate) } as NoisySum;
}

/** Marks noise as used, for this sum alone; fails where it doesn't cover the sum. */
export function takeNoise(sum: ClippedSum, noise: GaussianNoise, grid: NoisedGrid): void {
  assert(noise.state === "fresh", "noise is used once");
  assert(noise.stdDev === noiseStdDev(grid), "noise was drawn for this grid");
  assert(
    sum.values.length === grid.dimension && noise.values.length === grid.dimension,
    "sum, noise and grid have the same dimension",
  );
  assert(sum.l2Sensitivity <= clippedSensitivity(grid), "the grid's noise covers the sum's sensitivity");
  noise.state = "used";
}

/** What a sum with this noise is. */
export function noisedEvent(noise: GaussianNoise, grid: NoisedGrid, samplingRate: SamplingRate): PrivacyEvent {
  return PrivacyEvent.parse({
    kind: "poisson-gaussian",
    adjacency: "add-remove",
    samplingRate,
    noiseMultiplier: grid.noiseMultiplier,
    count: 1,
    ...statedNoise(noise, grid.dimension),
  });
}

/**
 * In 32-bit integers: |fine| < 2³⁰, and the noise of `fillWideGaussian` stays below 2³⁰ too: at most 18 standard
 * deviations of up to 2²⁰, or 13.6 of up to 2²⁶.
 */
export function roundingOf(grid: Grid): Rounding {
  const limit = 2 ** (grid.bits - 1) - 1;
  const clamp = Math.min(limit * 2 ** grid.coarseShift, FINE_MAX);
  return { perStep: 1 / grid.fineStep, clamp, shift: grid.coarseShift, limit };
}

const FINE_MAX = 2 ** 30 - 1;
