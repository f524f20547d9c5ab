/**
 * Exact draws from random bytes: integers below a bound, and events of probability exp(−γ) for a rational γ.
 * No floating point: Canonne, Kamath & Steinke 2020, arXiv:2004.00010, Algorithm 1 and Proposition 23.
 * All numbers are integers; `bigint`, because their products pass 2⁵³.
 */
import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";

/** Uniform in {0, …, bound − 1}: as many bits as the bound has, drawn again until below it. */
export function uniformBelow(bound: bigint, random: RandomSource): bigint {
  assert(bound > 0n, "a uniform draw has at least one outcome");
  if (bound === 1n) return 0n;
  if (bound <= 1n << 32n) return BigInt(uniformBelowWord(Number(bound), random));
  const bits = (bound - 1n).toString(2).length;
  const byteCount = Math.ceil(bits / 8);
  const excess = BigInt(byteCount * 8 - bits);
  for (;;) {
    const draw = BigInt(`0x${Buffer.from(random.bytes(byteCount)).toString("hex")}`) >> excess;
    if (draw < bound) return draw;
  }
}

/** The same below 2³², without big numbers. */
function uniformBelowWord(bound: number, random: RandomSource): number {
  const bits = 32 - Math.clz32(bound - 1);
  const byteCount = Math.ceil(bits / 8);
  for (;;) {
    const draw = random.bytes(byteCount).reduce((value, byte) => value * 256 + byte, 0) % 2 ** bits;
    if (draw < bound) return draw;
  }
}

/** True with probability exp(−numerator / denominator), for any rational ≥ 0. */
export function bernoulliExp(numerator: bigint, denominator: bigint, random: RandomSource): boolean {
  let whole = numerator / denominator;
  for (; whole > 0n; whole--) if (!bernoulliExpUnit(1n, 1n, random)) return false;
  return bernoulliExpUnit(numerator % denominator, denominator, random);
}

/** The same for 0 ≤ γ ≤ 1: the first K with a failed Bernoulli(γ / K) is odd with probability exp(−γ). */
function bernoulliExpUnit(numerator: bigint, denominator: bigint, random: RandomSource): boolean {
  let k = 1n;
  while (uniformBelow(denominator * k, random) < numerator) k++;
  return k % 2n === 1n;
}
