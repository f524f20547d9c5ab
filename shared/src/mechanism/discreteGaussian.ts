import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { sampleDiscreteLaplace } from "./discreteLaplace.ts";
import { bernoulliExp } from "./exactBernoulli.ts";

/**
 * An integer with P(k) ∝ exp(−k² / (2·stdDev²)): exactly, `stdDev` read as the fraction that a float64 is.
 * Canonne, Kamath & Steinke 2020, arXiv:2004.00010, Algorithm 3. Slow (tens of µs): `wideGaussian.ts` is the fast one,
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
