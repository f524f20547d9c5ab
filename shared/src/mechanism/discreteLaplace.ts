import { PrivacyEvent } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { type Charged, charged } from "./charged.ts";
import { bernoulliExp, uniformBelow } from "./exactBernoulli.ts";

/** Counts of patients; adding or removing one patient moves their L1 norm by ≤ l1Sensitivity (an integer). */
export interface Histogram {
  readonly kind: "histogram";
  readonly counts: readonly number[];
  readonly l1Sensitivity: number;
}

/** Counts with noise: may be negative, may be shown. */
export interface NoisyHistogram {
  readonly kind: "noisy-histogram";
  readonly counts: readonly number[];
  /** Of the noise: P(k) ∝ exp(−|k| / scale). */
  readonly scale: number;
}

/**
 * Adds discrete Laplace noise to each count: pure ε′-private for the ε′ ≤ ε of the event returned.
 * An empty histogram, or one of zeros, is a histogram like any other. Throws on counts that are no safe integers.
 */
export function addDiscreteLaplace(
  histogram: Histogram,
  epsilon: number,
  random: RandomSource,
): Charged<NoisyHistogram> {
  assert(histogram.counts.every(Number.isSafeInteger), "counts are integers");
  const ticks = scaleTicks(histogram.l1Sensitivity, epsilon);
  const counts = histogram.counts.map((count) => count + sampleDiscreteLaplace(ticks, SCALE_TICK, random));
  const scale = Number(ticks) / Number(SCALE_TICK);
  return charged({ kind: "noisy-histogram", counts, scale }, [
    discreteLaplaceEvent(histogram.l1Sensitivity, epsilon, 1),
  ]);
}

/** The event of `count` such releases: what to reserve before any of them is made. */
export function discreteLaplaceEvent(l1Sensitivity: number, epsilon: number, count: number): PrivacyEvent {
  return PrivacyEvent.parse({
    kind: "discrete-laplace",
    adjacency: "add-remove",
    sensitivity: l1Sensitivity,
    scale: Number(scaleTicks(l1Sensitivity, epsilon)) / Number(SCALE_TICK),
    count,
  });
}

/** Scales are multiples of 2⁻²⁰: exact as a fraction for the sampler and as a float64 in the event. */
export const SCALE_TICK = 2n ** 20n;

/** Least scale, in ticks, whose ε is not above the one asked for. */
export function scaleTicks(l1Sensitivity: number, epsilon: number): bigint {
  assert(Number.isSafeInteger(l1Sensitivity) && l1Sensitivity > 0, "the sensitivity of counts is a positive integer");
  assert(epsilon > 0 && epsilon <= 1e6, "ε of a histogram is positive and at most 10⁶");
  let ticks = Math.ceil((l1Sensitivity * Number(SCALE_TICK)) / epsilon);
  assert(Number.isSafeInteger(ticks), "the scale of the noise is below 2³³");
  while (l1Sensitivity / (ticks / Number(SCALE_TICK)) > epsilon) ticks++;
  return BigInt(ticks);
}

/**
 * An integer with P(k) ∝ exp(−|k| · denominator / numerator), i.e. of scale numerator / denominator; exact.
 * Canonne, Kamath & Steinke 2020, arXiv:2004.00010, Algorithm 2 (their t, s). Its time depends on the noise alone.
 */
export function sampleDiscreteLaplace(numerator: bigint, denominator: bigint, random: RandomSource): number {
  for (;;) {
    const remainder = uniformBelow(numerator, random);
    if (!bernoulliExp(remainder, numerator, random)) continue;
    let quotient = 0n;
    while (bernoulliExp(1n, 1n, random)) quotient++;
    const magnitude = Number((remainder + numerator * quotient) / denominator);
    const negative = uniformBelow(2n, random) === 1n;
    // Zero has one sign only, or it would be drawn twice as often as it should.
    if (negative && magnitude === 0) continue;
    return negative ? -magnitude : magnitude;
  }
}
