import type { PrivacyEvent } from "@consilium/shared/event/event";
import { Failure } from "@consilium/shared/failure/failure";
import { epsilonWith, within } from "@consilium/shared/ledger/budget";
import { Part } from "@consilium/shared/ledger/entry";
import { capOf, type LedgerState } from "@consilium/shared/ledger/state";
import type { PlannedCharge } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import type { DatasetId, SiteName, StudyName } from "@consilium/shared/units/identity";

/** Whose budget is asked, and for which study. */
export interface Purse {
  readonly site: SiteName;
  readonly dataset: DatasetId;
  readonly document: StudyDocument;
}

/**
 * Throws where the charges, all together, would pass the data set's cap over all studies, the steward's cap for one
 * study, or the ε that the study itself was signed with. Each holds for each part: a patient is in one part alone, and
 * the part that would pay most is the one that is told of.
 */
export function requireAffordable(state: LedgerState, purse: Purse, charges: readonly PlannedCharge[]): void {
  const { site, dataset, document } = purse;
  const cap = capOf(state, site, dataset);
  if (cap === undefined) throw noCap(dataset);
  const { name: study, privacy } = document;
  const { delta } = cap;
  const onDataset = `data set ${dataset} over all studies`;
  const ofStudy = `study ${study} alone`;
  const limits: readonly Limit[] = [
    { code: "cap-exceeded", who: onDataset, whose: "the data set's cap", delta, epsilon: cap.epsilon },
    ...(cap.perStudy === undefined
      ? []
      : [{ code: "study-cap-exceeded", who: ofStudy, whose: STUDY_CAP, delta, epsilon: cap.perStudy, study }]),
    { code: "study-exceeded", who: ofStudy, whose: SIGNED, delta: privacy.delta, epsilon: privacy.epsilon, study },
  ];
  const parts = Part.options.flatMap((part) => {
    const events = eventsOn(charges, part);
    return events.length === 0 ? [] : [{ part, events }];
  });
  for (const limit of limits) {
    const would = parts.map(({ part, events }) => ({
      part,
      epsilon: epsilonWith(state, { site, dataset, part }, events, limit.delta, limit.study),
    }));
    const [most] = would.sort((a, b) => b.epsilon - a.epsilon);
    if (most !== undefined && !within(most.epsilon, limit.epsilon)) throw exceeded(limit, most.part, most.epsilon);
  }
}

interface Limit {
  readonly code: string;
  /** Whose ε is counted, over what. */
  readonly who: string;
  /** Who set the limit. */
  readonly whose: string;
  readonly delta: number;
  readonly epsilon: number;
  /** Only this study's charges count; without it all of the data set's. */
  readonly study?: StudyName;
}

const STUDY_CAP = "the steward's cap for one study";
const SIGNED = "the ε that the study was signed with";

const PATIENTS_OF: Readonly<Record<Part, string>> = {
  train: "training patients",
  validation: "validation patients",
  audit: "audit hold-out's patients",
};

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

function exceeded({ code, who, whose, delta, epsilon }: Limit, part: Part, wouldSpend: number): Failure {
  return new Failure({
    code: `budget/${code}`,
    kind: "refused",
    what:
      `With this, the ${PATIENTS_OF[part]} of ${who} would reach ε = ${epsilonText(wouldSpend)} at δ = ${delta}; ` +
      `${whose} is ${epsilon}.`,
    remedy: "Stop the study and keep its model so far, or have the steward decide on a higher cap.",
    fields: { limit: epsilon },
  });
}
