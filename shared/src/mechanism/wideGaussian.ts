import { type Draws, drawOnce, drawTwice } from "@consilium/kernel/drawFromTable";
import type { SamplerDistance } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import { streamFrom } from "../random/aesCtrStream.ts";
import type { RandomSource, RandomStream } from "../random/randomSource.ts";
import { type AliasTable, makeAliasTable, TABLE_STD_DEV_MAX } from "./aliasTable.ts";

/** Widest standard deviation: values of three draws stay within ± 13.6 of them, inside 32 bits; of two, within ± 18. */
export const WIDE_STD_DEV_MAX = 1.5e8;

/**
 * Fills `target` with independent discrete Gaussian integers, P(k) ∝ exp(−k² / (2s²)), s ≥ stdDev by less than 1e-12
 * of it, and returns how far one draw is from that. About 6 ns a draw; randomness is `random`'s own stream, or an
 * AES-256-CTR stream keyed by it.
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
  const draws = drawsOf(plan.table, streamFrom(random));
  switch (plan.draws) {
    case 1:
      drawOnce(target, draws);
      break;
    case 2:
      drawTwice(target, plan.step, draws);
      break;
    case 3:
      fillThrice(target, draws, plan.step);
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

function drawsOf(table: AliasTable, stream: RandomStream): Draws {
  return { table, fill: stream.fill, settle: (word) => drawSlowly(table, word, stream) - table.radius };
}

/** x₁ + k·(x₂ + k·x₃), drawn by blocks: for widths beyond any study's grid so far. */
function fillThrice(target: Int32Array, draws: Draws, step: number): void {
  const block = new Int32Array(3 * THRICE_VALUES);
  for (let from = 0; from < target.length; from += THRICE_VALUES) {
    const count = Math.min(THRICE_VALUES, target.length - from);
    drawOnce(block.subarray(0, 3 * count), draws);
    for (let i = 0; i < count; i++) {
      target[from + i] = (block[3 * i] ?? 0) + step * ((block[3 * i + 1] ?? 0) + step * (block[3 * i + 2] ?? 0));
    }
  }
  block.fill(0);
}

const THRICE_VALUES = 4096;

/** The slot that a word u draws: slot u mod N where the bits above are below its threshold, else its alias. */
export function drawSlowly(table: AliasTable, word: number, stream: RandomSource): number {
  const mask = (1 << table.indexBits) - 1;
  const slot = word & mask;
  const entry = table.packed[slot] ?? 0;
  const alias = entry & mask;
  const side = (word >>> table.indexBits) - (entry >>> table.indexBits);
  // Both are below 2³⁰, so the difference's sign says which is less: a choice without a branch.
  return side === 0 ? settleTie(table, slot, alias, stream) : alias ^ ((alias ^ slot) & (side >> 31));
}

/** The top bits of draw and threshold agree: 96 fresh bits against the threshold's lower 96. */
function settleTie(table: AliasTable, slot: number, alias: number, stream: RandomSource): number {
  const fresh = Buffer.from(stream.bytes(12));
  for (let word = 0; word < 3; word++) {
    const draw = fresh.readUInt32LE(4 * word);
    const threshold = table.tieWords[3 * slot + word] ?? 0;
    if (draw !== threshold) return draw < threshold ? slot : alias;
  }
  return alias;
}
