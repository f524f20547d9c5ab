import type { SamplerDistance } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import { aesCtrStream } from "../random/aesCtrStream.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { type AliasTable, makeAliasTable, TABLE_STD_DEV_MAX } from "./aliasTable.ts";

/** Widest standard deviation: values of three draws stay within ± 13.6 of them, inside 32 bits; of two, within ± 18. */
export const WIDE_STD_DEV_MAX = 1.5e8;

/**
 * Fills `target` with independent discrete Gaussian integers, P(k) ∝ exp(−k² / (2s²)), s ≥ stdDev by less than 1e-12
 * of it, and returns how far one draw is from that. About 10 ns a draw; randomness is an AES-256-CTR stream keyed by
 * `random`.
 *
 * Up to σ₀ = 1,200 one draw from a table. Above it a sum x₁ + k·x₂ (+ k²·x₃) of draws from one table of σ₀, in the
 * way of Micciancio & Walter 2017 (ePrint 2017/259). The proof for y = x₁ + k·x, x of std dev w, s² = σ₀² + k²w²:
 * completing the square, P(y) ∝ exp(−y²/2s²) · Σ_{x∈ℤ} exp(−(x − c_y)²/2r²) with r = σ₀w/s, and by Poisson's
 * summation that sum is r√(2π)·(1 ± ε), ε = 2Σ_{j≥1} exp(−2π²r²j²), for every c_y. So P(y) is within a factor (1 +
 * ε)/(1 − ε) of the ideal: the max-log ratio. r ≥ 2 always.
 */
export function fillWideGaussian(target: Int32Array, stdDev: number, random: RandomSource): SamplerDistance {
  const plan = planOf(stdDev);
  if (target.length === 0) return plan.distance;
  const words = wordsOf(aesCtrStream(random));
  switch (plan.draws) {
    case 1:
      fillOnce(target, plan.table, words);
      break;
    case 2:
      fillTwice(target, plan.table, plan.step, words);
      break;
    case 3:
      fillThrice(target, plan.table, plan.step, words);
      break;
  }
  return plan.distance;
}

/** Distance of one draw of this standard deviation from the ideal; the same before and after any draw. */
export function wideGaussianDistance(stdDev: number): SamplerDistance {
  return planOf(stdDev).distance;
}

interface Plan {
  readonly table: AliasTable;
  readonly draws: 1 | 2 | 3;
  /** k. */
  readonly step: number;
  readonly distance: SamplerDistance;
}

/** A study draws the same noise round after round: the last plans are kept. */
const plans = new Map<number, Plan>();
const PLANS_KEPT_MAX = 8;

function planOf(stdDev: number): Plan {
  const known = plans.get(stdDev);
  if (known !== undefined) return known;
  assert(stdDev > 0 && stdDev <= WIDE_STD_DEV_MAX, `the sampler's standard deviations are up to ${WIDE_STD_DEV_MAX}`);
  const plan = makePlan(stdDev);
  if (plans.size >= PLANS_KEPT_MAX) plans.clear();
  plans.set(stdDev, plan);
  return plan;
}

function makePlan(stdDev: number): Plan {
  if (stdDev <= TABLE_STD_DEV_MAX) {
    const table = makeAliasTable(stdDev);
    return { table, draws: 1, step: 1, distance: { maxLogRatio: 0, totalVariation: table.totalVariation } };
  }
  for (const draws of [2, 3] as const) {
    const widthAt = (step: number): number => Math.sqrt(1 + step ** 2 + (draws === 3 ? step ** 4 : 0));
    // The largest step whose every smoothing width stays ≥ 2: the smallest, quickest table.
    let step = 2;
    while (smoothing(stdDev / widthAt(step + 1), step + 1, draws) >= SMOOTHING_MIN) step++;
    const tableStdDev = (stdDev / widthAt(step)) * (1 + 1e-13);
    if (tableStdDev > TABLE_STD_DEV_MAX || smoothing(tableStdDev, step, draws) < SMOOTHING_MIN) continue;
    const table = makeAliasTable(tableStdDev);
    const maxLogRatio = (draws - 1) * smoothingLogRatio(smoothing(tableStdDev, step, draws));
    return { table, draws, step, distance: { maxLogRatio, totalVariation: draws * table.totalVariation } };
  }
  throw new RangeError(`no plan draws a discrete Gaussian of standard deviation ${stdDev}`);
}

/** exp(−2π²·2²) = 5e-35: over 10¹² draws the ratio is still below 1e-21. */
const SMOOTHING_MIN = 2;

