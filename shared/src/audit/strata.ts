import { addCells, type Cells, totalOf } from "./histogram.ts";

/** Members and non-members of one site (or of several small ones), on the same bins. */
export interface Stratum {
  readonly sites: readonly string[];
  readonly members: Cells;
  readonly nonMembers: Cells;
}

/** A noised total can divide only when it stands this many noise standard deviations above zero. */
export const RESOLVABLE_STD_DEVS = 5;

export function isResolvable(cells: Cells): boolean {
  const total = totalOf(cells);
  return total > 0 && total >= RESOLVABLE_STD_DEVS * Math.sqrt(cells.counts.length * cells.variance);
}

/** All strata as one. */
export function mergeStrata(strata: readonly Stratum[]): Stratum {
  return {
    sites: strata.flatMap(({ sites }) => sites),
    members: addCells(strata.map(({ members }) => members)),
    nonMembers: addCells(strata.map(({ nonMembers }) => nonMembers)),
  };
}

/**
 * Strata that can be weighted: sites too small for their noise are joined with each other, and if need be with the
 * smallest that can (collapsed strata, Cochran 1977, §5A.12). Decided from noised totals alone. Empty when even all
 * sites together can't divide.
 */
export function resolvableStrata(sites: readonly Stratum[]): readonly Stratum[] {
  const large = sites.filter(canDivide).sort((a, b) => totalOf(b.nonMembers) - totalOf(a.nonMembers));
  const small = sites.filter((site) => !canDivide(site));
  if (small.length === 0) return large;
  let collapsed = mergeStrata(small);
  while (!canDivide(collapsed)) {
    const smallest = large.pop();
    if (smallest === undefined) return [];
    collapsed = mergeStrata([smallest, collapsed]);
  }
  return [...large, collapsed];
}

function canDivide({ members, nonMembers }: Stratum): boolean {
  return isResolvable(members) && isResolvable(nonMembers);
}
