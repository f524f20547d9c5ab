/** By whom a release was let go: the gate or a named auditor, and the signatures that the study asks for. */
import { digestOfJson } from "../encoding/digest.ts";
import { verifyStatement } from "../signing/ed25519.ts";
import { releaseGate } from "./build.ts";
import type { Contents } from "./contentChecks.ts";
import { RELEASE_DOMAIN } from "./manifest.ts";
import { nearlyEqual } from "./nearlyEqual.ts";
import { overrideProblem } from "./override.ts";
import { isComplete, keyOf, missingOf, missingText, sharedKeys, whoMaySign } from "./signatories.ts";

/** Computed again, never believed. */
export function gateHolds({ manifest, document, audit, privacy, entries }: Contents): boolean {
  const { gate, override, model, studyDigest: digest } = manifest;
  const again = releaseGate(document, audit, privacy);
  if (!nearlyEqual(again, gate)) return false;
  if (override === undefined) return again.passed;
  const of = { document, studyDigest: digest, modelDigest: model.digest, gate: again };
  const statement = digestOfJson(override.statement);
  const isBooked = entries.some(({ body }) => body.kind === "gate-overridden" && body.statement === statement);
  return isBooked && overrideProblem(of, override) === null;
}

type Signed = Pick<Contents, "manifest" | "signatures" | "document">;

/** Every signature is of a party that the study or the roster names, nobody signs as two, and enough are there. */
export function signersHold(contents: Signed): boolean {
  return signerProblems(contents).length === 0;
}

/** Whose signature is wrong, who stands for two, and who may still sign where some are missing. */
export function signerProblems(contents: Signed): readonly string[] {
  const { signatures, document } = contents;
  const signed = signatures.map(({ party }) => party);
  const missing = missingOf(document, signed);
  const awaited = isComplete(missing)
    ? []
    : [`${missingText(missing)}: ${whoMaySign(document, signed).join("; ")} must still sign`];
  return [...wrongSigners(contents), ...awaited];
}

/** Of those who signed so far: whose signature doesn't hold, and which auditor is somebody else too. */
export function wrongSigners({ manifest, signatures, document }: Signed): readonly string[] {
  const wrong = signatures.flatMap(({ party, signature }) => {
    const key = keyOf(document, manifest, party);
    if (key === undefined) return [`${party} signed, whom neither study nor roster names`];
    return verifyStatement(key, RELEASE_DOMAIN, manifest, signature) ? [] : [`${party}'s signature doesn't hold`];
  });
  const shared = sharedKeys(document, manifest.coordinatorKey, manifest.roster.roster.sites).map(
    ({ auditor, holder }) => `auditor ${auditor} has the key of ${holder}: one holder would count twice`,
  );
  return [...wrong, ...shared];
}
