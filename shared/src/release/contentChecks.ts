import type { AuditReport } from "../audit/report.ts";
import { digestOfJson } from "../encoding/digest.ts";
import type { LedgerEntry } from "../ledger/entry.ts";
import { promiseMissed } from "../ledger/postProcessing.ts";
import { headOf, type LedgerState } from "../ledger/state.ts";
import { modelDigest } from "../model/modelDigest.ts";
import { RoundPurpose } from "../protocol/messages.ts";
import { acceptRoster, EMPTY_ROSTER, type RosterSite } from "../protocol/roster.ts";
import { verifyStatement } from "../signing/ed25519.ts";
import { APPROVAL_DOMAIN, type Approval } from "../study/approval.ts";
import { plannedCharges } from "../study/charges.ts";
import { studyDigest } from "../study/digest.ts";
import type { StudyDocument } from "../study/document.ts";
import { weightsOfStudy } from "../study/network.ts";
import type { PublicKey } from "../units/identity.ts";
import { auditHolds } from "./auditCheck.ts";
import { auditPage } from "./auditPage.ts";
import { auditText } from "./auditText.ts";
import { modelCard } from "./card.ts";
import { formatsHold } from "./formats.ts";
import { headHolds } from "./ledgerLines.ts";
import { isCanonicalBase64, RELEASE_PATHS, type ReleaseManifest, readJson, type SignedManifest } from "./manifest.ts";
import { readModelFile } from "./model.ts";
import { nearlyEqual } from "./nearlyEqual.ts";
import { normalisationHolds } from "./normalisationCheck.ts";
import { gateHolds, signersHold } from "./releasedBy.ts";
import { Sbom } from "./sbom.ts";
import { stepsHold, stopHolds } from "./scheduleCheck.ts";
import { committedCharges, openCharges, type PrivacyStatement, privacyStatementOf, spentCharges } from "./statement.ts";
import { syntheticHolds } from "./syntheticCheck.ts";
import { privacyText } from "./texts.ts";

/** The coordinator's entries, and what they say. */
export interface Ledger {
  readonly entries: readonly LedgerEntry[];
  readonly state: LedgerState;
}

/** A release's contents, once its bytes are known to be those that the coordinator signed. */
export interface Contents extends Ledger {
  readonly manifest: ReleaseManifest;
  readonly signatures: SignedManifest["signatures"];
  readonly document: StudyDocument;
  readonly privacy: PrivacyStatement;
  readonly audit: AuditReport;
  readonly read: (path: string) => Uint8Array;
}

/** What is held against a release's contents, each rule by itself: recomputed, never believed. */
export const CONTENT_CHECKS: readonly {
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
      "Every site that was charged had approved exactly this study, signed by its steward and by its own key; where it " +
      "trains on sanitized records, the ledger holds the charge that made them, and they promise what the study asks.",
    holds: approvalsHold,
  },
  {
    name: "heads",
    explanation:
      "The ledger ends at the signed head; each site that contributed shows a head that it signed, and none disagrees.",
    holds: ledgerHolds,
  },
  {
    name: "charges",
    explanation: "Every charge of the study is one that the signed study plans, and none is left open.",
    holds: chargesHold,
  },
  {
    name: "steps",
    explanation:
      "Each training step of the model, and of its audit's reference models, was charged at enough sites, and so was " +
      "each site's part in the evaluation and audit.",
    holds: stepsHold,
  },
  {
    name: "stop",
    explanation:
      "Training that ended early ended where the study's own rule ends it, by figures of charged evaluations.",
    holds: stopHolds,
  },
  {
    name: "privacy",
    explanation: "Every site's ε, recomputed from the ledger's events, is the one stated.",
    holds: privacyHolds,
  },
  {
    name: "normalisation",
    explanation:
      "The columns' scales, recomputed from the noised sums that the ledger's charges produced, are those of the model.",
    holds: ({ document, manifest, entries, read }) =>
      normalisationHolds(document, manifest, entries, readModelFile(document, read(RELEASE_PATHS.model))),
  },
  {
    name: "synthetic",
    explanation:
      "The generators are those that the sites' charged picks chose, and make every synthetic record again; the audit " +
      "judged those records. A release without any says nothing of them.",
    holds: syntheticHolds,
  },
  {
    name: "model",
    explanation:
      "The model is the study's network with the parameters that were audited, and the frozen ones that every site signed.",
    holds: modelHolds,
  },
  {
    name: "formats",
    explanation: "ONNX and TF.js files, written again from the safetensors file, are those of the release to the bit.",
    holds: ({ document, read }) => formatsHold(document, readModelFile(document, read(RELEASE_PATHS.model)), read),
  },
  {
    name: "software",
    explanation: "The bill of materials is complete in itself and of the software version that the manifest names.",
    holds: ({ manifest, read }) =>
      readJson(read(RELEASE_PATHS.sbom), Sbom)?.metadata.component.version === manifest.softwareVersion,
  },
  {
    name: "audit",
    explanation: "The audit's figures, recomputed from the noised histograms it carries, are the ones stated.",
    holds: auditHolds,
  },
  {
    name: "gate",
    explanation:
      "The gate that the sites signed, evaluated again, passes the model; or an auditor whom the study names overrode it, " +
      "as the audit's texts and the model card say.",
    holds: gateHolds,
  },
  {
    name: "signers",
    explanation: "As many sites and auditors signed as the signed study asks for, each with a key that it names.",
    holds: signersHold,
  },
  {
    name: "texts",
    explanation: "PRIVACY.md, AUDIT.md and the model card say what the signed figures say.",
    holds: textsHold,
  },
];

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
    const isPromised = promiseMissed(state, document, approval.statement) === null;
    return entry !== undefined && sameStudy && isPromised && isSigned(approval, entry);
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

