import { normalQuantile } from "../audit/interval.ts";
import type { OneRun } from "../canary/oneRun.ts";
import { logNormalCdf, normalCdf } from "../distribution/normal.ts";
import { greatestRejected } from "./greatestRejected.ts";

/**
 * Normal distribution. What follows here assumes that training is a Gaussian mechanism: estimates of its ε, and no
 * bounds on another's.
 */
export interface Gaussian {
  readonly mean: number;
  readonly stdDev: number;
}

/** ε at δ of μ-Gaussian differential privacy: Dong, Roth & Su 2019, arXiv:1905.02383 (duality of μ-GDP and (ε, δ)). */
export function gaussianDpEpsilon(mu: number, delta: number): number {
  return epsilonApart({ mean: mu, stdDev: 1 }, { mean: 0, stdDev: 1 }, delta);
}

/**
 * ε at δ that two normal distributions are apart, in both directions: Andrew et al. 2024, arXiv:2302.03098, §4 (with
 * the privacy loss's tails as in Steinke 2022, arXiv:2210.00597).
 */
export function epsilonApart(one: Gaussian, other: Gaussian, delta: number): number {
  return greatestRejected((epsilon) => Math.max(deltaOf(one, other, epsilon), deltaOf(other, one, epsilon)) > delta);
}

/** Cosines between a model's update and canary directions: of canaries that took part, and of any random ones. */
export interface CanaryCosines {
  readonly mean: number;
  readonly stdDev: number;
  readonly dimension: number;
}

/**
 * Andrew et al. 2024's one-shot estimate for federated training: the cosine with a canary that took no part is N(0,
 * 1/d), which is near enough for d of 1000 or more.
 */
export function federatedCanaryEpsilon({ mean, stdDev, dimension }: CanaryCosines, delta: number): number {
  return epsilonApart({ mean, stdDev }, { mean: 0, stdDev: 1 / Math.sqrt(dimension) }, delta);
}

/**
 * One run judged by the trade-off curve of the Gaussian mechanism: Mahloujifar, Melis & Chaudhuri 2024,
 * arXiv:2410.22235, its recursion over right and wrong guesses. Greatest μ at which so many right guesses are refuted,
 * as its ε at δ.
 */
export function oneRunGaussianEpsilon(run: OneRun, significance: number, delta: number): number {
  return gaussianDpEpsilon(
    greatestRejected((mu) => refutesGaussian(run, significance, mu)),
    delta,
  );
}

function refutesGaussian({ count, guesses, correct }: OneRun, significance: number, mu: number): boolean {
  let right = (significance * correct) / count;
  let wrong = (significance * (guesses - correct)) / count;
  for (let i = correct - 1; i >= 0; i--) {
    const next = Math.max(wrong, right >= 1 ? 1 : normalCdf(normalQuantile(right) - mu));
    if (next === wrong) break;
    right = Math.min(1, right + (i / (guesses - i)) * (next - wrong));
    wrong = next;
  }
  return right + wrong > guesses / count;
}

/** sup over events of P[one] − e^ε P[other], from the points where the densities' log ratio, a quadratic, is ε. */
function deltaOf(one: Gaussian, other: Gaussian, epsilon: number): number {
  const [p, q] = [one.stdDev ** -2, other.stdDev ** -2];
  const a = (q - p) / 2;
  const b = p * one.mean - q * other.mean;
  const c = (q * other.mean ** 2 - p * one.mean ** 2) / 2 + Math.log(other.stdDev / one.stdDev) - epsilon;
  const inside = rootsOf(a, b, c);
  if (inside === null) return 0;
  const logOne = logMassBeyond(one, inside, a);
  const factor = epsilon + logMassBeyond(other, inside, a) - logOne;
  return factor >= 0 || logOne === Number.NEGATIVE_INFINITY ? 0 : Math.exp(logOne) * -Math.expm1(factor);
}

/** Both roots in order, ±∞ for the one that a line lacks; null where the curve has none. */
function rootsOf(a: number, b: number, c: number): readonly [number, number] | null {
  const discriminant = b * b - 4 * a * c;
  if (discriminant <= 0) return null;
  const sum = -(b + (b < 0 ? -1 : 1) * Math.sqrt(discriminant)) / 2;
  // With a = 0 the first is ±∞ and the second the line's own root; this form doesn't cancel where a is near 0.
  const roots = [a === 0 ? Math.sign(b) * Number.NEGATIVE_INFINITY : sum / a, c / sum] as const;
  return roots[0] < roots[1] ? roots : [roots[1], roots[0]];
}

/** log mass where the quadratic is positive: outside its roots if it opens upward (or is a line), else between them. */
function logMassBeyond({ mean, stdDev }: Gaussian, [low, high]: readonly [number, number], a: number): number {
  const below = logNormalCdf((low - mean) / stdDev);
  const above = logNormalCdf((mean - high) / stdDev);
  if (a >= 0) return logSum(below, above);
  const toHigh = logNormalCdf((high - mean) / stdDev);
  const fromLow = logNormalCdf((mean - low) / stdDev);
  // The smaller of both forms keeps its digits.
  return low > mean ? logDifference(fromLow, above) : logDifference(toHigh, below);
}

function logSum(x: number, y: number): number {
  const most = Math.max(x, y);
  return most === Number.NEGATIVE_INFINITY ? most : most + Math.log1p(Math.exp(Math.min(x, y) - most));
}

function logDifference(x: number, y: number): number {
  return y === Number.NEGATIVE_INFINITY ? x : x + Math.log(-Math.expm1(y - x));
}
