import type { GaussianNoise } from "@consilium/shared/contribution/gaussianNoise";
import { clippedSensitivity, type NoisedGrid } from "@consilium/shared/contribution/grid";
import { noisedContribution } from "@consilium/shared/contribution/noisedContribution";
import { asClippedSum, type ClippedSum, type Contribution } from "@consilium/shared/contribution/stages";
import { publicUniform } from "@consilium/shared/model/initial";
import type { SamplingRate } from "@consilium/shared/units/privacy";

/**
 * Stands in for sampling, gradients and clipping in the bench of rounds alone: a sum that no hash or compressor can
 * shorten, other at each site. Noise, which makes most of a contribution and is other at each step, grid, packing and
 * event are the real ones; no record exists.
 */
export class RandomSums {
  readonly #sum: ClippedSum;

  constructor(grid: NoisedGrid, seed: number) {
    const next = publicUniform(seed);
    const spread = (4 * grid.patientNorm) / Math.sqrt(grid.dimension);
    const values = new Float32Array(grid.dimension);
    for (let i = 0; i < values.length; i++) values[i] = (2 * next() - 1) * spread;
    this.#sum = asClippedSum(values, clippedSensitivity(grid));
  }

  step(noise: GaussianNoise, grid: NoisedGrid, samplingRate: SamplingRate, packed: Uint8Array): Contribution {
    return noisedContribution(this.#sum, noise, grid, samplingRate, packed);
  }
}
