import type { Approval } from "@consilium/shared/study/approval";
import type { PlannedCharge } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import { afterTraining, roundAfter, type ScheduledRound } from "@consilium/shared/study/schedule";
import type { DatasetId, SiteName } from "@consilium/shared/units/identity";
import { chargesOf } from "../ledger/bookings.ts";

/** What decides who takes part in a round; `shortOf` looks at the ledger. */
export interface CohortInput {
  readonly document: StudyDocument;
  readonly approvals: readonly Approval[];
  readonly isPresent: (site: SiteName) => boolean;
  /** Sites that declined a round and have not come back since. */
  readonly declined: ReadonlySet<SiteName>;
  /** Training ends after this round, by the study's early stop; null where it goes on. */
  readonly stopAfter: number | null;
  /** Which limit a site's data set has not enough under to pay; null where it pays. */
  readonly shortOf: (site: SiteName, dataset: DatasetId, charges: readonly PlannedCharge[]) => string | null;
}

export type CohortChoice =
  | {
      readonly kind: "round";
      readonly step: ScheduledRound;
      readonly cohort: ReadonlyMap<SiteName, DatasetId>;
      /** Whom the round goes without because they can't pay for it and the audit, and under which limit. */
      readonly short: readonly string[];
    }
  /** Too few are there; some may come back. */
  | { readonly kind: "wait"; readonly absent: readonly SiteName[] }
  /** Too few can take part, whoever comes back. */
  | { readonly kind: "pause"; readonly reason: string }
  | { readonly kind: "finished" };

/**
 * The study's next round and its cohort. Training ends at the last round that enough sites can afford together with
 * the audit, which must stay possible: the schedule is then the shorter study's.
 */
export function chooseCohort(input: CohortInput, done: ScheduledRound | null, isAuditing: boolean): CohortChoice {
  const { document, approvals, declined, stopAfter } = input;
  const { minSites } = document.training;
  const scheduled = roundAfter(document, done, (isAuditing ? done?.round : stopAfter) ?? undefined);
  if (scheduled === null) return { kind: "finished" };
  let step = scheduled;
  let able = ableSites(input, step);
  // Before the first step there is no model to audit.
  if (step.purpose === "train" && step.round > 1 && done !== null && able.size < minSites) {
    // Whoever declined may come back; only an empty purse ends training.
    if (able.size + declined.size < minSites) step = afterTraining(document, done.round);
    able = ableSites(input, step);
  }
  const willing = new Map([...able].filter(([site]) => !declined.has(site)));
  if (willing.size < minSites) {
    const which = `${step.purpose} round ${step.round}`;
    const short = shortages(input, step).map((one) => `; with the audit it would pass ${one}`);
    const reason = `${willing.size} of ${approvals.length} sites can take part in ${which}; ${minSites} are needed`;
    return { kind: "pause", reason: `${reason}${short.join("")}` };
  }
  const cohort = new Map([...willing].filter(([site]) => input.isPresent(site)));
  if (cohort.size < minSites) return { kind: "wait", absent: [...willing.keys()].filter((site) => !cohort.has(site)) };
  return { kind: "round", step, cohort, short: able.size < approvals.length ? shortages(input, step) : [] };
}

/** Sites whose data sets can pay this round and keep enough for the audit. */
function ableSites(input: CohortInput, step: ScheduledRound): Map<SiteName, DatasetId> {
  const charges = withAudit(input.document, step);
  return new Map(
    input.approvals
      .map(({ statement }) => statement)
      .filter(({ site, dataset }) => input.shortOf(site, dataset, charges) === null)
      .map(({ site, dataset }) => [site, dataset]),
  );
}

/** The limits that a round with the audit would pass, each with its sites: "… (ε = 4 at δ = 0.0001) at basel, como". */
export function shortages(
  { document, approvals, shortOf }: Pick<CohortInput, "document" | "approvals" | "shortOf">,
  step: ScheduledRound,
): readonly string[] {
  const charges = withAudit(document, step);
  const sitesOf = new Map<string, SiteName[]>();
  for (const { site, dataset } of approvals.map(({ statement }) => statement)) {
    const limit = shortOf(site, dataset, charges);
    if (limit !== null) sitesOf.set(limit, [...(sitesOf.get(limit) ?? []), site]);
  }
  return [...sitesOf].map(([limit, sites]) => `${limit} at ${sites.join(", ")}`);
}

function withAudit(document: StudyDocument, { purpose }: ScheduledRound): readonly PlannedCharge[] {
  const after = purpose === "audit" ? [] : purpose === "choose" ? (["audit"] as const) : (["choose", "audit"] as const);
  return [purpose, ...after].flatMap((own) => chargesOf(document, own));
}
