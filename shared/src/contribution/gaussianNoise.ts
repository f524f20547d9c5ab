import type { SamplerDistance } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import { fillWideGaussian } from "../mechanism/wideGaussian.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { type NoisedGrid, noiseStdDev } from "./grid.ts";

/** Integer noise for one contribution, in fine steps: used once, then it is the contribution or is wiped. */
export interface GaussianNoise {
  readonly values: Int32Array;
  /** Of each value, in fine steps. */
  readonly stdDev: number;
  /** How far one draw is from the ideal distribution. */
  readonly drawDistance: SamplerDistance;
  /** Used noise is, or was, part of a noisy sum; wiped memory holds zeros. */
  state: "fresh" | "used" | "wiped";
}

/** Fills `values` (one for each coordinate of the grid) with noise for that grid. */
export function drawGaussianNoise(values: Int32Array, grid: NoisedGrid, random: RandomSource): GaussianNoise {
  assert(values.length === grid.dimension, "noise has one value for each coordinate");
  const stdDev = noiseStdDev(grid);
  return { values, stdDev, drawDistance: fillWideGaussian(values, stdDev, random), state: "fresh" };
}

/** Overwrites noise, so that it can't be taken from a contribution, whether it was used or will not be. */
export function wipe(noise: GaussianNoise): void {
  if (noise.state !== "wiped") noise.values.fill(0);
  noise.state = "wiped";
}

/** What an event says of noise of one standard deviation on so many coordinates. */
export function statedNoise(
  { stdDev, drawDistance }: Pick<GaussianNoise, "stdDev" | "drawDistance">,
  draws: number,
): { samplerDistance: SamplerDistance; gridStdDev: number } {
  return { samplerDistance: jointDistance(drawDistance, draws), gridStdDev: powerOfTwoBelow(stdDev) };
}

/**
 * Distance of `draws` independent draws together: both kinds add (Vadhan 2017, §1.6, triangle inequality over hybrids).
 * Rounded up to powers of two, so that every party's arithmetic states the same event.
 */
export function jointDistance(draw: SamplerDistance, draws: number): SamplerDistance {
  return {
    maxLogRatio: powerOfTwoAbove(draw.maxLogRatio * draws),
    totalVariation: powerOfTwoAbove(draw.totalVariation * draws),
  };
}

function powerOfTwoAbove(value: number): number {
  return value === 0 ? 0 : 2 ** Math.ceil(Math.log2(value));
}

function powerOfTwoBelow(value: number): number {
  return 2 ** Math.floor(Math.log2(value));
}
