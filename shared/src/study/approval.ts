import { z } from "zod";
import { DatasetId, Digest, PublicKey, Signature, SiteName, StudyName } from "../units/identity.ts";
import { Delta, Epsilon } from "../units/privacy.ts";

/** What a site's steward signs to let one study use one data set: exactly this document, under these caps. */
export const ApprovalStatement = z.strictObject({
  site: SiteName,
  study: StudyName,
  studyDigest: Digest,
  dataset: DatasetId,
  /** The data set's cap over all studies and this study's cap, as they stood when the steward signed. */
  cap: z.strictObject({ epsilon: Epsilon, delta: Delta, perStudy: Epsilon.optional() }),
  steward: z.string().min(1).max(100),
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
