/**
 * Noise on single records, each by itself: a neighbour is the same data set with one record replaced by any other. What
 * a patient pays whose records they are is `perPatient`'s to say. All noise is drawn exactly, as integers on a public
 * grid; rounding and the second clip, on integers, are part of the sensitivity.
 */
import type { PricedEvent } from "../event/pricedEvent.ts";
import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";
import type { NoiseMultiplier } from "../units/privacy.ts";
import { type Charged, charged } from "./charged.ts";
import { gaussianStdDev } from "./discreteGaussian.ts";
import { SCALE_TICK, sampleDiscreteLaplace, scaleTicks } from "./discreteLaplace.ts";
import type { NoisyVector, RecordVector } from "./metricNoise.ts";
import { boundedSteps, boundSteps, gridStep, nearestStep } from "./recordGrid.ts";
import { sampleRoundedGaussian } from "./roundedGaussian.ts";

/** A record's numbers, of an L1 norm of at most `l1Bound`. */
export interface L1Record {
  readonly kind: "l1-record";
  readonly values: Float64Array;
  readonly l1Bound: number;
}

/** A picture's numbers, each in [0, 1]. */
export interface UnitPixels {
  readonly kind: "unit-pixels";
  readonly values: Float64Array;
}

type EventOf<Kind extends PricedEvent["kind"]> = Extract<PricedEvent, { kind: Kind }>;

/** Shortens a record to an L1 norm of at most `bound`. A number that isn't finite makes all of the record zero. */
export function clipToL1(values: Float64Array, bound: number): L1Record {
  assert(bound > 0 && Number.isFinite(bound), "a bound is positive and finite");
  const norm = values.reduce((sum, value) => sum + Math.abs(value), 0);
  const scale = Math.min(1, bound / norm);
  const clipped = values.map((value) => (Number.isFinite(norm) ? value * scale : 0));
  return { kind: "l1-record", values: clipped, l1Bound: bound };
}

/**
 * Discrete Laplace noise of scale 2·l1Bound/ε on each number: pure ε between any two records (Dwork, McSherry, Nissim &
 * Smith 2006), because their integers differ by at most twice the bound in L1.
 */
export function addRecordLaplace(
  { values, l1Bound }: L1Record,
  epsilon: number,
  random: RandomSource,
): Charged<NoisyVector, EventOf<"record-laplace">> {
  const step = gridStep((2 * l1Bound) / epsilon, l1Bound);
  const bound = boundSteps(l1Bound, step);
  const ticks = scaleTicks(2 * bound, epsilon);
  const steps = boundedSteps(values, step, "l1", bound).map(
    (value) => value + sampleDiscreteLaplace(ticks, SCALE_TICK, random),
  );
  const scale = Number(ticks) / Number(SCALE_TICK);
  return charged({ kind: "noisy-vector", steps, step }, [
    {
      kind: "record-laplace",
      adjacency: "replace",
      coordinates: values.length,
      diameter: 2 * bound,
      scale,
      step,
      count: 1,
    },
  ]);
}

/**
 * Gaussian noise of standard deviation noiseMultiplier · 2·l2Bound on each number, rounded to the grid: drawn exactly,
 * so it is post-processing of the continuous Gaussian mechanism in any dimension.
 */
export function addRecordGaussian(
  { values, l2Bound }: RecordVector,
  noiseMultiplier: NoiseMultiplier,
  random: RandomSource,
): Charged<NoisyVector, EventOf<"record-gaussian">> {
  assert(l2Bound !== null, "a record is clipped before it gets Gaussian noise");
  const step = gridStep(noiseMultiplier * 2 * l2Bound, l2Bound);
  const bound = boundSteps(l2Bound, step);
  const stdDev = gaussianStdDev({ kind: "integer-sum", values: [], l2Sensitivity: 2 * bound }, noiseMultiplier);
  const steps = boundedSteps(values, step, "l2", bound).map((value) => value + sampleRoundedGaussian(stdDev, random));
  return charged({ kind: "noisy-vector", steps, step }, [
    { kind: "record-gaussian", adjacency: "replace", noiseMultiplier, count: 1 },
  ]);
}

/** Discrete Laplace noise of scale β on each pixel: ε = 1/β for one pixel of a picture, whatever the others are. */
export function addPixelLaplace(
  { values }: UnitPixels,
  beta: number,
  random: RandomSource,
): Charged<NoisyVector, EventOf<"pixel-laplace">> {
  assert(
    values.every((value) => value >= 0 && value <= 1),
    "a pixel lies in [0, 1]",
  );
  const step = gridStep(beta, 1);
  const sensitivity = boundSteps(1, step);
  const ticks = scaleTicks(sensitivity, 1 / beta);
  const steps = values.map((value) => nearestStep(value / step) + sampleDiscreteLaplace(ticks, SCALE_TICK, random));
  const scale = Number(ticks) / Number(SCALE_TICK);
  return charged({ kind: "noisy-vector", steps, step }, [
    { kind: "pixel-laplace", adjacency: "pixel", pixels: values.length, sensitivity, scale, count: 1 },
  ]);
}
