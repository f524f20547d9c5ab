import { AuditReport } from "../audit/report.ts";
import { digestOf, digestOfJson } from "../encoding/digest.ts";
import { Failure } from "../failure/failure.ts";
import type { LedgerEntry } from "../ledger/entry.ts";
import { replay } from "../ledger/replay.ts";
import type { LedgerState } from "../ledger/state.ts";
import { modelDigest } from "../model/modelDigest.ts";
import { acceptRoster, EMPTY_ROSTER, type RosterSite } from "../protocol/roster.ts";
import { verifyStatement } from "../signing/ed25519.ts";
import { APPROVAL_DOMAIN, type Approval } from "../study/approval.ts";
import { plannedCharges } from "../study/charges.ts";
import { studyDigest } from "../study/digest.ts";
import { StudyDocument } from "../study/document.ts";
import { COORDINATOR, type PublicKey } from "../units/identity.ts";
import { releaseGate, studyAudit } from "./build.ts";
import { modelCard } from "./card.ts";
import { headHolds, readLedger } from "./ledgerLines.ts";
import {
  isCanonicalBase64,
  MANIFEST_FILES,
  RELEASE_PATHS,
  type ReleaseManifest,
  readJson,
  SignedManifest,
  signaturesHold,
} from "./manifest.ts";
import { readModelFile } from "./model.ts";
import { nearlyEqual } from "./nearlyEqual.ts";
import { openCharges, PrivacyStatement, privacyStatementOf, spentCharges } from "./statement.ts";
import { auditText, privacyText } from "./texts.ts";

export interface ReleaseCheck {
  readonly name: string;
  readonly passed: boolean;
  readonly explanation: string;
}

export interface Verification {
  readonly verified: boolean;
  readonly checks: readonly ReleaseCheck[];
}

/** Reads a file of the folder; null where there is none. */
export type ReadFile = (path: string) => Uint8Array | null;

/** The coordinator's entries, and what they say. */
interface Ledger {
  readonly entries: readonly LedgerEntry[];
  readonly state: LedgerState;
}

/** A release's contents, once its bytes are known to be those that the coordinator signed. */
interface Contents extends Ledger {
  readonly manifest: ReleaseManifest;
  readonly document: StudyDocument;
  readonly privacy: PrivacyStatement;
  readonly audit: AuditReport;
  readonly read: (path: string) => Uint8Array;
}

/**
 * Holds a release folder against the consortium's public key alone, offline. First the bytes: signature, every file's
 * digest, nothing missing, nothing added (`listing`: every file below the folder, `/` between names); what isn't as it
 * was signed is not read further. Then the contents, each recomputed: study digest, approvals, ledger, every site's ε,
 * model, audit figures, gate.
 */
export function verifyRelease(files: ReadFile, listing: readonly string[], trustedKey: PublicKey): Verification {
  const signed = readSigned(files);
  const checks = [
    check("manifest", signed !== null, "manifest.json is readable, complete and in its one canonical form."),
    check(
      "signatures",
      signed !== null && signed.manifest.coordinatorKey === trustedKey && signaturesHold(signed, trustedKey),
      "The manifest is signed by the key that you trust, and by whichever sites signed it too.",
    ),
    check("files", signed !== null && filesHold(signed.manifest, files, listing), EXPLAIN_FILES),
  ];
  if (signed === null || checks.some(({ passed }) => !passed)) return { verified: false, checks };
  const ledger = replayed(files(RELEASE_PATHS.ledger) ?? new Uint8Array(), trustedKey);
  checks.push(check("ledger", ledger !== null, EXPLAIN_LEDGER));
  const contents = ledger === null ? null : readContents(signed.manifest, ledger, files);
  checks.push(check("contents", contents !== null, "Study, privacy statement and audit report are well-formed."));
  if (contents !== null) {
    checks.push(
      ...CONTENT_CHECKS.map(({ name, explanation, holds }) => check(name, settle(holds, contents), explanation)),
    );
  }
  return { verified: checks.every(({ passed }) => passed), checks };
}

const EXPLAIN_LEDGER =
  "The ledger is the coordinator's, one signed and unbroken chain; every charge kept its cap when it was booked.";
const EXPLAIN_FILES = "Every file is there with the bytes that were signed, and no other file is.";

