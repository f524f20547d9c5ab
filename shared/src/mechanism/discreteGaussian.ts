import { PrivacyEvent, type SamplerDistance } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";
import type { NoiseMultiplier } from "../units/privacy.ts";
import { type Charged, charged } from "./charged.ts";
import { sampleDiscreteLaplace } from "./discreteLaplace.ts";
import { bernoulliExp } from "./exactBernoulli.ts";

/** Integers; adding or removing one patient moves their L2 norm by ≤ l2Sensitivity. */
export interface IntegerSum {
  readonly kind: "integer-sum";
  readonly values: readonly number[];
  readonly l2Sensitivity: number;
}

/** Integers with noise of their own: may be shown. */
export interface NoisyIntegers {
  readonly kind: "noisy-integers";
  readonly values: readonly number[];
}

/**
 * Adds discrete Gaussian noise of standard deviation noiseMultiplier · l2Sensitivity to each value: exact, so the
 * event's sampler is at distance 0 from the discrete Gaussian (Canonne, Kamath & Steinke 2020, Theorem 14: 1/2σ²-zCDP
 * in any dimension). For some values; a contribution's millions are noised by `contribution/fixedPoint.ts`.
 */
export function addDiscreteGaussian(
  sum: IntegerSum,
  noiseMultiplier: NoiseMultiplier,
  random: RandomSource,
): Charged<NoisyIntegers> {
  const stdDev = gaussianStdDev(sum, noiseMultiplier);
  const values = sum.values.map((value) => value + sampleDiscreteGaussian(stdDev, random));
  return charged({ kind: "noisy-integers", values }, [
    wholeGaussian(noiseMultiplier, { maxLogRatio: 0, totalVariation: 0 }),
  ]);
}

/**
 * Of the noise that a multiplier means for a sum: their product, up to the next multiple of 2⁻²⁰ of it or so, because
 * exact arithmetic takes longer with more digits.
 */
export function gaussianStdDev({ values, l2Sensitivity }: IntegerSum, noiseMultiplier: NoiseMultiplier): number {
  assert(values.every(Number.isSafeInteger), "the values are integers");
  const product = noiseMultiplier * l2Sensitivity;
  assert(product > 0 && Number.isFinite(product), "the sensitivity of a sum is positive and finite");
  const [a, b] = [fractionOf(noiseMultiplier), fractionOf(l2Sensitivity)];
  const exponent = Math.floor(Math.log2(product)) - 20;
  const over = a.denominator * b.denominator * 2n ** BigInt(Math.max(0, exponent));
  const scaled = a.numerator * b.numerator * 2n ** BigInt(Math.max(0, -exponent));
  return Number((scaled + over - 1n) / over) * 2 ** exponent;
}

/** One release of a whole data set, not a sample, with Gaussian noise; on the integers where a distance is stated. */
export function wholeGaussian(noiseMultiplier: NoiseMultiplier, samplerDistance?: SamplerDistance): PrivacyEvent {
  const whole = { kind: "poisson-gaussian", adjacency: "add-remove", samplingRate: 1, noiseMultiplier, count: 1 };
  return PrivacyEvent.parse({ ...whole, samplerDistance });
}

/**
 * An integer with P(k) ∝ exp(−k² / (2·stdDev²)): exactly, `stdDev` read as the fraction that a float64 is.
 * Canonne, Kamath & Steinke 2020, arXiv:2004.00010, Algorithm 3. Slow (microseconds): `wideGaussian.ts` is the fast one,
 * and is held against this one.
 */
export function sampleDiscreteGaussian(stdDev: number, random: RandomSource): number {
  assert(stdDev > 0 && Number.isFinite(stdDev), "a standard deviation is positive and finite");
  const { numerator, denominator } = fractionOf(stdDev);
  const varianceOver = numerator * numerator;
  const varianceUnder = denominator * denominator;
  const scale = numerator / denominator + 1n;
  for (;;) {
    const candidate = sampleDiscreteLaplace(scale, 1n, random);
    // Accept with exp(−(|Y| − σ²/t)² / 2σ²), both sides over (t · varianceUnder)².
    const offset = BigInt(Math.abs(candidate)) * scale * varianceUnder - varianceOver;
    if (bernoulliExp(offset * offset, 2n * varianceOver * varianceUnder * scale * scale, random)) return candidate;
  }
}

/** The dyadic fraction that a positive float64 is. */
export function fractionOf(value: number): { readonly numerator: bigint; readonly denominator: bigint } {
  let numerator = value;
  let denominator = 1n;
  while (!Number.isInteger(numerator)) {
    numerator *= 2;
    denominator *= 2n;
  }
  return { numerator: BigInt(numerator), denominator };
}
