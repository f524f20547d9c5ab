import { Failure } from "@consilium/shared/failure/failure";
import { sharedKeys } from "@consilium/shared/release/signatories";
import { studyDigest } from "@consilium/shared/study/digest";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { Digest } from "@consilium/shared/units/identity";
import { findStudy, type StudyRecord } from "../storage/studies.ts";
import type { StudyWorld } from "./world.ts";

/** The digest of a study that may be proposed: of a new name, and with auditors who are nobody else. */
export function requireProposable(world: StudyWorld, document: StudyDocument): Digest {
  const digest = studyDigest(document);
  const known = findStudy(world.sql, document.name);
  if (known !== undefined) throw exists(known, digest);
  requireApart(world, document);
  return digest;
}

/** Refuses a study whose auditor has the coordinator's key or a site's: one holder's signatures would count as two. */
export function requireApart({ signer, roster }: StudyWorld, document: StudyDocument): void {
  const [shared] = sharedKeys(document, signer.publicKey, roster().roster.sites);
  if (shared === undefined) return;
  throw new Failure({
    code: "study/auditor-not-apart",
    kind: "refused",
    what: `Auditor ${shared.auditor} of study ${document.name} has the key of ${shared.holder}: one holder would sign as two.`,
    remedy: "Name a key that the auditor alone holds, made with: consilium audit key --out FILE.",
  });
}

function exists(known: StudyRecord, digest: Digest): Failure {
  const isSame = known.digest === digest;
  return new Failure({
    code: isSame ? "study/exists" : "study/name-taken",
    kind: "refused",
    what: isSame
      ? `Study ${known.name} was proposed already; it is ${known.standing.state}.`
      : `There is another study by the name ${known.name}: a changed study needs new approvals under a new name.`,
    remedy: `Look at it (consilium study show ${known.name}) or give the changed one another name.`,
  });
}
