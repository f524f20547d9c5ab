import { type Cells, totalOf } from "./histogram.ts";
import type { Stratum } from "./strata.ts";

/**
 * Score distributions of members (p) and of non-members re-weighted stratum by stratum to the members' mix (q), from
 * noised counts. Negative counts stay: clamping them would bias every figure.
 */
export interface Distributions {
  readonly strata: readonly Stratum[];
  readonly members: number;
  readonly nonMembers: number;
  readonly p: readonly number[];
  readonly q: readonly number[];
  /** Each stratum's share of members, its non-members' total and their own distribution. */
  readonly mix: readonly { readonly share: number; readonly total: number; readonly q: readonly number[] }[];
}

/** Needs every stratum's totals to be positive: see `resolvableStrata`. */
export function distributionsOf(strata: readonly Stratum[]): Distributions {
  const members = strata.reduce((sum, stratum) => sum + totalOf(stratum.members), 0);
  const bins = strata[0]?.members.counts.length ?? 0;
  const mix = strata.map(({ members: own, nonMembers }) => {
    const total = totalOf(nonMembers);
    return { share: totalOf(own) / members, total, q: nonMembers.counts.map((value) => value / total) };
  });
  const over = (term: (stratum: number, bin: number) => number) =>
    Array.from({ length: bins }, (_, bin) => strata.reduce((sum, _stratum, index) => sum + term(index, bin), 0));
  return {
    strata,
    members,
    nonMembers: mix.reduce((sum, { total }) => sum + total, 0),
    p: over((index, bin) => (strata[index]?.members.counts[bin] ?? 0) / members),
    q: over((index, bin) => (mix[index]?.share ?? 0) * (mix[index]?.q[bin] ?? 0)),
    mix,
  };
}

/** A figure with the two variances that make it uncertain: which patients were drawn, and the noise on their counts. */
export interface Estimate {
  readonly value: number;
  readonly samplingVariance: number;
  readonly noiseVariance: number;
}

/**
 * AUC: probability that a member scores above a non-member. Two that share a bin count `tie`: ½ is the usual figure; 1
 * and 0 bound what any order inside the bins could give (the half-bin error), from the tie mass actually there.
 */
export function areaUnderRoc(distributions: Distributions, tie: 0 | 0.5 | 1): Estimate {
  const { p, q } = distributions;
  const below = cumulative(q);
  const above = cumulative([...p].reverse()).reverse();
  const psi = q.map((mass, bin) => (below[bin] ?? 0) - mass + tie * mass);
  const phi = p.map((mass, bin) => (above[bin] ?? 0) - mass + tie * mass);
  const value = dot(p, psi);
  const { samplingVariance, noiseVariance } = linearised(distributions, psi, phi);
  return { value, samplingVariance, noiseVariance: noiseVariance + productNoise(distributions) };
}

/** Share of members (TPR) and of matched non-members (FPR) in bin `from` or above, and the gap TPR − FPR. */
export function rateAbove(distributions: Distributions, from: number): { tpr: Estimate; fpr: Estimate; gap: Estimate } {
  const { p, q } = distributions;
  const inside = p.map((_, bin) => (bin >= from ? 1 : 0));
  const none = p.map(() => 0);
  const tpr = dot(p, inside);
  const fpr = dot(q, inside);
  return {
    tpr: { value: tpr, ...linearised(distributions, inside, none) },
    fpr: { value: fpr, ...linearised(distributions, none, inside) },
    gap: {
      value: tpr - fpr,
      ...linearised(
        distributions,
        inside,
        inside.map((value) => -value),
      ),
    },
  };
}

/**
 * Delta method for a figure whose derivative is g by p and h by q (for the AUC: DeLong, DeLong & Clarke-Pearson 1988).
 * Noise enters p, q, the totals that divide them, and the strata's weights; each count's noise is independent.
 */
function linearised(distributions: Distributions, g: readonly number[], h: readonly number[]) {
  const { strata, members, p, q, mix } = distributions;
  const meanG = dot(p, g);
  const meanH = dot(q, h);
  let noiseVariance = 0;
  let samplingShares = 0;
  mix.forEach(({ share, total, q: ownQ }, index) => {
    const stratum = strata[index];
    if (stratum === undefined) return;
    const ownH = dot(ownQ, h);
    for (let bin = 0; bin < g.length; bin++) {
      const byMember = ((g[bin] ?? 0) - meanG + ownH - meanH) / members;
      const byNonMember = (share * ((h[bin] ?? 0) - ownH)) / total;
      noiseVariance += stratum.members.variance * byMember ** 2 + stratum.nonMembers.variance * byNonMember ** 2;
    }
    samplingShares += share ** 2 / total;
  });
  return { samplingVariance: spread(p, g) / members + spread(q, h) * samplingShares, noiseVariance };
}

/** What the product of both noises adds to the AUC's variance; matters only where noise is as large as the counts. */
function productNoise({ strata, members, mix }: Distributions): number {
  const noiseOf = (cells: Cells) => cells.counts.length * cells.variance;
  const byMembers = strata.reduce((sum, stratum) => sum + noiseOf(stratum.members), 0) / members ** 2;
  const byNonMembers = strata.reduce((sum, stratum, index) => {
    const { share, total } = mix[index] ?? { share: 0, total: 1 };
    return sum + (share / total) ** 2 * noiseOf(stratum.nonMembers);
  }, 0);
  return (byMembers * byNonMembers) / 4;
}

/** Variance of `values` under a noised distribution, kept within what values in an interval of length 1 allow. */
function spread(mass: readonly number[], values: readonly number[]): number {
  const mean = dot(mass, values);
  const square = mass.reduce((sum, share, bin) => sum + share * ((values[bin] ?? 0) - mean) ** 2, 0);
  return Math.min(0.25, Math.max(0, square));
}

function dot(mass: readonly number[], values: readonly number[]): number {
  return mass.reduce((sum, share, bin) => sum + share * (values[bin] ?? 0), 0);
}

/** Running sums, each including its own bin. */
function cumulative(mass: readonly number[]): number[] {
  let sum = 0;
  return mass.map((share) => {
    sum += share;
    return sum;
  });
}
