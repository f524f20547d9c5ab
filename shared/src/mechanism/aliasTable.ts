import { assert } from "../failure/failure.ts";
import { fractionOf } from "./discreteGaussian.ts";

/**
 * Alias table (Walker 1977, Vose 1991) of a discrete Gaussian with probabilities that are multiples of 2⁻¹²⁸.
 * One 32-bit word u draws a value: slot s = u mod N, threshold test by the bits above; on a tie 96 further bits decide,
 * so that each comparison is exact to 128 bits.
 */
export interface AliasTable {
  /** Standard deviation of the ideal distribution. */
  readonly stdDev: number;
  /** Slots N = 2^indexBits; slot s stands for the value s − radius. */
  readonly indexBits: number;
  readonly radius: number;
  /** Per slot: threshold's top 32 − indexBits bits, then the alias' index. */
  readonly packed: Int32Array;
  /** Per slot: the threshold's lower 96 bits, three words, most significant first. */
  readonly tieWords: Uint32Array;
  /** Total variation between a draw and the ideal distribution: cut tail, rounding, fixed-point error. */
  readonly totalVariation: number;
}

/** Largest standard deviation with a table of 2¹⁵ slots. */
export const TABLE_STD_DEV_MAX = 1200;

/** Support in standard deviations: P(|X| > 13.5σ) ≤ 2·exp(−13.5²/2) = 5.4e-40 (CKS 2020, Corollary 17). */
const REACH = 13.5;

/** Bits after the point of the weights' arithmetic; the recurrence loses at most 2²⁸ of the last ones. */
const FRACTION_BITS = 192n;
const PROBABILITY_BITS = 128n;

export function makeAliasTable(stdDev: number): AliasTable {
  assert(
    stdDev > 0 && stdDev <= TABLE_STD_DEV_MAX,
    `an alias table holds standard deviations up to ${TABLE_STD_DEV_MAX}`,
  );
  const radius = Math.ceil(REACH * stdDev);
  const indexBits = Math.max(2, Math.ceil(Math.log2(2 * radius + 1)));
  const probabilities = roundedProbabilities(stdDev, radius, 2 ** indexBits);
  const { thresholds, aliases } = voseTable(probabilities, PROBABILITY_BITS - BigInt(indexBits));
  return {
    stdDev,
    indexBits,
    radius,
    ...pack(thresholds, aliases, indexBits),
    // Cut tail; each probability rounded down by < 2⁻¹²⁸, the rest given to 0; fixed point: 2³¹ · 2⁻¹⁹² · 2 · N.
    totalVariation: 2 * Math.exp((-REACH * REACH) / 2) + (2 * radius + 1) * (2 ** -128 + 2 ** -160),
  };
}

/** Multiples of 2⁻¹²⁸ that sum to 1, for the values −radius … radius and then zeros up to `slots`. */
function roundedProbabilities(stdDev: number, radius: number, slots: number): bigint[] {
  const weights = gaussianWeights(stdDev, radius);
  const total = weights.reduce((sum, weight, k) => sum + (k === 0 ? weight : 2n * weight), 0n);
  const probabilities = new Array<bigint>(slots).fill(0n);
  let left = 1n << PROBABILITY_BITS;
  weights.forEach((weight, k) => {
    const probability = (weight << PROBABILITY_BITS) / total;
    probabilities[radius + k] = probability;
    probabilities[radius - k] = probability;
    left -= k === 0 ? probability : 2n * probability;
  });
  assert(left >= 0n && left <= BigInt(2 * radius + 1), "rounding loses less than a unit for each value");
  probabilities[radius] = (probabilities[radius] ?? 0n) + left;
  return probabilities;
}

/** exp(−k²/2σ²) for k = 0 … radius in fixed point, by ρ(k+1) = ρ(k)·r_k, r_{k+1} = r_k·exp(−1/σ²). */
function gaussianWeights(stdDev: number, radius: number): bigint[] {
  const { numerator, denominator } = fractionOf(stdDev);
  const halfInverseVariance = ((denominator * denominator) << FRACTION_BITS) / (2n * numerator * numerator);
  let ratio = expMinus(halfInverseVariance);
  const fall = expMinus(2n * halfInverseVariance);
  const weights = [1n << FRACTION_BITS];
  for (let k = 0; k < radius; k++) {
    weights.push(((weights[k] ?? 0n) * ratio) >> FRACTION_BITS);
    ratio = (ratio * fall) >> FRACTION_BITS;
  }
  return weights;
}

/** exp(−x) in fixed point: Taylor's series at x / 2ʰ < 2⁻⁸, squared h times, with 64 guard bits. */
function expMinus(x: bigint): bigint {
  const guard = 64n;
  const one = 1n << (FRACTION_BITS + guard);
  let halvings = 0n;
  while (x >> halvings > 1n << (FRACTION_BITS - 8n)) halvings++;
  if (halvings > 24n) return 0n;
  const small = (x << guard) >> halvings;
  let sum = one;
  let term = one;
  for (let n = 1n; term !== 0n; n++) {
    term = (term * small) / (one * n);
    sum += n % 2n === 1n ? -term : term;
  }
  for (; halvings > 0n; halvings--) sum = (sum * sum) / one;
  return sum >> guard;
}

/** Vose's method in integers: every slot holds `capacity` = 2^capacityBits of probability, exactly. */
function voseTable(probabilities: bigint[], capacityBits: bigint): { thresholds: bigint[]; aliases: number[] } {
  const capacity = 1n << capacityBits;
  const left = probabilities.slice();
  const thresholds = left.map(() => capacity);
  const aliases = left.map((_, slot) => slot);
  const short: number[] = [];
  const rich: number[] = [];
  for (const [slot, probability] of left.entries()) (probability < capacity ? short : rich).push(slot);
  for (let slot = short.pop(), donor = rich.pop(); slot !== undefined && donor !== undefined; ) {
    const own = left[slot] ?? 0n;
    thresholds[slot] = own;
    aliases[slot] = donor;
    const rest = (left[donor] ?? 0n) - (capacity - own);
    left[donor] = rest;
    if (rest < capacity) {
      slot = donor;
      donor = rich.pop();
    } else {
      slot = short.pop();
    }
  }
  return { thresholds, aliases };
}

function pack(
  thresholds: bigint[],
  aliases: number[],
  indexBits: number,
): { packed: Int32Array; tieWords: Uint32Array } {
  const packed = new Int32Array(thresholds.length);
  const tieWords = new Uint32Array(3 * thresholds.length);
  thresholds.forEach((threshold, slot) => {
    const alias = aliases[slot] ?? slot;
    // A slot that is its own alias draws itself whatever the threshold; a full one has no room for its threshold's
    // top bit.
    const kept = alias === slot ? 0n : threshold;
    packed[slot] = Number(kept >> 96n) * 2 ** indexBits + alias;
    tieWords[3 * slot] = Number((kept >> 64n) & 0xffffffffn);
    tieWords[3 * slot + 1] = Number((kept >> 32n) & 0xffffffffn);
    tieWords[3 * slot + 2] = Number(kept & 0xffffffffn);
  });
  return { packed, tieWords };
}
