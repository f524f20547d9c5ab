import { Failure } from "@consilium/shared/failure/failure";
import type { StudyWeights } from "@consilium/shared/model/studyWeights";
import { type CoordinatorMessage, STUDY_PROPOSAL_DOMAIN } from "@consilium/shared/protocol/messages";
import { verifyStatement } from "@consilium/shared/signing/ed25519";
import { studyDigest } from "@consilium/shared/study/digest";
import { weightsOfStudy } from "@consilium/shared/study/network";
import type { PublicKey, SiteName } from "@consilium/shared/units/identity";
import { decisionTold, type Outgoing } from "../disclosure/outgoing.ts";
import type { ProposalRecord } from "../storage/records.ts";

type Proposed = Extract<CoordinatorMessage, { type: "study-proposed" }>;

/** Refuses a proposal that is not the coordinator's, not what its digest says, or not for this site. */
export function requireGenuine(message: Proposed, site: SiteName, coordinatorKey: PublicKey): void {
  const { document, digest, proposal } = message;
  if (studyDigest(document) !== digest) throw refused("digest-differs", "is not the document that its digest names");
  if (!verifyStatement(coordinatorKey, STUDY_PROPOSAL_DOMAIN, document, proposal)) {
    throw refused("not-signed", "is not signed by the coordinator");
  }
  if (!document.sites.some(({ name }) => name === site)) throw refused("not-for-us", "does not name this site");
}

/** States of a study, as the coordinator tells them, in which no approval counts any more. */
export const ENDED: ReadonlySet<string> = new Set(["released", "revoked", "rejected", "aborted"]);

/** Weights that studies start from which are approved and have not ended. */
export function weightsNeeded(proposals: readonly ProposalRecord[]): readonly StudyWeights[] {
  return proposals.flatMap(({ state, progress, document }) => {
    const isNeeded = state === "approved" && (progress === null || !ENDED.has(progress));
    return isNeeded ? (weightsOfStudy(document) ?? []) : [];
  });
}

/** What to tell the coordinator of a decision: the approval, or that there is none (any more). */
export function decisionMessage(proposal: ProposalRecord): Outgoing | null {
  const { study, digest: digestOfStudy, state, approval, reason, offer } = proposal;
  switch (state) {
    case "approved":
      return approval === null ? null : decisionTold({ type: "study-approved", approval });
    case "rejected":
    case "vetoed":
      return decisionTold({
        type: "study-rejected",
        study,
        studyDigest: digestOfStudy,
        reason: reason ?? state,
        ...(offer === null ? {} : { counterOffer: offer }),
      });
    case "proposed":
      return null;
  }
}

function refused(what: string, why: string): Failure {
  return new Failure({
    code: `study/${what}`,
    kind: "refused",
    what: `The study that was proposed ${why}.`,
    remedy: "Have the lead propose it again.",
  });
}
