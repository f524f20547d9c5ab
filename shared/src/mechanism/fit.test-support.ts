/**
 * How well draws fit a distribution, with a stated rate of false alarms: a true sampler fails a check once in 10⁶
 * seeds.
 * Tests use fixed seeds, so that a run's verdict never changes.
 */
import { aesCtrStream } from "../random/aesCtrStream.ts";
import type { RandomSource } from "../random/randomSource.ts";

export const seeded = (seed: number): RandomSource =>
  aesCtrStream({ origin: "seeded", bytes: (count) => new Uint8Array(count).fill(seed) });

/** One-sided quantile of 10⁻⁶. */
export const FALSE_ALARM_NORMAL = 4.76;

/** Least P-value of a tail's count: both sides together 10⁻⁶. */
export const FALSE_ALARM_TAIL = 5e-7;

/**
 * Pearson's statistic as a standard normal (Wilson & Hilferty 1931); outcomes expected less than 10 times are pooled
 * with whatever no outcome stands for.
 */
export function fitScore(
  observed: ReadonlyMap<number, number>,
  expected: ReadonlyMap<number, number>,
  draws: number,
): number {
  let statistic = 0;
  let cells = 0;
  let restObserved = draws;
  let restExpected = draws;
  for (const [value, probability] of expected) {
    if (probability * draws < 10) continue;
    const count = observed.get(value) ?? 0;
    statistic += (count - probability * draws) ** 2 / (probability * draws);
    restObserved -= count;
    restExpected -= probability * draws;
    cells++;
  }
  if (restExpected >= 10) statistic += (restObserved - restExpected) ** 2 / restExpected;
  else if (tailScore(restObserved, Math.max(restExpected, 0)) < FALSE_ALARM_TAIL) return Number.POSITIVE_INFINITY;
  const freedom = cells - (restExpected >= 10 ? 0 : 1);
  return ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / Math.sqrt(2 / (9 * freedom));
}

/** P-value of an outcome's count: the lesser of both sides of a Poisson law, which is nearly normal for large ones. */
export function tailScore(observed: number, expected: number): number {
  if (expected > 300) {
    const z = Math.abs(observed - expected) / Math.sqrt(expected);
    return normalMass(z, z + 8);
  }
  let term = Math.exp(-expected);
  let upTo = 0;
  for (let k = 0; k < observed; k++) {
    upTo += term;
    term *= expected / (k + 1);
  }
  // P(X ≥ n) loses its digits where it is small: then it is at most its first term over 1 − λ/(n + 1).
  const above = 1 - upTo > 1e-9 ? 1 - upTo : term / Math.max(1e-300, 1 - expected / (observed + 1));
  return Math.min(above, upTo + term);
}

/** How often each value came. */
export function tally(values: Iterable<number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/** Probabilities ∝ weight of the integers within reach. */
export function normalised(weight: (k: number) => number, reach: number): Map<number, number> {
  const weights = new Map<number, number>();
  for (let k = -reach; k <= reach; k++) weights.set(k, weight(k));
  const total = [...weights.values()].reduce((sum, value) => sum + value, 0);
  return new Map([...weights].map(([k, value]) => [k, value / total]));
}

export const gaussianPmf = (stdDev: number): Map<number, number> =>
  normalised((k) => Math.exp(-(k * k) / (2 * stdDev * stdDev)), Math.ceil(9 * stdDev) + 2);

/** Φ(b) − Φ(a) by Simpson's rule in 200 steps. */
export function normalMass(a: number, b: number): number {
  const steps = 200;
  const h = (b - a) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.exp(-((a + i * h) ** 2) / 2);
  }
  return (sum * h) / 3 / Math.sqrt(2 * Math.PI);
}
