import { addGaussianNoise } from "@consilium/shared/contribution/fixedPoint";
import type { GaussianNoise } from "@consilium/shared/contribution/gaussianNoise";
import { clippedSensitivity, type Grid } from "@consilium/shared/contribution/grid";
import { packContribution } from "@consilium/shared/contribution/pack";
import { asClippedSum, type Contribution } from "@consilium/shared/contribution/stages";
import { publicUniform } from "@consilium/shared/model/initial";
import type { SamplingRate } from "@consilium/shared/units/privacy";

/**
 * Stands in for sampling, gradients and clipping in the bench of rounds alone: sums that no hash or compressor can
 * shorten, other at each site and step. Noise, grid, packing and event are the real ones; no record exists.
 */
export class RandomSums {
  readonly #pool: Float32Array;
  readonly #values: Float32Array;
  readonly #next: () => number;

  constructor(grid: Grid, seed: number) {
    this.#next = publicUniform(seed);
    const spread = (4 * grid.clippingNorm) / Math.sqrt(grid.dimension);
    this.#pool = Float32Array.from({ length: grid.dimension }, () => (2 * this.#next() - 1) * spread);
    this.#values = new Float32Array(grid.dimension);
  }

  step(noise: GaussianNoise, grid: Grid, samplingRate: SamplingRate): Contribution {
    const turn = Math.floor(this.#next() * grid.dimension);
    this.#values.set(this.#pool.subarray(turn));
    this.#values.set(this.#pool.subarray(0, turn), grid.dimension - turn);
    const sum = asClippedSum(this.#values, clippedSensitivity(grid.dimension, grid.clippingNorm));
    return packContribution(addGaussianNoise(sum, noise, grid, samplingRate));
  }
}
