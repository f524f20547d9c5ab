import type { PrivacyEvent } from "@consilium/shared/event/event";
import { Failure } from "@consilium/shared/failure/failure";
import { epsilonWith, within } from "@consilium/shared/ledger/budget";
import { Part } from "@consilium/shared/ledger/entry";
import { capOf, type LedgerState } from "@consilium/shared/ledger/state";
import type { PlannedCharge } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { DatasetId, SiteName } from "@consilium/shared/units/identity";

/** Whose budget is asked, and for which study. */
export interface Purse {
  readonly site: SiteName;
  readonly dataset: DatasetId;
  readonly document: StudyDocument;
}

/**
 * Throws where the charges, all together, would pass the data set's cap over all studies, the steward's cap for one
 * study, or the ε that the study itself was signed with. Each holds for each part: a patient is in one part alone.
 */
export function requireAffordable(state: LedgerState, purse: Purse, charges: readonly PlannedCharge[]): void {
  const { site, dataset, document } = purse;
  const cap = capOf(state, site, dataset);
  if (cap === undefined) throw noCap(dataset);
  const { name: study, privacy } = document;
  for (const part of Part.options) {
    const events = eventsOn(charges, part);
    if (events.length === 0) continue;
    const key = { site, dataset, part };
    const total = epsilonWith(state, key, events, cap.delta);
    if (!within(total, cap.epsilon)) throw exceeded("cap-exceeded", `data set ${dataset}`, total, cap.epsilon);
    if (cap.perStudy !== undefined) {
      const ofStudy = epsilonWith(state, key, events, cap.delta, study);
      const what = `study ${study} on data set ${dataset}`;
      if (!within(ofStudy, cap.perStudy)) throw exceeded("study-cap-exceeded", what, ofStudy, cap.perStudy);
    }
    const signed = epsilonWith(state, key, events, privacy.delta, study);
    if (!within(signed, privacy.epsilon)) throw exceeded("study-exceeded", `study ${study}`, signed, privacy.epsilon);
  }
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

function noCap(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/no-cap",
    kind: "refused",
    what: `Data set ${dataset} has no cap yet: nothing may be charged to it.`,
    remedy: `Have the steward set one: consilium-site budget cap ${dataset} --epsilon E --delta D`,
  });
}

function exceeded(code: string, what: string, wouldSpend: number, limit: number): Failure {
  return new Failure({
    code: `budget/${code}`,
    kind: "refused",
    what: `With this, ${what} would reach ε = ${wouldSpend.toFixed(3)}; the limit is ${limit}.`,
    remedy: "Stop the study and keep its model so far, or have the steward decide on a higher cap.",
    fields: { limit },
  });
}
