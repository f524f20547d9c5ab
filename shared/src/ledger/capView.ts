import { z } from "zod";
import { type DatasetId, type SiteName, StudyName } from "../units/identity.ts";
import { Delta, Epsilon } from "../units/privacy.ts";
import { Period } from "./cap.ts";
import { type CapFilter, capFilters, epsilonUnder } from "./capFilter.ts";
import { levelOf } from "./notice.ts";
import { type LedgerState, studiesOn } from "./state.ts";

/** One cap on a data set and what is booked under it, for people to look at. */
export const CapView = z.strictObject({
  /** What counts: all charges, one study's, or those of a period. */
  of: z.enum(["data-set", "study", "period"]),
  study: StudyName.nullable(),
  period: Period.nullable(),
  /** The cap, at δ. */
  epsilon: Epsilon,
  delta: Delta,
  /** Spent or reserved under it: the largest over the parts. Above the cap where that was lowered since. */
  booked: Epsilon,
  left: Epsilon,
  /** Per cent that was reached, of those at which notices are given; 0 below all. */
  level: z.number().int().min(0).max(100),
});
export type CapView = z.infer<typeof CapView>;

/** Every cap on a data set: over all studies, on each study that charged it or has a cap of its own, on each period. */
export function capViews(state: LedgerState, site: SiteName, dataset: DatasetId, day: number): readonly CapView[] {
  const named = [...state.studyCaps.values()].filter((cap) => cap.site === site && cap.dataset === dataset);
  const studies = new Set([...studiesOn(state, site, dataset), ...named.map(({ study }) => study)]);
  const filters = [
    ...capFilters(state, site, dataset, null),
    ...[...studies]
      .sort()
      .flatMap((study) => capFilters(state, site, dataset, study).filter(({ of }) => of === "study")),
  ];
  return filters.map((filter) => viewOf(filter, epsilonUnder(state, filter, { site, dataset }, day)));
}

function viewOf({ of, study, period, epsilon, delta }: CapFilter, booked: number): CapView {
  const finite = Math.min(booked, Number.MAX_VALUE); // JSON knows no ∞.
  const left = Math.max(0, epsilon - finite);
  const level = levelOf(finite, epsilon);
  return { of, study, period, epsilon, delta, booked: Epsilon.parse(finite), left: Epsilon.parse(left), level };
}
