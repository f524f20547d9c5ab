import { addDirection, directionStep } from "@consilium/shared/canary/gradientCanaries";
import type { GaussianNoise } from "@consilium/shared/contribution/gaussianNoise";
import type { NoisedGrid } from "@consilium/shared/contribution/grid";
import { assert } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { poissonSample } from "../batch/poissonSampler.ts";
import type { EngineRequest } from "./message.ts";

type Open = Pick<Extract<EngineRequest, { type: "open" }>, "gradientCanaries" | "samplingRate" | "clippingNorm">;

/**
 * Adds to a step's noise the directions of those canaries that join it, each with a patient's probability: on integers,
 * where noise and rounded sum are added too, so that the sum is to the bit that of patients and canaries together.
 *
 * Joint guarantee. Which canaries join is drawn apart from everybody's records, so a patient's part in the noised sum
 * stays what it is without them: it gets one independent summand more, which is post-processing.
 */
export function addCanaries(noise: GaussianNoise, open: Open, grid: NoisedGrid, random: RandomSource): void {
  const { gradientCanaries, samplingRate, clippingNorm } = open;
  if (gradientCanaries === undefined) return;
  assert(noise.state === "fresh", "canaries join before noise and sum meet");
  const { count, seed, site } = gradientCanaries;
  const step = directionStep(clippingNorm, grid.dimension, grid.fineStep);
  const joined = poissonSample(
    Int32Array.from({ length: count }, (_, canary) => canary),
    samplingRate,
    random,
  );
  for (const canary of joined.patients) addDirection(noise.values, step, { seed, site, canary });
  joined.patients.fill(0);
}
