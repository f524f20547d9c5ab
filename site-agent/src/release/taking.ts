import { digestOfJson } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import type { CoordinatorMessage } from "@consilium/shared/protocol/messages";
import { manifestFiles, readJson, SignedManifest, signaturesHold } from "@consilium/shared/release/manifest";
import { type Revocation, revocationHolds } from "@consilium/shared/release/revocation";
import type { PublicKey } from "@consilium/shared/units/identity";
import type { Records } from "../storage/records.ts";

type Waits = Extract<CoordinatorMessage, { type: "release-waits" }>;
type Revoked = Extract<CoordinatorMessage, { type: "release-revoked" }>;

/**
 * A release that this site may sign: of a study that was proposed here, its manifest signed by the key that was pinned,
 * and naming the files that a release has and no other. What is in them is looked at when somebody is to sign.
 */
export function takeWaiting(records: Records, message: Waits, coordinatorKey: PublicKey, at: string): void {
  const signed = readJson(new TextEncoder().encode(message.signed), SignedManifest);
  if (signed === null || digestOfJson(signed.manifest) !== message.manifest) {
    throw refused("manifest-unreadable", "is not the manifest that its digest names");
  }
  const { manifest } = signed;
  if (!signaturesHold(signed, coordinatorKey)) throw refused("not-signed", "is not signed by the coordinator");
  const names = manifest.files.map(({ path }) => path);
  const wanted = manifestFiles(manifest.choice !== undefined);
  if (names.length !== wanted.length || names.some((name, i) => name !== wanted[i])) {
    throw refused("files-unknown", "names other files than a release has");
  }
  if (manifest.study !== message.study || records.proposalOf(manifest.studyDigest)?.study !== manifest.study) {
    throw refused("not-for-us", "is of no study that was proposed to this site");
  }
  records.releases.insertWaiting(message.manifest, signed, at);
}

/** A notice of the pinned key's own; any other says nothing. */
export function takeRevocation(records: Records, message: Revoked, coordinatorKey: PublicKey, now: string): void {
  const { study, manifest, reason, at, signature } = message;
  const notice: Revocation = {
    kind: "consilium-revocation",
    statement: { study, manifest, reason, at },
    signature,
  };
  if (!revocationHolds(notice, coordinatorKey)) throw refused("not-signed", "is not signed by the coordinator");
  records.releases.saveRevocation(notice, now);
}

function refused(what: string, why: string): Failure {
  return new Failure({
    code: `release/${what}`,
    kind: "refused",
    what: `What was told of a release ${why}.`,
    remedy: "Compare versions and fingerprints with the lead; nothing was kept of it.",
  });
}
