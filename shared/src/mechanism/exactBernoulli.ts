/**
 * Exact draws from random bytes: integers below a bound, and events of probability exp(−γ) for a rational γ.
 * No floating point: Canonne, Kamath & Steinke 2020, arXiv:2004.00010, Algorithm 1 and Proposition 23.
 * All numbers are integers: `bigint`, because their products pass 2⁵³, or a float64 where they stay below.
 */
import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";

/** Uniform in {0, …, bound − 1}: as many bits as the bound has, drawn again until below it. */
export function uniformBelow(bound: bigint, random: RandomSource): bigint {
  assert(bound > 0n, "a uniform draw has at least one outcome");
  if (bound <= SMALL) return BigInt(uniformBelowSmall(Number(bound), random));
  const bits = (bound - 1n).toString(2).length;
  const byteCount = Math.ceil(bits / 8);
  const excess = BigInt(byteCount * 8 - bits);
  for (;;) {
    const draw = BigInt(`0x${Buffer.from(random.bytes(byteCount)).toString("hex")}`) >> excess;
    if (draw < bound) return draw;
  }
}

/** Up to it draws are exact in a float64, whole bytes included. */
const SMALL_BITS = 48;
const SMALL = 1n << BigInt(SMALL_BITS);

/** The same below 2⁴⁸, without big numbers. */
function uniformBelowSmall(bound: number, random: RandomSource): number {
  if (bound === 1) return 0;
  const high = Math.floor((bound - 1) / 2 ** 32);
  const bits = high > 0 ? 64 - Math.clz32(high) : 32 - Math.clz32(bound - 1);
  for (;;) {
    const draw = uniformBits(bits, random);
    if (draw < bound) return draw;
  }
}

/** Up to 48 fresh bits as an integer. */
export function uniformBits(bits: number, random: RandomSource): number {
  assert(bits > 0 && bits <= SMALL_BITS, "48 bits at once");
  let draw = 0;
  for (const byte of random.bytes(Math.ceil(bits / 8))) draw = draw * 256 + byte;
  return draw % 2 ** bits;
}

/** True with probability exp(−numerator / denominator), for any rational ≥ 0. */
export function bernoulliExp(numerator: bigint, denominator: bigint, random: RandomSource): boolean {
  let whole = numerator / denominator;
  for (; whole > 0n; whole--) if (!bernoulliExpSmall(1, 1, random)) return false;
  const rest = numerator % denominator;
  if (denominator <= SMALL) return bernoulliExpSmall(Number(rest), Number(denominator), random);
  let k = 1n;
  while (uniformBelow(denominator * k, random) < rest) k++;
  return k % 2n === 1n;
}

/** The same for 0 ≤ γ ≤ 1: the first K with a failed Bernoulli(γ / K) is odd with probability exp(−γ). */
function bernoulliExpSmall(numerator: number, denominator: number, random: RandomSource): boolean {
  let k = 1;
  while (uniformBelowProduct(denominator, k, random) < numerator) k++;
  return k % 2 === 1;
}

/** Uniform below a · b. A draw above 2⁵³ may lose its last bits: it is above any number that it is held against. */
function uniformBelowProduct(a: number, b: number, random: RandomSource): number {
  if (a * b <= 2 ** SMALL_BITS) return uniformBelowSmall(a * b, random);
  return Number(uniformBelow(BigInt(a) * BigInt(b), random));
}
