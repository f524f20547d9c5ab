import { AuditReport } from "../audit/report.ts";
import { digestOfJson } from "../encoding/digest.ts";
import { Failure } from "../failure/failure.ts";
import { replay } from "../ledger/replay.ts";
import { StudyDocument } from "../study/document.ts";
import { COORDINATOR, type PublicKey } from "../units/identity.ts";
import { CONTENT_CHECKS, type Contents, type Ledger } from "./contentChecks.ts";
import {
  fileProblems,
  manifestProblems,
  type ReadFile,
  remedyOf,
  signatureProblems,
  whereChecked,
} from "./differences.ts";
import { readLedger } from "./ledgerLines.ts";
import { RELEASE_PATHS, readJson, SignedManifest, signaturesHold } from "./manifest.ts";
import { overrideText } from "./override.ts";
import { type Reaudit, reauditProblem } from "./reaudit.ts";
import { signerProblems } from "./releasedBy.ts";
import { type Revocation, revocationHolds } from "./revocation.ts";
import { PrivacyStatement } from "./statement.ts";

export interface ReleaseCheck {
  readonly name: string;
  readonly passed: boolean;
  readonly explanation: string;
  /** Which file differs and how, what was found and what was expected; empty where the check passed. */
  readonly problems: readonly string[];
  /** What to do next; null where the check passed. */
  readonly remedy: string | null;
}

export interface Verification {
  readonly verified: boolean;
  /** That the gate refused the model, who overrode it and why, on one line; null where nobody did. */
  readonly overridden: string | null;
  readonly checks: readonly ReleaseCheck[];
}

/**
 * Holds a release folder against the consortium's public key alone, offline. First the bytes: signature, every file's
 * digest, nothing missing, nothing added (`listing`: every file below the folder, `/` between names); what isn't as it
 * was signed is not read further. Then the contents, each recomputed: study digest, approvals, ledger, every site's ε,
 * model, audit figures, gate.
 */
export function verifyRelease(
  files: ReadFile,
  listing: readonly string[],
  trustedKey: PublicKey,
  revocations: readonly Revocation[] = [],
  reaudits: readonly NamedReaudit[] = [],
): Verification {
  const signed = readSigned(files);
  const hold = signed !== null && signaturesHold(signed, trustedKey);
  const checks = [
    check("manifest", EXPLAIN_MANIFEST, manifestProblems(files, signed)),
    check("signatures", EXPLAIN_SIGNATURES, signatureProblems(signed, trustedKey, hold)),
    check("files", EXPLAIN_FILES, signed === null ? [EXPLAIN_UNREAD] : fileProblems(signed.manifest, files, listing)),
  ];
  if (signed === null || checks.some(({ passed }) => !passed)) return { verified: false, overridden: null, checks };
  checks.push(check("revocation", EXPLAIN_REVOCATION, revokedBy(signed, revocations, trustedKey)));
  const ledger = replayed(files(RELEASE_PATHS.ledger) ?? new Uint8Array(), trustedKey);
  checks.push(checkContent("ledger", ledger !== null, EXPLAIN_LEDGER));
  const contents = ledger === null ? null : readContents(signed, ledger, files);
  checks.push(
    checkContent("contents", contents !== null, "Study, privacy statement and audit report are well-formed."),
  );
  if (contents !== null) {
    checks.push(
      ...CONTENT_CHECKS.map(({ name, explanation, holds }) =>
        name === "signers"
          ? check(name, explanation, signerProblems(contents))
          : checkContent(name, settle(holds, contents), explanation),
      ),
    );
  }
  if (contents !== null && reaudits.length > 0) {
    const problems = reaudits.flatMap((own) => reauditProblems(own, contents, trustedKey));
    checks.push(check("reaudits", EXPLAIN_REAUDITS, problems));
  }
  const { override } = signed.manifest;
  const overridden = override === undefined ? null : overrideText(override).replaceAll(/[\s\p{Cc}]+/gu, " ");
  return { verified: checks.every(({ passed }) => passed), overridden, checks };
}

