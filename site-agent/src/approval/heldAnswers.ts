import type { CoordinatorMessage } from "@consilium/shared/protocol/messages";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import { APPROVAL_DOMAIN } from "@consilium/shared/study/approval";
import type { SiteName, StudyName } from "@consilium/shared/units/identity";
import type { Records } from "../storage/records.ts";

type AnswersHeld = Extract<CoordinatorMessage, { type: "answers-held" }>;

/**
 * Takes back what this site's stewards decided and its database no longer knows, because it was put back from an older
 * copy: refusals and vetoes, which let less be done, and the number of the newest approval, above which the next
 * decisions are numbered. That one bears the steward's own signature; a refusal is the coordinator's word, and costs a
 * round at most. Returns the studies that were refused or withdrawn by this.
 */
export function takeHeldAnswers(records: Records, site: SiteName, { newest, refused }: AnswersHeld): StudyName[] {
  const steward = records.steward();
  if (
    newest?.statement.number !== undefined &&
    newest.statement.site === site &&
    newest.stewardKey === steward.publicKey &&
    verifyStatement(steward.publicKey, APPROVAL_DOMAIN, newest.statement, newest.stewardSignature) &&
    newest.statement.number > records.lastStatementNumber()
  ) {
    records.noteLostDecision(newest.statement.number);
  }
  return refused.flatMap(({ study, studyDigest, number, reason }) => {
    const proposal = records.proposalOf(studyDigest);
    if (proposal === null || proposal.study !== study) return [];
    const { state, approval } = proposal;
    // What was signed after the refusal stands; the coordinator has yet to hear of it.
    const isOlder = state === "approved" && (approval?.statement.number ?? 0) <= (number ?? 0);
    if (!isOlder && state !== "proposed") return [];
    records.refuse(studyDigest, state === "proposed" ? "rejected" : "vetoed", reason);
    records.markTold(studyDigest);
    return [study];
  });
}
