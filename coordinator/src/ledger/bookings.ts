import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import type { LedgerBody } from "@consilium/shared/ledger/entry";
import type { RoundKey, RoundPurpose, SignedHead, SiteMessage } from "@consilium/shared/protocol/messages";
import { chargeId, type PlannedCharge, plannedCharges } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { DatasetId, Digest, SiteName } from "@consilium/shared/units/identity";

/** A cohort's sites, each with the data set that its steward approved. */
export type Cohort = ReadonlyMap<SiteName, DatasetId>;

/**
 * What is booked before the cohort is told: every charge reserved, and marked acting at once, because from the
 * announcement on a site may act and nobody here could tell. Conservative: a site that declines stays charged here.
 */
export function announcementBodies(document: StudyDocument, key: RoundKey, cohort: Cohort): LedgerBody[] {
  const charges = [...cohort].flatMap(([site, dataset]) =>
    chargesOf(document, key.purpose).map(({ part, event }) => ({
      site,
      dataset,
      part,
      event,
      charge: chargeId(key, site, part),
    })),
  );
  const { study, round, attempt } = key;
  return [
    ...charges.map((charge): LedgerBody => ({ kind: "reserved", study, round, attempt, ...charge })),
    ...charges.map(({ charge }): LedgerBody => ({ kind: "acting", charge })),
  ];
}

/** What is booked with a round's result: its contributors' charges. Silent sites' stay acting, which is spent. */
export function commitBodies(
  document: StudyDocument,
  key: RoundKey,
  contributors: Iterable<SiteName>,
  result: Digest,
): LedgerBody[] {
  return [...contributors].flatMap((site) =>
    chargesOf(document, key.purpose).map(
      ({ part }): LedgerBody => ({ kind: "committed", charge: chargeId(key, site, part), result }),
    ),
  );
}

/** Sites' heads, each countersigned by being part of our own chain. */
export function witnessBodies(heads: Iterable<SignedHead>): LedgerBody[] {
  return [...heads].map(({ head, signature }): LedgerBody => ({ kind: "head-witnessed", head, signature }));
}

type Charges = Extract<SiteMessage, { type: "contribution" }>["charges"];

/** Whether a contribution was charged at its site exactly as here. */
export function chargesAgree(document: StudyDocument, key: RoundKey, site: SiteName, charges: Charges): boolean {
  const planned = chargesOf(document, key.purpose);
  return (
    charges.length === planned.length &&
    planned.every(({ part, event }, index) => {
      const charge = charges[index];
      return charge?.charge === chargeId(key, site, part) && canonicalJson(charge.event) === canonicalJson(event);
    })
  );
}

const known = new WeakMap<StudyDocument, Map<RoundPurpose, readonly PlannedCharge[]>>();

/** Planned charges hold the proven distance of a sampler, which takes a while to compute: once for each study. */
export function chargesOf(document: StudyDocument, purpose: RoundPurpose): readonly PlannedCharge[] {
  const byPurpose = known.get(document) ?? new Map<RoundPurpose, readonly PlannedCharge[]>();
  known.set(document, byPurpose);
  const charges = byPurpose.get(purpose) ?? plannedCharges(document, purpose);
  byPurpose.set(purpose, charges);
  return charges;
}