const EXPLAIN_MANIFEST = "manifest.json is readable, complete and in its one canonical form.";
const EXPLAIN_SIGNATURES = "The manifest is signed by the key that you trust, and by whichever sites signed it too.";
const EXPLAIN_UNREAD = "Without the manifest no file can be compared.";
const EXPLAIN_LEDGER =
  "The ledger is the coordinator's, one signed and unbroken chain; every charge kept its cap when it was booked.";
const EXPLAIN_FILES = "Every file is there with the bytes that were signed, and no other file is.";

const EXPLAIN_REVOCATION = "No notice by the key that you trust, of those at hand, revokes it.";

const EXPLAIN_REAUDITS =
  "Every second audit of this release that is at hand is genuine, its figures follow from its counts, and the release " +
  "would pass its own gate by them.";

/** A second audit's record, by its file's name. */
export interface NamedReaudit {
  readonly name: string;
  readonly reaudit: Reaudit;
  /** By whoever verifies: then it must be of this release. Others lie beside releases of all kinds. */
  readonly isNamed: boolean;
}

function reauditProblems({ name, reaudit, isNamed }: NamedReaudit, contents: Contents, key: PublicKey): string[] {
  const { manifest } = contents;
  if (!isNamed && reaudit.statement.manifest !== digestOfJson(manifest)) return [];
  const problem = reauditProblem(reaudit, contents, key);
  if (problem !== null) return [`${name} ${problem}`];
  const { gate, report, at } = reaudit.statement;
  if (gate.passed) return [];
  const broken = gate.rules.filter(({ passed }) => !passed).map(({ rule, found }) => `${rule}: ${found}`);
  return [
    `${name}, of ${at.slice(0, 10)}: the release's own gate refuses it now (${broken.join("; ")}). ${report.verdict.words}`,
  ];
}

/** Notices that another key signed say nothing. */
function revokedBy({ manifest }: SignedManifest, revocations: readonly Revocation[], key: PublicKey): string[] {
  const digest = digestOfJson(manifest);
  return revocations
    .filter((notice) => notice.statement.manifest === digest && revocationHolds(notice, key))
    .map(({ statement }) => `revoked on ${statement.at.slice(0, 10)}: ${statement.reason}`);
}

function readSigned(files: ReadFile): SignedManifest | null {
  const bytes = files(RELEASE_PATHS.manifest);
  return bytes === null ? null : readJson(bytes, SignedManifest);
}

function readContents({ manifest, signatures }: SignedManifest, ledger: Ledger, files: ReadFile): Contents | null {
  const read = (path: string) => files(path) ?? new Uint8Array();
  const document = readJson(read(RELEASE_PATHS.study), StudyDocument);
  const privacy = readJson(read(RELEASE_PATHS.privacy), PrivacyStatement);
  const audit = readJson(read(RELEASE_PATHS.audit), AuditReport);
  if (document === null || privacy === null || audit === null) return null;
  return { manifest, signatures, document, privacy, audit, ...ledger, read };
}

/** Null where an entry is not the coordinator's, or breaks a rule or a cap. */
function replayed(bytes: Uint8Array, key: PublicKey): Ledger | null {
  try {
    const entries = readLedger(bytes, key);
    return { entries, state: replay(COORDINATOR, entries) };
  } catch (error) {
    if (error instanceof Failure) return null;
    throw error;
  }
}

function check(name: string, explanation: string, problems: readonly string[]): ReleaseCheck {
  const passed = problems.length === 0;
  return { name, passed, explanation, problems, remedy: passed ? null : remedyOf(name) };
}

function checkContent(name: string, passed: boolean, explanation: string): ReleaseCheck {
  return check(name, explanation, passed ? [] : [`does not hold: look into ${whereChecked(name)}`]);
}

/** A rule that can't even be evaluated on these contents doesn't hold. */
function settle(holds: (contents: Contents) => boolean, contents: Contents): boolean {
  try {
    return holds(contents);
  } catch {
    return false; // The check by name says which.
  }
}
