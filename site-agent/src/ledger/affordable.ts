import type { PrivacyEvent } from "@consilium/shared/event/event";
import { Failure } from "@consilium/shared/failure/failure";
import { epsilonWith } from "@consilium/shared/ledger/budget";
import { Part } from "@consilium/shared/ledger/entry";
import { type Limit, limitsOn, type Passed, type Purse, passedLimit } from "@consilium/shared/ledger/limit";
import { capOf, chargedDataset, type LedgerState } from "@consilium/shared/ledger/state";
import { furtherRounds, largestPlan, largestPlanText, passedText } from "@consilium/shared/plan/largestPlan";
import type { PlannedCharge } from "@consilium/shared/study/charges";
import type { DatasetId } from "@consilium/shared/units/identity";

/**
 * Throws where the charges, all together, would pass one of the steward's caps (on the data set, on one study, on a
 * period), or the ε that the study itself was signed with. Each holds for each part: a patient is in one part alone,
 * and the part that would pay most is the one that is told of, with the largest plan that would fit.
 */
export function requireAffordable(
  state: LedgerState,
  purse: Purse,
  charges: readonly PlannedCharge[],
  day: number,
  remedy = STOP_OR_RAISE,
): void {
  if (limitsOn(state, purse).length === 0) throw noCap(purse.dataset);
  const passed = passedLimit(state, purse, charges, day);
  if (passed !== null) throw exceeded(passed, purse, fittingText(state, purse, day), remedy);
}

/** ε at the cap's δ once these were booked too: the largest over the parts; null where no cap, hence no δ, is set. */
export function epsilonAfter(
  state: LedgerState,
  purse: Omit<Purse, "document">,
  charges: readonly PlannedCharge[],
): number | null {
  const { site, dataset } = purse;
  const cap = capOf(state, site, dataset);
  if (cap === undefined) return null;
  const of = (part: Part): number => epsilonWith(state, { site, dataset, part }, eventsOn(charges, part), cap.delta);
  return Math.max(...Part.options.map(of));
}

function eventsOn(charges: readonly PlannedCharge[], part: Part): readonly PrivacyEvent[] {
  return charges.filter((charge) => charge.part === part).map(({ event }) => event);
}

/** Of a study that runs: its σ is signed, so what is left is counted in rounds alone. */
function fittingText(state: LedgerState, purse: Purse, day: number): string {
  const { site, document } = purse;
  if (chargedDataset(state, site, document.name) === undefined)
    return largestPlanText(largestPlan(state, purse, day), document);
  const further = furtherRounds(state, purse, day);
  return further === 0
    ? "Not one further round fits with the audit."
    : `At most ${further} further rounds fit with the audit.`;
}

function noCap(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/no-cap",
    kind: "refused",
    what: `Data set ${dataset} has no cap yet: nothing may be charged to it.`,
    remedy: `Have the steward set one: consilium-site budget cap ${dataset} --epsilon E --delta D`,
  });
}

const CODE: Readonly<Record<Limit["of"], string>> = {
  "data-set": "cap-exceeded",
  study: "study-cap-exceeded",
  period: "period-cap-exceeded",
  signed: "study-exceeded",
};

const STOP_OR_RAISE = "Stop the study and keep its model so far, or have the stewards decide on a higher cap.";

function exceeded(passed: Passed, purse: Purse, fitting: string, remedy: string): Failure {
  return new Failure({
    code: `budget/${CODE[passed.limit.of]}`,
    kind: "refused",
    what: `With this, ${passedText(passed, purse)}. ${fitting}`,
    remedy,
    fields: { limit: passed.limit.epsilon },
  });
}
