/** By whom a release was let go: the gate or a named auditor, and the signatures that the study asks for. */
import { digestOfJson } from "../encoding/digest.ts";
import { verifyStatement } from "../signing/ed25519.ts";
import { releaseGate } from "./build.ts";
import type { Contents } from "./contentChecks.ts";
import { RELEASE_DOMAIN } from "./manifest.ts";
import { nearlyEqual } from "./nearlyEqual.ts";
import { overrideProblem } from "./override.ts";
import { isComplete, keyOf, missingOf } from "./signatories.ts";

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

/** Every signature is of a party that the study or the roster names, and enough of each kind are there. */
export function signersHold({ manifest, signatures, document }: Contents): boolean {
  const isKeyed = signatures.every(({ party, signature }) => {
    const key = keyOf(document, manifest, party);
    return key !== undefined && verifyStatement(key, RELEASE_DOMAIN, manifest, signature);
  });
  const parties = signatures.map(({ party }) => party);
  return isKeyed && isComplete(missingOf(document, parties));
}
