import type { ClipRule } from "@consilium/shared/clipping/clipping";
import { addGaussianNoise } from "@consilium/shared/contribution/fixedPoint";
import type { GaussianNoise } from "@consilium/shared/contribution/gaussianNoise";
import type { NoisedGrid } from "@consilium/shared/contribution/grid";
import { noisedContribution } from "@consilium/shared/contribution/noisedContribution";
import type { ClippedSum, Contribution, NoisySum } from "@consilium/shared/contribution/stages";
import { assert } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { SamplingRate } from "@consilium/shared/units/privacy";
import type { SumDevice } from "../device/sumDevice.ts";
import { withSampleSum } from "./sampleSum.ts";

export interface PrivateStep {
  /** Holds the study's patients and the public model of this round. */
  readonly device: SumDevice;
  /** Indices of the training part's patients: the data set that is charged. */
  readonly trainPatients: Int32Array;
  readonly samplingRate: SamplingRate;
  readonly rule: ClipRule;
  readonly grid: NoisedGrid;
  /** Drawn for this attempt alone. */
  readonly noise: GaussianNoise;
  readonly random: RandomSource;
  /** Memory of the packed contribution, until the next step. */
  readonly packed: Uint8Array;
}

/**
 * One DP-SGD step at a site: sample → clip → sum → round → noise → pack. The only place where these meet.
 *
 * Joint guarantee. Let D and D′ differ by one training patient. Each patient joins the batch with probability q on
 * its own (`poissonSample`); on the same sample of the others, the two sums differ by at most C(1 + η) in L2 norm
 * when the patient joins and are equal when not (`clippedSum`; C and η are the
 * grid's, whatever norm the round clips to and however large the batch turned out);
 * rounding makes of this at most Δ/γ integer steps, and every coordinate gets a discrete Gaussian of standard deviation
 * σΔ/γ (`addGaussianNoise`). So the contribution is one Poisson-subsampled Gaussian of sampling rate q and noise
 * multiplier σ, up to the sampler's distance: exactly the event that it carries.
 *
 * Where workers compute the sum, each patient is in exactly one shard, all shards share one bound of rounding and all
 * workers compute alike, so that the sum's sensitivity is the same (`shardedSum`); a shard that a worker took along is
 * computed again from the same sample.
 *
 * What follows the noise (coarse grid,
 * saturation, packing) is post-processing. Batch, sum and noise are forgotten here.
 */
export async function privateStep(step: PrivateStep): Promise<Contribution> {
  const { noise, grid, samplingRate, packed } = step;
  return withSum(step, (sum) => noisedContribution(sum, noise, grid, samplingRate, packed));
}

/** The step before it is packed: all of its guarantee. */
export async function noisedSum(step: Omit<PrivateStep, "packed">): Promise<NoisySum> {
  return withSum(step, (sum) => addGaussianNoise(sum, step.noise, step.grid, step.samplingRate));
}

/** Hands the sum of a fresh sample to the mechanism, and forgets both. */
async function withSum<Noised>(
  step: Omit<PrivateStep, "packed">,
  mechanism: (sum: ClippedSum) => Noised,
): Promise<Noised> {
  assert(step.random.origin !== "seeded", "privacy randomness is never seeded");
  return withSampleSum(step, mechanism);
}
