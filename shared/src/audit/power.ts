import type { AttackName } from "../study/audit.ts";
import { orderingsOf, tiesOf } from "./attacks.ts";
import { averageCells, discreteLaplaceVariance } from "./histogram.ts";
import { aucInterval, normalQuantile, simultaneousQuantile } from "./interval.ts";
import { distributionsOf } from "./roc.ts";
import { resolvableStrata } from "./strata.ts";

/** An audit before it is run: public figures only. */
export interface AuditDesign {
  /** Expected training and hold-out patients of each site. */
  readonly sites: readonly { readonly members: number; readonly nonMembers: number }[];
  readonly attacks: readonly AttackName[];
  readonly modelClasses: number;
  /** 1 where histograms pool the classes. */
  readonly histogramClasses: number;
  readonly bins: number;
  readonly epsilon: { readonly members: number; readonly nonMembers: number };
  readonly confidence: number;
}

/**
 * Upper AUC bound that a model which leaks nothing gets: on average, and at most with probability `probability`. A gate
 * below the second refuses sound models now and then; one below the first, mostly. Assumes scores spread evenly over
 * the bins; uneven scores tie more. Null where even a full audit could resolve nothing.
 */
export function nullAucUpper(design: AuditDesign, probability: number): { mean: number; quantile: number } | null {
  const orderings = orderingsOf(design.attacks, design.modelClasses);
  const looks = Math.min(...orderings.map((ordering) => ordering.length));
  const cells = (patients: number, epsilon: number) => {
    const counts = new Array<number>(design.bins).fill(patients / design.bins);
    const look = { counts, variance: design.histogramClasses * discreteLaplaceVariance(1 / epsilon) };
    return averageCells(new Array<typeof look>(looks).fill(look));
  };
  const strata = resolvableStrata(
    design.sites.map(({ members, nonMembers }, index) => ({
      sites: [String(index)],
      members: cells(members, design.epsilon.members),
      nonMembers: cells(nonMembers, design.epsilon.nonMembers),
    })),
  );
  if (strata.length === 0) return null;
  const z = simultaneousQuantile(design.confidence, orderings.length);
  const ties = orderings.every((ordering) => tiesOf(ordering) === "exact") ? "exact" : "binned";
  const { high, samplingStdDev, noiseStdDev } = aucInterval(distributionsOf(strata), z, ties);
  const spread = Math.hypot(samplingStdDev, noiseStdDev);
  const tailShare = 1 - (1 - probability) / orderings.length;
  return { mean: high, quantile: Math.min(1, high + normalQuantile(tailShare) * spread) };
}
