import type { GaussianNoise } from "@consilium/shared/contribution/gaussianNoise";
import { packContribution } from "@consilium/shared/contribution/pack";
import { type LocalSteps, PseudoGradient } from "@consilium/shared/contribution/pseudoGradient";
import type { Contribution } from "@consilium/shared/contribution/stages";
import type { SumDevice } from "../device/sumDevice.ts";
import { noisedSum, type PrivateStep } from "./privateStep.ts";

/** Noise of an attempt's local steps, block by block. */
export interface NoiseBlocks {
  /** The block of one step, from 0: handed out once. */
  take(step: number): Promise<GaussianNoise>;
  /** Overwrites a block that was used, or will not be. */
  release(noise: GaussianNoise): void;
}

export interface PrivateRound extends Omit<PrivateStep, "device" | "noise"> {
  readonly local: LocalSteps;
  /** The public model of this round, w₀. */
  readonly start: Float32Array;
  /** Memory of the site's own model between steps, as long as `start`. */
  readonly own: Float32Array;
  readonly noise: NoiseBlocks;
  /** Has `use` done on a device that holds the study's patients and this model. */
  withDevice<T>(parameters: Float32Array, use: (device: SumDevice) => Promise<T>): Promise<T>;
}

/**
 * Several DP-SGD steps at a site before it answers.
 *
 * Joint guarantee. Each step is the one of `noisedSum`, on a Poisson sample and with noise of its own: a
 * Poisson-subsampled Gaussian of sampling rate q and noise multiplier σ. A later step's model is a function of the
 * round's public model and of the earlier steps' noised sums alone (`PseudoGradient`), so the steps are an adaptive
 * composition of k such mechanisms, and whatever is made of their outputs, the contribution too, is post-processing.
 * That is the event that the contribution carries, `count` k. The site keeps nothing else from step to step; noise and
 * sums are forgotten here.
 */
export async function privateRound(round: PrivateRound): Promise<Contribution> {
  const { local, start, own, noise: blocks } = round;
  const first = await blocks.take(0);
  try {
    const sum = await round.withDevice(start, (device) => noisedSum({ ...round, device, noise: first }));
    const total = new PseudoGradient(sum, local);
    for (let step = 1; step < local.steps; step++) {
      total.modelFrom(start, own);
      const noise = await blocks.take(step);
      try {
        total.add(await round.withDevice(own, (device) => noisedSum({ ...round, device, noise })));
      } finally {
        blocks.release(noise);
      }
    }
    return packContribution(total.finish(), round.packed);
  } finally {
    blocks.release(first);
    own.fill(0);
  }
}
