import type { ClassScore, Groups } from "./classThresholds.ts";
import { logOfTen, powerOfTen } from "./powersOfTen.ts";

/** Values below it are taken as it, so that they have a logarithm: Song & Mittal's own code, and TF Privacy's. */
export const LEAST_VALUE = 1e-10;

/** Shares of members and non-members in bins of equal width on the logarithm of a value. */
export interface LogHistogram {
  /** One more than the bins; the last bin includes its upper edge. */
  readonly edges: readonly number[];
  readonly members: readonly number[];
  readonly nonMembers: readonly number[];
}

/**
 * Needs at least one value. Edges run from the least to the greatest value, as powers of ten: where rounding puts the
 * outermost edge inside the range, the record at it is in no bin, though it counts in the shares' denominator. That is
 * how the authors' code and TF Privacy's count (NumPy's logspace and histogram); kept, so that scores are theirs.
 */
export function logHistogram({ members, nonMembers }: Groups<number>, bins: number): LogHistogram {
  const [inside, outside] = [members.map(atLeast), nonMembers.map(atLeast)];
  const all = [...inside, ...outside];
  const low = all.reduce((least, value) => Math.min(least, value), Number.POSITIVE_INFINITY);
  const high = all.reduce((most, value) => Math.max(most, value), 0);
  const [from, to] = [logOfTen(low), logOfTen(high)];
  const step = (to - from) / bins;
  const edges = Array.from({ length: bins + 1 }, (_, index) => powerOfTen(index === bins ? to : index * step + from));
  return { edges, members: shares(inside, edges), nonMembers: shares(outside, edges) };
}

/**
 * Histograms of the modified entropy of each class over a shadow model's members and non-members, for the privacy risk
 * score: Song & Mittal 2021, arXiv:2003.10595, §4, with their code's five bins on a log scale.
 */
export function riskHistograms(shadow: Groups<ClassScore>, classes: number, bins: number): readonly LogHistogram[] {
  return Array.from({ length: classes }, (_, label) => {
    const own = (scores: readonly ClassScore[]) =>
      scores.filter((score) => score.label === label).map(({ score }) => score);
    return logHistogram({ members: own(shadow.members), nonMembers: own(shadow.nonMembers) }, bins);
  });
}

/**
 * Privacy risk score of a record: the probability that it is a member given its value and class, members and
 * non-members being as likely beforehand. Where no shadow record fell into its bin, the nearest bin that has some
 * answers, the lower one of two as near.
 */
export function privacyRiskScore(value: number, { edges, members, nonMembers }: LogHistogram): number {
  const bin = binOf(atLeast(value), edges);
  for (let distance = 0; distance < members.length; distance++) {
    for (const near of [bin - distance, bin + distance]) {
      const [inside, outside] = [members[near] ?? 0, nonMembers[near] ?? 0];
      if (inside + outside > 0) return inside / (inside + outside);
    }
  }
  return Number.NaN;
}

/** A bin's share of members among all, 0 where the bin is empty: as TF Privacy's membership probability report. */
export function memberShares({ members, nonMembers }: LogHistogram): readonly number[] {
  return members.map((inside, bin) => {
    const all = inside + (nonMembers[bin] ?? 0);
    return all === 0 ? 0 : inside / all;
  });
}

/** Bin of a value; what lies outside the edges belongs to the first or the last bin. */
export function binOf(value: number, edges: readonly number[]): number {
  const above = edges.findIndex((edge) => edge > value);
  const bins = edges.length - 1;
  return above < 0 ? bins - 1 : Math.max(0, above - 1);
}

function shares(values: readonly number[], edges: readonly number[]): readonly number[] {
  const counts = new Array<number>(edges.length - 1).fill(0);
  for (const value of values) {
    if (value < (edges[0] ?? Number.NaN) || value > (edges.at(-1) ?? Number.NaN)) continue;
    const bin = binOf(value, edges);
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts.map((count) => count / values.length);
}

function atLeast(value: number): number {
  return Math.max(value, LEAST_VALUE);
}