const CONTENT_CHECKS: readonly {
  readonly name: string;
  readonly explanation: string;
  readonly holds: (contents: Contents) => boolean;
}[] = [
  {
    name: "roster",
    explanation: "The sites' keys are those that the coordinator signed.",
    holds: ({ manifest: { roster, rosterDigest, coordinatorKey } }) =>
      acceptRoster(EMPTY_ROSTER, roster, coordinatorKey) === roster.roster &&
      digestOfJson(roster.roster) === rosterDigest,
  },
  {
    name: "study",
    explanation: "The study file has the digest that was signed.",
    holds: ({ manifest, document }) =>
      studyDigest(document) === manifest.studyDigest && document.name === manifest.study,
  },
  {
    name: "approvals",
    explanation:
      "Every site that was charged had approved exactly this study, signed by its steward and by its own key.",
    holds: approvalsHold,
  },
  {
    name: "heads",
    explanation: "The ledger ends at the signed head, and the sites' signed heads agree with it.",
    holds: ledgerHolds,
  },
  {
    name: "charges",
    explanation: "Every charge of the study is one that the signed study plans, and none is left open.",
    holds: chargesHold,
  },
  {
    name: "privacy",
    explanation: "Every site's ε, recomputed from the ledger's events, is the one stated.",
    holds: privacyHolds,
  },
  {
    name: "model",
    explanation: "The model is the study's network with the parameters that were audited.",
    holds: ({ manifest, document, read }) =>
      modelDigest(readModelFile(document, read(RELEASE_PATHS.model)).parameters) === manifest.model.digest,
  },
  {
    name: "audit",
    explanation: "The audit's figures, recomputed from the noised histograms it carries, are the ones stated.",
    holds: auditHolds,
  },
  {
    name: "gate",
    explanation: "The gate that the sites signed, evaluated again, passes the model.",
    holds: ({ manifest, document, audit, privacy }) => {
      const again = releaseGate(document, audit, privacy);
      return again.passed && manifest.gate.passed && nearlyEqual(again, manifest.gate);
    },
  },
  {
    name: "texts",
    explanation: "PRIVACY.md, AUDIT.md and the model card say what the signed figures say.",
    holds: textsHold,
  },
];

function readSigned(files: ReadFile): SignedManifest | null {
  const bytes = files(RELEASE_PATHS.manifest);
  return bytes === null ? null : readJson(bytes, SignedManifest);
}

function filesHold(manifest: ReleaseManifest, files: ReadFile, listing: readonly string[]): boolean {
  const named = manifest.files.map(({ path }) => path);
  if (named.length !== MANIFEST_FILES.length || named.some((path, index) => path !== MANIFEST_FILES[index]))
    return false;
  const present = [...listing].sort();
  const expected = [...named, RELEASE_PATHS.manifest].sort();
  if (present.length !== expected.length || present.some((path, index) => path !== expected[index])) return false;
  return manifest.files.every(({ path, bytes, sha256 }) => {
    const content = files(path);
    return content !== null && content.length === bytes && digestOf(content) === sha256;
  });
}