/** Least r = σ₀w/s over the sums made, w the width of what is multiplied by k. */
function smoothing(tableStdDev: number, step: number, draws: 2 | 3): number {
  const pair = Math.sqrt(1 + step ** 2);
  const inner = tableStdDev / pair;
  return draws === 2 ? inner : Math.min(inner, (tableStdDev * pair) / Math.sqrt(1 + step ** 2 + step ** 4));
}

/** log((1 + ε)/(1 − ε)) ≤ 2.1 ε, ε = 2Σ exp(−2π²r²j²) ≤ 2.1·exp(−2π²r²) for r ≥ 2. */
function smoothingLogRatio(r: number): number {
  return 2.1 * 2.1 * Math.exp(-2 * Math.PI ** 2 * r ** 2);
}

/** Hands out blocks of random words. */
type Words = (count: number) => Int32Array;

const BLOCK_WORDS = 1 << 16;

function wordsOf(stream: RandomSource): Words {
  return (count) => {
    const bytes = stream.bytes(4 * count);
    const aligned = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
    return new Int32Array(aligned.buffer, aligned.byteOffset, count);
  };
}

/*
 * One draw, written out three times below because calls cost more than the draw:
 *   slot = u mod N; v = u >>> indexBits; value = (v < threshold ? slot : alias) − radius, and on v = threshold
 * `settleTie`. `(v − threshold) >> 31` is −1 where v < threshold (both are below 2³⁰), else 0: a choice without a
 * branch.
 */

function fillOnce(target: Int32Array, table: AliasTable, words: Words): void {
  const { packed, indexBits, radius } = table;
  const mask = (1 << indexBits) - 1;
  for (let from = 0; from < target.length; from += BLOCK_WORDS) {
    const count = Math.min(BLOCK_WORDS, target.length - from);
    const block = words(count);
    for (let i = 0; i < count; i++) {
      const u = block[i] ?? 0;
      const entry = packed[u & mask] ?? 0;
      const side = (u >>> indexBits) - (entry >>> indexBits);
      const alias = entry & mask;
      const slot = side === 0 ? settleTie(table, u & mask, words) : alias ^ ((alias ^ (u & mask)) & (side >> 31));
      target[from + i] = slot - radius;
    }
  }
}

function fillTwice(target: Int32Array, table: AliasTable, step: number, words: Words): void {
  const { packed, indexBits, radius } = table;
  const mask = (1 << indexBits) - 1;
  const offset = radius * (1 + step);
  for (let from = 0; from < target.length; from += BLOCK_WORDS / 2) {
    const count = Math.min(BLOCK_WORDS / 2, target.length - from);
    const block = words(2 * count);
    for (let i = 0; i < count; i++) {
      const u = block[2 * i] ?? 0;
      const entry = packed[u & mask] ?? 0;
      const side = (u >>> indexBits) - (entry >>> indexBits);
      const alias = entry & mask;
      const first = side === 0 ? settleTie(table, u & mask, words) : alias ^ ((alias ^ (u & mask)) & (side >> 31));
      const u2 = block[2 * i + 1] ?? 0;
      const entry2 = packed[u2 & mask] ?? 0;
      const side2 = (u2 >>> indexBits) - (entry2 >>> indexBits);
      const alias2 = entry2 & mask;
      const second =
        side2 === 0 ? settleTie(table, u2 & mask, words) : alias2 ^ ((alias2 ^ (u2 & mask)) & (side2 >> 31));
      target[from + i] = first + step * second - offset;
    }
  }
}

/** x₁ + k·(x₂ + k·x₃), each x drawn by `fillOnce` into a block: for widths beyond any study's grid so far. */
function fillThrice(target: Int32Array, table: AliasTable, step: number, words: Words): void {
  const draws = new Int32Array(3 * 4096);
  for (let from = 0; from < target.length; from += 4096) {
    const count = Math.min(4096, target.length - from);
    const block = draws.subarray(0, 3 * count);
    fillOnce(block, table, words);
    for (let i = 0; i < count; i++) {
      target[from + i] = (block[3 * i] ?? 0) + step * ((block[3 * i + 1] ?? 0) + step * (block[3 * i + 2] ?? 0));
    }
  }
}

/** The top bits of draw and threshold agree: 96 fresh bits against the threshold's lower 96. */
function settleTie(table: AliasTable, slot: number, words: Words): number {
  const alias = (table.packed[slot] ?? 0) & ((1 << table.indexBits) - 1);
  const fresh = words(3);
  for (let word = 0; word < 3; word++) {
    const draw = (fresh[word] ?? 0) >>> 0;
    const threshold = table.tieWords[3 * slot + word] ?? 0;
    if (draw !== threshold) return draw < threshold ? slot : alias;
  }
  return alias;
}
