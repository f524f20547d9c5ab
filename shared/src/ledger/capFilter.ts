import { epsilonOf } from "../accountant/convert.ts";
import { type RdpCurve, ZERO_CURVE } from "../accountant/rdp.ts";
import { zeroOutCurve } from "../accountant/zeroOut.ts";
import type { LedgerEvent } from "../event/recordEvent.ts";
import type { DatasetId, SiteName, StudyName } from "../units/identity.ts";
import type { Delta, Epsilon } from "../units/privacy.ts";
import { type BudgetKey, bookedCurve } from "./budget.ts";
import { type CapsInForce, dayOf, firstDayOf, type Period, periodText } from "./cap.ts";
import { Part } from "./entry.ts";
import { accountOf, capOf, type LedgerState } from "./state.ts";
import { mergedTally, type ReadonlyTally } from "./tally.ts";

/**
 * One limit on what may be booked on a data set: a filter of the RDP of those charges that count under it (Lécuyer
 * 2021, arXiv:2103.01379; Feldman & Zrnic 2021, arXiv:2008.11193).
 */
export interface CapFilter {
  readonly of: "data-set" | "study" | "period";
  /** Whose charges count; null where all studies' do. */
  readonly study: StudyName | null;
  readonly period: Period | null;
  readonly epsilon: Epsilon;
  readonly delta: Delta;
}

/** The day to count periods by: never before the latest one that the ledger knows. */
export function today({ day }: Pick<LedgerState, "day">, now: Date): number {
  return Math.max(day, dayOf(now));
}

/** All caps on a data set that bound a study; undefined where the steward set none. */
export function capsInForce(
  state: LedgerState,
  site: SiteName,
  dataset: DatasetId,
  study: StudyName | null,
): CapsInForce | undefined {
  const cap = capOf(state, site, dataset);
  if (cap === undefined) return undefined;
  const { epsilon, delta, perStudy } = cap;
  const own = study === null ? undefined : state.studyCaps.get(`${site}/${dataset}/${study}`)?.epsilon;
  const periods = periodsOn(state, site, dataset);
  return {
    epsilon,
    delta,
    ...(perStudy === undefined ? {} : { perStudy }),
    ...(own == null ? {} : { study: own }),
    ...(periods.length === 0 ? {} : { periods: [...periods] }),
  };
}

function periodsOn(state: LedgerState, site: SiteName, dataset: DatasetId) {
  if (state.periodCaps.size === 0) return [];
  return [...state.periodCaps.values()]
    .flatMap((cap) =>
      cap.site === site && cap.dataset === dataset && cap.epsilon !== null
        ? [{ period: cap.period, epsilon: cap.epsilon }]
        : [],
    )
    .sort((a, b) => (a.period < b.period ? -1 : 1));
}

/** The same as filters; none without a cap over all studies. A study's is the lesser of each study's and its own. */
export function capFilters(
  state: LedgerState,
  site: SiteName,
  dataset: DatasetId,
  study: StudyName | null,
): readonly CapFilter[] {
  const caps = capsInForce(state, site, dataset, study);
  if (caps === undefined) return [];
  const { epsilon, delta, perStudy, periods = [] } = caps;
  const ofStudy = [perStudy, caps.study].flatMap((own) => (own === undefined ? [] : [own])).sort((a, b) => a - b)[0];
  return [
    { of: "data-set", study: null, period: null, epsilon, delta },
    ...(study === null || ofStudy === undefined
      ? []
      : [{ of: "study" as const, study, period: null, epsilon: ofStudy, delta }]),
    ...periods.map((one) => ({ of: "period" as const, study: null, ...one, delta })),
  ];
}

/** What counts under a filter already, spent or reserved, on one part. */
export function bookedUnder(
  state: LedgerState,
  filter: Pick<CapFilter, "study" | "period">,
  key: BudgetKey,
  day: number,
): RdpCurve {
  if (filter.period === null) return bookedCurve(state, key, filter.study ?? undefined);
  const account = accountOf(state, key.site, key.dataset, key.part);
  if (account === undefined) return ZERO_CURVE;
  const first = firstDayOf(filter.period, day);
  const { open, spentByDay } = account;
  // What is reserved counts in whichever period it may be acted on.
  const counted: ReadonlyTally[] = [...open.values()].map(({ event }) => new Map<LedgerEvent, number>([[event, 1]]));
  for (const [spentOn, spent] of spentByDay) if (spentOn >= first) counted.push(spent);
  return zeroOutCurve(mergedTally(counted));
}

/** ε of the part that has booked most under a filter. */
export function epsilonUnder(
  state: LedgerState,
  filter: CapFilter,
  { site, dataset }: Pick<BudgetKey, "site" | "dataset">,
  day: number,
): number {
  const of = (part: Part): number => epsilonOf(bookedUnder(state, filter, { site, dataset, part }, day), filter.delta);
  return Math.max(...Part.options.map(of));
}

/** Which limit, for people: "its cap for 365 days". */
export function filterText({ of, period }: Pick<CapFilter, "of" | "period">): string {
  if (of === "data-set") return "the data set's cap over all studies";
  return `the steward's cap for ${period === null ? "one study" : periodText(period)}`;
}
