import { epsilonOf } from "../accountant/convert.ts";
import { addCurves, curveOf, type RdpCurve, ZERO_CURVE } from "../accountant/rdp.ts";
import type { PrivacyEvent } from "../event/event.ts";
import { Failure } from "../failure/failure.ts";
import { epsilonText } from "../units/epsilonText.ts";
import type { DatasetId, SiteName, StudyName } from "../units/identity.ts";
import type { Part } from "./entry.ts";
import { accountOf, capOf, type LedgerState, NOTHING_SPENT, type ReservedBody } from "./state.ts";

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
  if (account === undefined) return ZERO_CURVE;
  const spent = study === undefined ? account.spent : (account.spentByStudy.get(study) ?? NOTHING_SPENT);
  let curve = spent.all;
  for (const body of account.open.values()) {
    if (study === undefined || body.study === study) curve = addCurves(curve, curveOf(body.event));
  }
  return curve;
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
 * Throws `ledger/no-cap` or `ledger/budget-exceeded` unless the caps on the data set and on one study both hold with
 * it.
 */
export function checkAffordable(state: LedgerState, body: ReservedBody): void {
  const cap = capOf(state, body.site, body.dataset);
  if (cap === undefined) throw noCap(body);
  const wouldSpend = epsilonWith(state, body, [body.event], cap.delta);
  if (!within(wouldSpend, cap.epsilon)) throw exceeded(body, wouldSpend, cap.epsilon, "data set");
  if (cap.perStudy === undefined) return;
  const studyWouldSpend = epsilonWith(state, body, [body.event], cap.delta, body.study);
  if (!within(studyWouldSpend, cap.perStudy)) throw exceeded(body, studyWouldSpend, cap.perStudy, "study");
}

/**
 * Whether ε keeps to a cap. Sums of floats may end a few 1e-16 of themselves above the sum that a plan was made for.
 */
export function within(epsilon: number, cap: number): boolean {
  return epsilon <= cap * (1 + 1e-12);
}

function noCap(body: ReservedBody): Failure {
  return new Failure({
    code: "ledger/no-cap",
    kind: "refused",
    what: `Site ${body.site} has set no cap for its data set ${body.dataset}: nothing may be done to it.`,
    remedy: "Let the site's steward set a cap for the data set.",
    fields: { site: body.site, dataset: body.dataset, study: body.study },
  });
}

function exceeded(body: ReservedBody, wouldSpend: number, cap: number, of: "data set" | "study"): Failure {
  const whose = of === "study" ? `for study ${body.study} on` : "for";
  return new Failure({
    code: "ledger/budget-exceeded",
    kind: "refused",
    what:
      `Round ${body.round} of study ${body.study} would bring ${body.site}'s data set ${body.dataset} ` +
      `(${body.part} part) to ε = ${epsilonText(wouldSpend)}; the cap ${whose} the data set is ${cap}.`,
    remedy: "Release the current model, or have the site's steward raise the cap.",
    fields: { site: body.site, dataset: body.dataset, part: body.part, study: body.study, wouldSpend, cap },
  });
}
