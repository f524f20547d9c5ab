import type { Ties } from "./attacks.ts";
import { clamp, type Interval, stdDev } from "./interval.ts";
import { type Distributions, rateAbove } from "./roc.ts";
import { RESOLVABLE_STD_DEVS } from "./strata.ts";

/** Fewer expected non-members than this above a threshold say nothing about the threshold's FPR. */
const TAIL_NON_MEMBERS_MIN = 10;

export type TailRate = { readonly interval: Interval } | { readonly unresolvable: string };

/**
 * Largest TPR with FPR ≤ `fpr` (step convention, thresholds at bin edges). Its interval: below, the TPR of a threshold
 * whose FPR is surely within `fpr`; above, that of the first one whose FPR surely passes it. Resolvable only where
 * `fpr` leaves at least 10 non-members and 5 noise standard deviations. Where ties are exact no threshold lies inside a
 * bin: above, the largest TPR of those whose FPR may be within.
 */
export function tprAtFpr(distributions: Distributions, fpr: number, z: number, ties: Ties): TailRate {
  const expected = fpr * distributions.nonMembers;
  if (expected < TAIL_NON_MEMBERS_MIN) {
    const few = `only ${expected.toFixed(1)} non-members are expected above this threshold`;
    return { unresolvable: `${few}; it takes ${TAIL_NON_MEMBERS_MIN}` };
  }
  const bins = distributions.p.length;
  const edges = Array.from({ length: bins + 1 }, (_, index) => rateAbove(distributions, bins - index));
  const within = edges.filter((edge) => edge.fpr.value <= fpr);
  const beyond = edges.find((edge) => edge.fpr.value > fpr);
  const noiseStdDev = Math.sqrt(beyond?.fpr.noiseVariance ?? 0);
  if (fpr < RESOLVABLE_STD_DEVS * noiseStdDev) {
    return {
      unresolvable: `the noise on this rate (standard deviation ${noiseStdDev.toFixed(4)}) is too large for it`,
    };
  }
  const surelyWithin = edges.filter((edge) => edge.fpr.value + z * stdDev(edge.fpr) <= fpr);
  const isSurelyBeyond = (edge: (typeof edges)[number]) => edge.fpr.value - z * stdDev(edge.fpr) > fpr;
  const surelyBeyond = edges.find(isSurelyBeyond) ?? edges[bins];
  const best = within.reduce((a, b) => (b.tpr.value > a.tpr.value ? b : a), edges[0] ?? rateAbove(distributions, bins));
  const value = clamp(best.tpr.value);
  const bounding = ties === "exact" ? edges.filter((edge) => !isSurelyBeyond(edge)) : [surelyBeyond ?? best];
  const highs = bounding.map((edge) => clamp(edge.tpr.value + z * stdDev(edge.tpr)));
  const low = Math.max(0, ...surelyWithin.map((edge) => edge.tpr.value - z * stdDev(edge.tpr)));
  return {
    interval: {
      low: Math.min(low, value),
      value,
      high: Math.max(value, ...highs),
      samplingStdDev: Math.sqrt(best.tpr.samplingVariance),
      noiseStdDev: Math.sqrt(best.tpr.noiseVariance),
      halfBin: ties === "exact" ? 0 : Math.max(0, (surelyBeyond?.tpr.value ?? 1) - best.tpr.value) / 2,
    },
  };
}
