import { z } from "zod";
import { epsilonOf } from "../accountant/convert.ts";
import { addCurves, type RdpCurve } from "../accountant/rdp.ts";
import { zeroOutCurveOf } from "../accountant/zeroOut.ts";
import { RecordEvent } from "../event/recordEvent.ts";
import { ChargeId, Part, UnprotectedDisclosure } from "../ledger/entry.ts";
import { sanitizingOf } from "../ledger/postProcessing.ts";
import type { LedgerState } from "../ledger/state.ts";
import type { Approval } from "../study/approval.ts";
import type { StudyDocument } from "../study/document.ts";
import { epsilonAtOnce, OverlapFigure, overlapFigures } from "../study/overlap.ts";
import { SiteName } from "../units/identity.ts";

/** One site's sanitized records, which training read: what made them was charged to its data set before. */
const SanitizedSite = z.strictObject({
  site: SiteName,
  charge: ChargeId,
  /** Of one patient; none where nothing has a figure for a record. */
  events: z.array(RecordEvent),
  disclosure: UnprotectedDisclosure.optional(),
});

/**
 * What training on sanitized records adds to a study's own figures. ε: of a patient at one site, the sanitizer's charge
 * and all that the study did, together, under zero-out; null where features left without a figure for a record.
 */
export const SanitizedStatement = z.strictObject({
  sites: z.array(SanitizedSite),
  epsilon: z.number().nonnegative().nullable(),
  twoSitesEpsilon: z.number().nonnegative().nullable().optional(),
  overlap: z.array(OverlapFigure).optional(),
});
export type SanitizedStatement = z.infer<typeof SanitizedStatement>;

/**
 * From the ledger: undefined where a study trains on the records themselves. Training patients alone pay both:
 * validation and audit patients' sanitized records are not read. `curvesOf`: what the study did to each part.
 */
export function sanitizedStatementOf(
  { privacy, overlap }: StudyDocument,
  state: LedgerState,
  approved: readonly Approval["statement"][],
  curvesOf: (site: SiteName) => readonly RdpCurve[],
): SanitizedStatement | undefined {
  if (privacy.mechanism !== "sanitized") return undefined;
  const made = approved.flatMap((statement) => sanitizingOf(state, statement) ?? []);
  const sites = made.map(({ site, charge, events, disclosure }) => ({
    site,
    charge,
    events: [...events],
    ...(disclosure === undefined ? {} : { disclosure }),
  }));
  const isMany = approved.length > 1;
  const hasFigure = sites.every(({ disclosure }) => disclosure?.of.includes("features") !== true);
  if (!hasFigure || sites.length < approved.length)
    return { sites, epsilon: null, ...(isMany ? { twoSitesEpsilon: null } : {}) };
  const ofPatient = (site: SiteName): RdpCurve[] => {
    const events = sites.find((one) => one.site === site)?.events ?? [];
    return curvesOf(site).map((curve, part) =>
      Part.options[part] === "train" ? addCurves(curve, zeroOutCurveOf(events)) : curve,
    );
  };
  const all = approved.map(({ site }) => ofPatient(site));
  return {
    sites,
    epsilon: Math.max(0, ...all.flat().map((curve) => epsilonOf(curve, privacy.delta))),
    ...(isMany ? { twoSitesEpsilon: epsilonAtOnce(all, privacy.delta, 2) } : {}),
    ...(overlap === undefined ? {} : { overlap: overlapFigures(overlap, ofPatient, privacy.delta) }),
  };
}