function ledgerHolds({ manifest, document, entries, state }: Contents): boolean {
  const { ledgerHead: head, ledgerHeadSignature: signature, coordinatorKey } = manifest;
  if (!nearlyEqual(head, headOf(state)) || !headHolds({ head, signature }, coordinatorKey, state, entries))
    return false;
  const keys = new Map<string, PublicKey>(manifest.roster.roster.sites.map((entry) => [entry.site, entry.identityKey]));
  const shown = new Set(manifest.witnessedHeads.map(({ party }) => party));
  const contributed = committedCharges(state, document.name).map(({ site }) => site);
  return (
    contributed.every((site) => shown.has(site)) &&
    manifest.witnessedHeads.every((witnessed) => {
      const key = keys.get(witnessed.party);
      return key !== undefined && headHolds(witnessed, key, state, entries);
    })
  );
}

/** Scales may differ from 1/ε by the last bits that the sampler's fractions need. */
const SCALE_TOLERANCE = 1e-5;

function chargesHold({ document, state }: Contents): boolean {
  if (openCharges(state, document.name).length > 0) return false;
  const planned = RoundPurpose.options.flatMap((purpose) => plannedCharges(document, purpose));
  const spent = spentCharges(state, document.name);
  return (
    spent.length > 0 &&
    spent.every(({ part, event }) =>
      planned.some((plan) => {
        if (plan.part !== part || plan.event.count !== event.count) return false;
        if (plan.event.kind === "poisson-gaussian" && event.kind === "poisson-gaussian") {
          const [proven, stated] = [plan.event.samplerDistance, event.samplerDistance];
          return (
            plan.event.samplingRate === event.samplingRate &&
            plan.event.noiseMultiplier === event.noiseMultiplier &&
            (stated?.maxLogRatio ?? 0) >= (proven?.maxLogRatio ?? 0) &&
            (stated?.totalVariation ?? 0) >= (proven?.totalVariation ?? 0) &&
            (event.gridStdDev ?? 0) <= (plan.event.gridStdDev ?? 0)
          );
        }
        if (plan.event.kind === "discrete-laplace" && event.kind === "discrete-laplace") {
          const sameScale = Math.abs(event.scale / plan.event.scale - 1) <= SCALE_TOLERANCE;
          return plan.event.sensitivity === event.sensitivity && sameScale;
        }
        if (plan.event.kind === "exponential-mechanism" && event.kind === "exponential-mechanism")
          return Math.abs(event.epsilon / plan.event.epsilon - 1) <= SCALE_TOLERANCE;
        return plan.event.kind === "post-processing" && event.kind === "post-processing";
      }),
    )
  );
}

function modelHolds({ manifest, document, read }: Contents): boolean {
  const { parameters, frozen } = readModelFile(document, read(RELEASE_PATHS.model));
  const signed = weightsOfStudy(document)?.frozen;
  return (
    modelDigest(parameters) === manifest.model.digest &&
    (signed === undefined ? frozen.length === 0 : modelDigest(frozen) === signed)
  );
}

function privacyHolds({ manifest, document, state, privacy }: Contents): boolean {
  return nearlyEqual(privacyStatementOf(document, state, manifest.approvals), privacy);
}

/** The wording belongs to format version 1: a changed wording is a new format. */
function textsHold({
  manifest: { gate, override, evaluation, stop, normalisation },
  document,
  privacy,
  audit,
  read,
}: Contents): boolean {
  return (
    sameText(privacyText(privacy), read(RELEASE_PATHS.privacyText)) &&
    sameText(auditText(audit, gate, override), read(RELEASE_PATHS.auditText)) &&
    sameText(auditPage(audit, gate, privacy, override), read(RELEASE_PATHS.auditPage)) &&
    sameText(
      modelCard({ document, privacy, audit, gate, override, evaluation, stop, normalisation }),
      read(RELEASE_PATHS.card),
    )
  );
}

function sameText(text: string, bytes: Uint8Array): boolean {
  return Buffer.compare(new TextEncoder().encode(text), bytes) === 0;
}
