import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";
import type { NoiseMultiplier } from "../units/privacy.ts";
import { type Charged, charged } from "./charged.ts";
import { fractionOf, gaussianStdDev, type IntegerSum, type NoisyIntegers, wholeGaussian } from "./discreteGaussian.ts";
import { bernoulliExp, uniformBits } from "./exactBernoulli.ts";

/**
 * Adds continuous Gaussian noise rounded to integers. round(x + N) = x + round(N) for an integer x, so the result is
 * post-processing of the continuous Gaussian mechanism and its event is that one's, whatever the dimension; no sampler's
 * distance is to be added, because the draws are exact.
 */
export function addRoundedGaussian(
  sum: IntegerSum,
  noiseMultiplier: NoiseMultiplier,
  random: RandomSource,
): Charged<NoisyIntegers> {
  const stdDev = gaussianStdDev(sum, noiseMultiplier);
  const values = sum.values.map((value) => value + sampleRoundedGaussian(stdDev, random));
  return charged({ kind: "noisy-integers", values }, [wholeGaussian(noiseMultiplier)]);
}

/** Widest noise: results stay safe integers. */
export const ROUNDED_STD_DEV_MAX = 2 ** 44;

/**
 * A normal deviate times `stdDev`, rounded to the nearest integer: exactly so, P(k) = Φ((k+½)/s) − Φ((k−½)/s).
 * Karney 2016, arXiv:1303.6257, Algorithm N: |N| = k + x with P(k, x) ∝ exp(−k/2) · exp(−k(k−1)/2) · exp(−x(2k+x)/2).
 * The bits of x are drawn as they are needed: more of them wherever those at hand leave a comparison or the rounding
 * open.
 */
export function sampleRoundedGaussian(stdDev: number, random: RandomSource): number {
  assert(stdDev > 0 && stdDev <= ROUNDED_STD_DEV_MAX, "the rounded Gaussian's standard deviations are up to 2⁴⁴");
  for (;;) {
    let whole = 0;
    while (bernoulliExp(1n, 2n, random)) whole++;
    if (!bernoulliExp(BigInt(whole * (whole - 1)), 2n, random)) continue;
    const part = new LazyUniform(random);
    if (!isKept(whole, part, random)) continue;
    const magnitude = roundedProduct(stdDev, whole, part);
    return uniformBits(1, random) === 1 && magnitude !== 0 ? -magnitude : magnitude;
  }
}

/** A uniform of [0, 1) of which only the first bits are known: it lies in [value, value + 1) / 2^bits. */
class LazyUniform {
  bits = FIRST_BITS;
  /** In the float64 of the first bits, for what they decide alone. */
  readonly first: number;
  value: bigint;
  readonly #random: RandomSource;

  constructor(random: RandomSource) {
    this.#random = random;
    this.first = uniformBits(FIRST_BITS, random);
    this.value = BigInt(this.first);
  }

  extend(): void {
    this.value = (this.value << BigInt(FIRST_BITS)) + BigInt(uniformBits(FIRST_BITS, this.#random));
    this.bits += FIRST_BITS;
  }
}

const FIRST_BITS = 48;

/** True with probability exp(−x(2k+x)/2): k + 1 times exp(−γ), γ = x(2k+x)/(2k+2) ≤ 1, as `bernoulliExp` draws it. */
function isKept(k: number, x: LazyUniform, random: RandomSource): boolean {
  for (let turn = 0; turn <= k; turn++) {
    let failed = 1;
    while (isBelow(new LazyUniform(random), k, x, failed)) failed++;
    if (failed % 2 === 0) return false;
  }
  return true;
}

/** Whether u < x(2k+x) / ((2k+2)·j). */
function isBelow(u: LazyUniform, k: number, x: LazyUniform, j: number): boolean {
  const unit = 2 ** -FIRST_BITS;
  const near = x.first * unit;
  const difference = u.first * unit - (near * (2 * k + near)) / ((2 * k + 2) * j);
  // The bits not drawn yet move it by less than 2⁻⁴⁶, arithmetic by less than 2⁻⁵⁰.
  if (Math.abs(difference) > CLOSE) return difference < 0;
  for (const over = BigInt((2 * k + 2) * j); ; u.extend(), x.extend()) {
    while (x.bits < u.bits) x.extend();
    while (u.bits < x.bits) u.extend();
    const one = 1n << BigInt(x.bits);
    const square = (v: bigint): bigint => v * (2n * BigInt(k) * one + v);
    if ((u.value + 1n) * over * one <= square(x.value)) return true;
    if (u.value * over * one >= square(x.value + 1n)) return false;
  }
}

/** Wide enough that the exact comparison is taken often enough to be tested. */
const CLOSE = 2 ** -16;

/** The integer nearest to stdDev · (k + x), as soon as the bits at hand leave only one. */
function roundedProduct(stdDev: number, k: number, x: LazyUniform): number {
  const { numerator, denominator } = fractionOf(stdDev);
  for (;;) {
    const one = 1n << BigInt(x.bits);
    const nearest = (v: bigint): bigint =>
      (2n * numerator * (BigInt(k) * one + v) + denominator * one) / (2n * denominator * one);
    const least = nearest(x.value);
    if (least === nearest(x.value + 1n)) return Number(least);
    x.extend();
  }
}
