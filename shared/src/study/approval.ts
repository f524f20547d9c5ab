import { z } from "zod";
import { Failure } from "../failure/failure.ts";
import { CapsInForce } from "../ledger/cap.ts";
import { ChargeId } from "../ledger/entry.ts";
import { approvalOf, chargedDataset, type LedgerState } from "../ledger/state.ts";
import { DatasetId, Digest, PublicKey, Signature, SiteName, StudyName } from "../units/identity.ts";

/**
 * What a round shows of a site that no noise covers: that an attempt failed there, and at which public time it
 * answered. Both may hang on its records; neither can be charged, so stewards sign that they know.
 */
export const Disclosure = z.enum(["failed-attempt", "late-answer"]);
export type Disclosure = z.infer<typeof Disclosure>;

/** What a site's steward signs to let one study use one data set: exactly this document, under these caps. */
export const ApprovalStatement = z.strictObject({
  site: SiteName,
  study: StudyName,
  studyDigest: Digest,
  dataset: DatasetId,
  /** All caps on the data set that bound this study, as they stood when the steward signed. */
  cap: CapsInForce,
  steward: z.string().min(1).max(100),
  /**
   * Of the decision that this is: a site's stewards number theirs 1, 2, 3 …. Of two approvals the higher one is newer,
   * and so are the caps in it. Absent in approvals that were signed before it was asked for.
   */
  number: z.number().int().positive().optional(),
  /** Absent in approvals that were signed before it was asked for. */
  disclosures: z.array(Disclosure).optional(),
  /** The charge that made the sanitized records which training reads; of a study on such records alone. */
  sanitized: ChargeId.optional(),
});
export type ApprovalStatement = z.infer<typeof ApprovalStatement>;

/** Signed twice: by the steward (who decides) and by the site's identity (who will act). */
export const Approval = z.strictObject({
  statement: ApprovalStatement,
  stewardKey: PublicKey,
  stewardSignature: Signature,
  siteSignature: Signature,
});
export type Approval = z.infer<typeof Approval>;

/** Domain of both signatures. */
export const APPROVAL_DOMAIN = "study-approval";

/**
 * Throws where an approval makes another study of one that was approved before.
 *
 * - A study's name means one document for ever. Charges bear the name, and ledgers are joined by what charges are
 *   called: one that could stand for two events, after a ledger was put back, might be counted for the lesser.
 * - Once charged it stays on its data set: a patient in both would be charged for half of what the study does to them,
 *   for budgets add up within a data set alone.
 */
export function requireSameStudy(state: LedgerState, { site, study, dataset, studyDigest }: ApprovalStatement): void {
  const known = approvalOf(state, site, study);
  if (known !== undefined && known.studyDigest !== studyDigest) throw anotherDocument(site, study);
  const charged = chargedDataset(state, site, study);
  if (charged === undefined || charged === dataset) return;
  throw new Failure({
    code: "approval/dataset-changed",
    kind: "refused",
    what: `Study ${study} has been charged to ${charged} at ${site}; it can't go on with ${dataset}.`,
    remedy: `Approve it for ${charged} again, or have the lead propose a new study for ${dataset}.`,
    fields: { site, study, charged, dataset },
  });
}

function anotherDocument(site: SiteName, study: StudyName): Failure {
  return new Failure({
    code: "approval/another-document",
    kind: "refused",
    what: `Study ${study} was approved at ${site} as another document; its name means that one for ever.`,
    remedy: "Have the lead propose this one by another name.",
    fields: { site, study },
  });
}