function readContents(manifest: ReleaseManifest, ledger: Ledger, files: ReadFile): Contents | null {
  const read = (path: string) => files(path) ?? new Uint8Array();
  const document = readJson(read(RELEASE_PATHS.study), StudyDocument);
  const privacy = readJson(read(RELEASE_PATHS.privacy), PrivacyStatement);
  const audit = readJson(read(RELEASE_PATHS.audit), AuditReport);
  if (document === null || privacy === null || audit === null) return null;
  return { manifest, document, privacy, audit, ...ledger, read };
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

function approvalsHold({ manifest, document, state }: Contents): boolean {
  const approved = new Map(manifest.approvals.map((approval) => [approval.statement.site, approval]));
  if (approved.size < manifest.approvals.length) return false;
  const charged = spentCharges(state, document.name);
  if (charged.some(({ site, dataset }) => approved.get(site)?.statement.dataset !== dataset)) return false;
  const sites = new Set(document.sites.map(({ name }) => name));
  return manifest.approvals.every((approval) => {
    const { site, study, studyDigest: digest } = approval.statement;
    const entry = manifest.roster.roster.sites.find((known) => known.site === site);
    const sameStudy = study === document.name && digest === manifest.studyDigest && sites.has(site);
    return entry !== undefined && sameStudy && isSigned(approval, entry);
  });
}

function isSigned(approval: Approval, { identityKey, stewardKey }: RosterSite): boolean {
  const { statement, stewardSignature, siteSignature } = approval;
  return (
    approval.stewardKey === stewardKey &&
    isCanonicalBase64(stewardSignature) &&
    isCanonicalBase64(siteSignature) &&
    verifyStatement(stewardKey, APPROVAL_DOMAIN, statement, stewardSignature) &&
    verifyStatement(identityKey, APPROVAL_DOMAIN, statement, siteSignature)
  );
}

function ledgerHolds({ manifest, entries, state }: Contents): boolean {
  const { ledgerHead: head, ledgerHeadSignature: signature, coordinatorKey } = manifest;
  if (!nearlyEqual(head, state.head) || !headHolds({ head, signature }, coordinatorKey, entries)) return false;
  const keys = new Map<string, PublicKey>(manifest.roster.roster.sites.map((entry) => [entry.site, entry.identityKey]));
  return manifest.witnessedHeads.every((witnessed) => {
    const key = keys.get(witnessed.party);
    return key !== undefined && headHolds(witnessed, key, entries);
  });
}

/** Scales may differ from 1/ε by the last bits that the sampler's fractions need. */
const SCALE_TOLERANCE = 1e-5;

function chargesHold({ document, state }: Contents): boolean {
  if (openCharges(state, document.name).length > 0) return false;
  const planned = (["train", "evaluate", "audit"] as const).flatMap((purpose) => plannedCharges(document, purpose));
  const spent = spentCharges(state, document.name);
  return (
    spent.length > 0 &&
    spent.every(({ part, event }) =>
      planned.some((plan) => {
        if (plan.part !== part || plan.event.count !== event.count) return false;
        if (plan.event.kind === "poisson-gaussian" && event.kind === "poisson-gaussian") {
          return plan.event.samplingRate === event.samplingRate && plan.event.noiseMultiplier === event.noiseMultiplier;
        }
        if (plan.event.kind === "discrete-laplace" && event.kind === "discrete-laplace") {
          const sameScale = Math.abs(event.scale / plan.event.scale - 1) <= SCALE_TOLERANCE;
          return plan.event.sensitivity === event.sensitivity && sameScale;
        }
        return false;
      }),
    )
  );
}

function privacyHolds({ manifest, document, state, privacy }: Contents): boolean {
  return nearlyEqual(privacyStatementOf(document, state, manifest.approvals), privacy);
}

function auditHolds({ manifest, document, audit }: Contents): boolean {
  const again = studyAudit(document, manifest.model, audit.histograms);
  const { members, nonMembers } = document.audit.epsilon;
  const approved = new Set(manifest.approvals.map(({ statement }) => statement.site));
  const asPlanned = audit.histograms.every(
    (own) =>
      approved.has(own.site) &&
      document.audit.attacks.includes(own.attack) &&
      own.members.bins === document.audit.bins &&
      Math.abs(own.members.scale * members - 1) <= SCALE_TOLERANCE &&
      Math.abs(own.nonMembers.scale * nonMembers - 1) <= SCALE_TOLERANCE,
  );
  const complete = again.orderings.flatMap(({ attacks }) => attacks).length === document.audit.attacks.length;
  const summary = { best: audit.best, verdict: audit.verdict };
  return asPlanned && complete && nearlyEqual(again, audit) && nearlyEqual(summary, manifest.audit);
}

/** The wording belongs to format version 1: a changed wording is a new format. */
function textsHold({ manifest: { gate, evaluation }, document, privacy, audit, read }: Contents): boolean {
  return (
    sameText(privacyText(privacy), read(RELEASE_PATHS.privacyText)) &&
    sameText(auditText(audit, gate), read(RELEASE_PATHS.auditText)) &&
    sameText(modelCard({ document, privacy, audit, gate, evaluation }), read(RELEASE_PATHS.card))
  );
}

function sameText(text: string, bytes: Uint8Array): boolean {
  return Buffer.compare(new TextEncoder().encode(text), bytes) === 0;
}

function check(name: string, passed: boolean, explanation: string): ReleaseCheck {
  return { name, passed, explanation };
}

/** A rule that can't even be evaluated on these contents doesn't hold. */
function settle(holds: (contents: Contents) => boolean, contents: Contents): boolean {
  try {
    return holds(contents);
  } catch {
    return false; // The check by name says which.
  }
}
