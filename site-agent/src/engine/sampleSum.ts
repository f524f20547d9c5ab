import type { ClipRule } from "@consilium/shared/clipping/clipping";
import type { Grid } from "@consilium/shared/contribution/grid";
import type { ClippedSum } from "@consilium/shared/contribution/stages";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { SamplingRate } from "@consilium/shared/units/privacy";
import { poissonSample } from "../batch/poissonSampler.ts";
import type { SumDevice } from "../device/sumDevice.ts";

export interface SampleSum {
  readonly device: SumDevice;
  readonly trainPatients: Int32Array;
  readonly samplingRate: SamplingRate;
  readonly rule: ClipRule;
  readonly grid: Grid;
  readonly random: RandomSource;
}

/** Hands the clipped sum of a fresh Poisson sample to `use`, and forgets sample and sum. */
export async function withSampleSum<Used>(
  { device, trainPatients, samplingRate, rule, grid, random }: SampleSum,
  use: (sum: ClippedSum) => Used,
): Promise<Used> {
  const batch = poissonSample(trainPatients, samplingRate, random);
  try {
    return use(await device.clippedSum(batch, rule, grid.clipRounding));
  } finally {
    batch.patients.fill(0);
    device.wipe();
  }
}
