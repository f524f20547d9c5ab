import { addAndPack } from "@consilium/kernel/addAndPack";
import { assert } from "../failure/failure.ts";
import type { SamplingRate } from "../units/privacy.ts";
import { noisedEvent, roundingOf, takeNoise } from "./fixedPoint.ts";
import type { GaussianNoise } from "./gaussianNoise.ts";
import type { NoisedGrid } from "./grid.ts";
import { packedBytes } from "./pack.ts";
import type { ClippedSum, Contribution } from "./stages.ts";

/**
 * `packContribution(addGaussianNoise(…))`, its guarantee and its bytes, in one pass over memory: 21 M numbers take half
 * the time. The noise is overwritten as it is used. `memory` serves one contribution after another, each gone before
 * the next.
 */
export function noisedContribution(
  sum: ClippedSum,
  noise: GaussianNoise,
  grid: NoisedGrid,
  samplingRate: SamplingRate,
  memory: Uint8Array = new Uint8Array(packedBytes(grid.dimension, grid.bits)),
): Contribution {
  assert(memory.length === packedBytes(grid.dimension, grid.bits), "packed integers fill their memory");
  takeNoise(sum, noise, grid);
  addAndPack(sum.values, noise.values, roundingOf(grid), grid.bits, memory);
  noise.state = "wiped";
  const event = noisedEvent(noise, grid, samplingRate);
  return { bytes: memory, bits: grid.bits, count: grid.dimension, event } as Contribution;
}
