import type { PricedEvent } from "../event/pricedEvent.ts";
import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { type Charged, charged } from "./charged.ts";
import { sampleDiscreteLaplace } from "./discreteLaplace.ts";
import { floatingNormal, floatingUnit } from "./floatingNormal.ts";
import { boundedSteps, boundSteps, gridStep, nearestStep } from "./recordGrid.ts";

/** A record's numbers; where they were clipped, no longer than `l2Bound`. */
export interface RecordVector {
  readonly kind: "record-vector";
  readonly values: Float64Array;
  readonly l2Bound: number | null;
}

/** A record with noise of its own: integers in public steps. */
export interface NoisyVector {
  readonly kind: "noisy-vector";
  readonly steps: Float64Array;
  /** Width of one step, a power of two. */
  readonly step: number;
}

type MetricEvent = Extract<PricedEvent, { kind: "metric" }>;

/** Shortens a record to an L2 norm of at most `bound`. A number that isn't finite makes all of the record zero. */
export function clipToBall(values: Float64Array, bound: number): RecordVector {
  assert(bound > 0 && Number.isFinite(bound), "a ball's radius is positive and finite");
  const norm = lengthOf(values);
  const scale = Math.min(1, bound / norm);
  const clipped = values.map((value) => (Number.isFinite(norm) ? value * scale : 0));
  return { kind: "record-vector", values: clipped, l2Bound: bound };
}

/**
 * Metric privacy by exact noise: discrete Laplace of scale √K/ε on each of K coordinates, in steps of a grid.
 * Two records' integers z, z′ have a loss of at most ‖z − z′‖₁·ε/√K ≤ ε·‖z − z′‖₂ (Cauchy & Schwarz), and no output is
 * possible for one record alone. Its noise is √2 times as long as that of `addSphereNoise`, which has no exact sampler.
 */
export function addMetricLaplace(
  record: RecordVector,
  epsilon: number,
  random: RandomSource,
): Charged<NoisyVector, MetricEvent> {
  const dimension = record.values.length;
  assert(epsilon > 0 && Number.isFinite(epsilon), "ε per unit of distance is positive and finite");
  const scale = Math.sqrt(dimension) / epsilon;
  const { steps: exact, step } = toGrid(record, scale);
  const ticks = BigInt(Math.ceil((scale / step) * 2 ** 20 * (1 + 2 ** -48)));
  const steps = exact.map((value) => value + sampleDiscreteLaplace(ticks, 2n ** 20n, random));
  return charged({ kind: "noisy-vector", steps, step }, [metricEvent(record, step, epsilon, "exact")]);
}

/**
 * Metric privacy by noise R·u, u uniform on the sphere and R ~ Gamma(K, 1/ε): density ∝ exp(−ε‖·‖₂), so the loss of two
 * records is at most ε times their L2 distance. Drawn in floating point (53 random bits a factor) and rounded to a grid
 * on the way in and out: close to that mechanism, not proven to be it. The event says so, and no accountant prices it.
 */
export function addSphereNoise(
  record: RecordVector,
  epsilon: number,
  random: RandomSource,
): Charged<NoisyVector, MetricEvent> {
  const dimension = record.values.length;
  assert(epsilon > 0 && Number.isFinite(epsilon), "ε per unit of distance is positive and finite");
  const { steps: exact, step } = toGrid(record, 1 / epsilon);
  const direction = Float64Array.from({ length: dimension }, () => floatingNormal(random));
  const length = lengthOf(direction);
  let radius = 0;
  for (let i = 0; i < dimension; i++) radius -= Math.log(floatingUnit(random)) / epsilon;
  const steps = exact.map((value, i) => value + nearestStep((radius * (direction[i] ?? 0)) / length / step));
  return charged({ kind: "noisy-vector", steps, step }, [metricEvent(record, step, epsilon, "floating-point")]);
}

/** Whole steps of a record: where it was clipped it is clipped once more as integers, so its bound holds exactly. */
function toGrid({ values, l2Bound }: RecordVector, scale: number): { steps: Float64Array; step: number } {
  assert(values.length > 0, "a record has numbers");
  const step = gridStep(scale, l2Bound);
  if (l2Bound !== null) return { steps: boundedSteps(values, step, "l2", boundSteps(l2Bound, step)), step };
  const steps = values.map((value) => nearestStep(value / step));
  assert(steps.every(Number.isSafeInteger), "a record's numbers are finite and within the grid's range");
  return { steps, step };
}

/** Two clipped records' integers are at most twice the bound's whole steps apart. */
function metricEvent(
  { l2Bound }: RecordVector,
  step: number,
  epsilon: number,
  sampler: MetricEvent["sampler"],
): MetricEvent {
  const diameter = l2Bound === null ? null : 2 * boundSteps(l2Bound, step) * step;
  return { kind: "metric", adjacency: "replace", epsilonPerDistance: epsilon, diameter, sampler, count: 1 };
}

/** L2 norm of any number of values: squares of shares of the greatest, so that none overflows. NaN where one is. */
function lengthOf(values: Float64Array): number {
  let greatest = 0;
  for (const value of values) greatest = Math.max(greatest, Math.abs(value));
  if (greatest === 0 || !Number.isFinite(greatest)) return greatest;
  let sum = 0;
  for (const value of values) sum += (value / greatest) ** 2;
  return greatest * Math.sqrt(sum);
}
