import type { PricedEvent } from "../event/pricedEvent.ts";
import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { type Charged, charged } from "./charged.ts";
import { sampleDiscreteLaplace } from "./discreteLaplace.ts";
import { uniformBits } from "./exactBernoulli.ts";

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
  const norm = Math.hypot(...values);
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
  const scale = Math.sqrt(dimension) / epsilon;
  const step = gridStep(scale, record, epsilon);
  const ticks = BigInt(Math.ceil((scale / step) * 2 ** 20 * (1 + 2 ** -51)));
  const steps = toGrid(record, step).map((value) => value + sampleDiscreteLaplace(ticks, 2n ** 20n, random));
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
  const step = gridStep(1 / epsilon, record, epsilon);
  const direction = Float64Array.from({ length: dimension }, () => normal(random));
  const length = Math.hypot(...direction);
  let radius = 0;
  for (let i = 0; i < dimension; i++) radius -= Math.log(unit(random)) / epsilon;
  const steps = toGrid(record, step).map(
    (value, i) => value + wholeSteps((radius * (direction[i] ?? 0)) / length / step),
  );
  return charged({ kind: "noisy-vector", steps, step }, [metricEvent(record, step, epsilon, "floating-point")]);
}

/** Steps of a noise's scale: rounding a record is lost beside its noise. */
const STEPS_PER_SCALE_MIN = 2 ** 10;

/** A power of two of at most 2⁻¹⁰ of the noise's scale. */
function gridStep(scale: number, { values }: RecordVector, epsilon: number): number {
  assert(values.length > 0, "a record has numbers");
  assert(epsilon > 0 && Number.isFinite(epsilon), "ε per unit of distance is positive and finite");
  return 2 ** Math.floor(Math.log2(scale / STEPS_PER_SCALE_MIN));
}

function toGrid({ values }: RecordVector, step: number): Float64Array {
  const steps = values.map((value) => wholeSteps(value / step));
  assert(steps.every(Number.isSafeInteger), "a record's numbers are finite and within the grid's range");
  return steps;
}

/** The nearest integer; never −0, whose sign would be the number's own. */
function wholeSteps(value: number): number {
  return Math.round(value) + 0;
}

/** Rounding moves each coordinate of each of two records by half a step at most, so their distance by √K·step. */
function metricEvent(
  { values, l2Bound }: RecordVector,
  step: number,
  epsilon: number,
  sampler: MetricEvent["sampler"],
): MetricEvent {
  const diameter = l2Bound === null ? null : (2 * l2Bound + Math.sqrt(values.length) * step) * (1 + 1e-12);
  return { kind: "metric", adjacency: "replace", epsilonPerDistance: epsilon, diameter, sampler, count: 1 };
}

/** A normal deviate (Box & Muller 1958). */
function normal(random: RandomSource): number {
  return Math.sqrt(-2 * Math.log(unit(random))) * Math.cos(2 * Math.PI * unit(random));
}

/** A multiple of 2⁻⁵³ in (0, 1]. */
function unit(random: RandomSource): number {
  return (uniformBits(26, random) * 2 ** 27 + uniformBits(27, random) + 1) * 2 ** -53;
}
