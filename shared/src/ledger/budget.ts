import { epsilonOf } from "../accountant/convert.ts";
import { addCurves, curveOf, type RdpCurve, ZERO_CURVE } from "../accountant/rdp.ts";
import { zeroOutCurve } from "../accountant/zeroOut.ts";
import type { PrivacyEvent } from "../event/event.ts";
import type { LedgerEvent } from "../event/recordEvent.ts";
import type { DatasetId, SiteName, StudyName } from "../units/identity.ts";
import type { Part } from "./entry.ts";
import { type Account, accountOf, type LedgerState } from "./state.ts";
import { NOTHING_TALLIED } from "./tally.ts";

/** Whom a budget question is about. */
export interface BudgetKey {
  readonly site: SiteName;
  readonly dataset: DatasetId;
  readonly part: Part;
}

/**
 * Everything that is spent or reserved on one part of a data set, over all studies or in one.
 * Its RDP is what caps are filters of: Lécuyer 2021, arXiv:2103.01379; Feldman & Zrnic 2021, arXiv:2008.11193.
 */
export function bookedCurve(state: LedgerState, key: BudgetKey, study?: StudyName): RdpCurve {
  const account = accountOf(state, key.site, key.dataset, key.part);
  return account === undefined ? ZERO_CURVE : zeroOutCurve(booked(account, study));
}

function* booked({ spent, spentByStudy, open }: Account, study?: StudyName): Generator<readonly [LedgerEvent, number]> {
  yield* study === undefined ? spent : (spentByStudy.get(study) ?? NOTHING_TALLIED);
  for (const body of open.values()) if (study === undefined || body.study === study) yield [body.event, 1];
}

/** ε at δ once these events too were booked: over all studies, or in one alone. */
export function epsilonWith(
  state: LedgerState,
  key: BudgetKey,
  events: readonly PrivacyEvent[],
  delta: number,
  study?: StudyName,
): number {
  return epsilonOf(events.map(curveOf).reduce(addCurves, bookedCurve(state, key, study)), delta);
}

/**
 * Whether ε keeps to a cap. Sums of floats may end a few 1e-16 of themselves above the sum that a plan was made for.
 */
export function within(epsilon: number, cap: number): boolean {
  return epsilon <= cap * (1 + 1e-12);
}
