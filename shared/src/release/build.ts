import { AUDIT_FPRS, auditReportOf } from "../audit/evaluate.ts";
import { gate } from "../audit/gate.ts";
import type { AuditReport, CanaryReport, GateResult, UtilityReport } from "../audit/report.ts";
import type { ShadowReport } from "../audit/shadow.ts";
import type { GradientCanaryReport } from "../canary/gradientCanaryRule.ts";
import { digestOf, digestOfJson } from "../encoding/digest.ts";
import { Failure } from "../failure/failure.ts";
import type { LedgerEntry } from "../ledger/entry.ts";
import { replay } from "../ledger/replay.ts";
import { headOf, type LedgerState } from "../ledger/state.ts";
import type { Evaluation } from "../metric/evaluation.ts";
import { modelDigest } from "../model/modelDigest.ts";
import type { Normalisation } from "../normalisation/columnScales.ts";
import { LEDGER_HEAD_DOMAIN } from "../protocol/messages.ts";
import type { SignedRoster } from "../protocol/roster.ts";
import { type Signer, signStatement } from "../signing/ed25519.ts";
import type { Approval } from "../study/approval.ts";
import { studyDigest } from "../study/digest.ts";
import type { StudyDocument } from "../study/document.ts";
import type { StopReason } from "../study/earlyStop.ts";
import { modelSpecOfStudy } from "../study/network.ts";
import { COORDINATOR, type Digest, type SiteName, type StudyName } from "../units/identity.ts";
import { auditPage } from "./auditPage.ts";
import { auditText } from "./auditText.ts";
import { modelCard } from "./card.ts";
import { formatFiles } from "./formats.ts";
import { ledgerBytes } from "./ledgerLines.ts";
import {
  jsonBytes,
  manifestFiles,
  type PartySignedHead,
  RELEASE_PATHS,
  ReleaseManifest,
  signManifest,
} from "./manifest.ts";
import { modelFile } from "./model.ts";
import { type GateOverride, overrideProblem } from "./override.ts";
import type { Sbom } from "./sbom.ts";
import { openCharges, type PrivacyStatement, privacyStatementOf, spentCharges } from "./statement.ts";
import { type SyntheticInputs, syntheticFiles } from "./synthetic.ts";
import { privacyText } from "./texts.ts";

/** All that a release is made of. */
export interface ReleaseInputs {
  readonly document: StudyDocument;
  readonly parameters: Float32Array;
  /** What of the study's weights file was not trained. */
  readonly frozen: Float32Array;
  /** Training round whose model this is. */
  readonly round: number;
  /** Of every site that took part, also one that withdrew its approval later. */
  readonly approvals: readonly Approval[];
  readonly roster: SignedRoster;
  /** The coordinator's whole ledger up to its head. */
  readonly ledger: readonly LedgerEntry[];
  readonly witnessedHeads: readonly PartySignedHead[];
  readonly audit: AuditReport;
  /** The last noised evaluation, if there was one. */
  readonly evaluation?: Evaluation | undefined;
  /** Why training ended before its last round, where it did so by the study's early stop. */
  readonly stop?: StopReason | undefined;
  /** What the round before training came to, where the study asks for one. */
  readonly normalisation?: Normalisation | undefined;
  /** Of a study with a generator: which ones were chosen, in the choice's order. */
  readonly synthetic?: Pick<SyntheticInputs, "choice" | "generators"> | undefined;
  /** Where the gate refused, and an auditor whom the study names overrode it. */
  readonly override?: GateOverride | undefined;
  readonly createdAt: string;
  readonly softwareVersion: string;
  /** What the coordinator that builds it runs with. */
  readonly sbom: Sbom;
}

/** What the gate says of a model, from its report and privacy statement: the same before release and in `verify`. */
export function releaseGate(document: StudyDocument, audit: AuditReport, privacy: PrivacyStatement): GateResult {
  return gate({
    report: audit,
    gates: document.audit.gates,
    minSites: document.training.minSites,
    provenEpsilon: privacy.guarantee.epsilon,
    trainingEpsilon: provenOfTraining(privacy),
    epsilonCap: document.privacy.epsilon,
  });
}

/** Of the site that paid most; where a metric could end training early, no less than what is guaranteed then. */
function provenOfTraining({ sites, guarantee: { basis, epsilon } }: PrivacyStatement): number {
  const couldStop = basis === "signed-maximum" || basis === "filter";
  return Math.max(couldStop ? epsilon : 0, ...sites.map(({ trainingEpsilon }) => trainingEpsilon));
}

/**
 * Every file of a release, by path; the same inputs give the same bytes. Throws where the gate refuses the model, where
 * a reservation of the study is open, and where the audit is of another model.
 */
export function buildRelease(inputs: ReleaseInputs, coordinator: Signer): ReadonlyMap<string, Uint8Array> {
  const { document, parameters, ledger, audit, round } = inputs;
  const state = replay(COORDINATOR, ledger);
  const privacy = privacyStatementOf(document, state, inputs.approvals);
  const verdict = releaseGate(document, audit, privacy);
  const digest = modelDigest(parameters);
  refuseUnlessReady(inputs, state, verdict);
  const text = (content: string) => new TextEncoder().encode(content);
  const files = new Map<string, Uint8Array>([
    [RELEASE_PATHS.model, modelFile(document, inputs, inputs.normalisation?.scales)],
    ...formatFiles(document, { ...inputs, spec: modelSpecOfStudy(document), scales: inputs.normalisation?.scales }),
    [RELEASE_PATHS.study, jsonBytes(document)],
    [RELEASE_PATHS.privacy, jsonBytes(privacy)],
    [RELEASE_PATHS.privacyText, text(privacyText(privacy))],
    [RELEASE_PATHS.audit, jsonBytes(audit)],
    [RELEASE_PATHS.auditText, text(auditText(audit, verdict, inputs.override))],
    [RELEASE_PATHS.auditPage, text(auditPage(audit, verdict, privacy, inputs.override))],
    [RELEASE_PATHS.ledger, ledgerBytes(ledger)],
    [RELEASE_PATHS.sbom, jsonBytes(inputs.sbom)],
    [RELEASE_PATHS.card, text(modelCard({ ...inputs, privacy, gate: verdict }))],
    ...(inputs.synthetic === undefined ? [] : syntheticFiles({ ...inputs.synthetic, document, audit, privacy })),
  ]);
  const head = headOf(state);
  const manifest = ReleaseManifest.parse({
    formatVersion: 1,
    kind: "consilium-release",
    softwareVersion: inputs.softwareVersion,
    createdAt: inputs.createdAt,
    study: document.name,
    studyDigest: studyDigest(document),
    model: { digest, round },
    coordinatorKey: coordinator.publicKey,
    roster: inputs.roster,
    rosterDigest: digestOfJson(inputs.roster.roster),
    approvals: [...inputs.approvals],
    audit: { best: audit.best, verdict: audit.verdict },
    gate: verdict,
    ...(inputs.override === undefined ? {} : { override: inputs.override }),
    ...(inputs.evaluation === undefined ? {} : { evaluation: inputs.evaluation }),
    ...(inputs.stop === undefined ? {} : { stop: inputs.stop }),
    ...(inputs.normalisation === undefined ? {} : { normalisation: inputs.normalisation }),
    ...(inputs.synthetic === undefined ? {} : { choice: inputs.synthetic.choice }),
    ledgerHead: head,
    ledgerHeadSignature: signStatement(coordinator, LEDGER_HEAD_DOMAIN, head),
    witnessedHeads: [...inputs.witnessedHeads],
    files: manifestFiles(inputs.synthetic !== undefined).map((path) => {
      const content = files.get(path) ?? new Uint8Array();
      return { path, bytes: content.length, sha256: digestOf(content) };
    }),
  });
  files.set(RELEASE_PATHS.manifest, jsonBytes(signManifest(manifest, coordinator)));
  return files;
}

/** What the sites sent for an audit. */
export interface SiteAudits {
  readonly histograms: AuditReport["histograms"];
  readonly canaries?: CanaryReport["sites"];
  readonly utility?: UtilityReport["sites"];
  readonly gradientCanaries?: GradientCanaryReport | undefined;
  readonly shadow?: ShadowReport | undefined;
}

/** Audit report for a study's model: its limits and sites come from the signed document. */
export function studyAudit(
  document: StudyDocument,
  model: { readonly digest: AuditReport["modelDigest"]; readonly round: number; readonly made?: Digest | undefined },
  { histograms, canaries, utility, gradientCanaries, shadow }: SiteAudits,
): AuditReport {
  return auditReportOf({
    study: document.name,
    studyDigest: studyDigest(document),
    modelDigest: model.digest,
    round: model.round,
    modelClasses: document.data.label.values.length,
    limit: document.audit.gates.maxAttackAucUpper,
    histograms,
    studySites: document.sites.map(({ name }) => name),
    fprs: auditFprs(document),
    ...(document.audit.canaries === undefined
      ? {}
      : { canaries: { sites: canaries ?? [], delta: document.privacy.delta } }),
    ...(gradientCanaries === undefined ? {} : { gradientCanaries }),
    ...(shadow === undefined ? {} : { shadow }),
    ...(model.made === undefined ? {} : { utility: { made: model.made, sites: utility ?? [] } }),
  });
}

function auditFprs(document: StudyDocument): readonly number[] {
  const wanted = document.audit.gates.maxTprAtFpr?.fpr;
  return [...new Set([...AUDIT_FPRS, ...(wanted === undefined ? [] : [wanted])])].sort((a, b) => a - b);
}

function refuseUnlessReady(inputs: ReleaseInputs, state: LedgerState, verdict: GateResult): void {
  const { document, parameters, audit, round } = inputs;
  if (audit.modelDigest !== modelDigest(parameters) || audit.round !== round) {
    throw notReady("release/other-model", "The audit is of another model than the one to be released.");
  }
  if (spentCharges(state, document.name).length === 0) {
    throw notReady("release/ledger-empty", `The ledger holds no charge of study ${document.name}: nothing was done.`);
  }
  const approved = new Set(inputs.approvals.map(({ statement }) => statement.site));
  const missing = spentCharges(state, document.name).find(({ site }) => !approved.has(site));
  if (missing !== undefined) throw approvalMissing(document.name, missing.site);
  const open = openCharges(state, document.name);
  if (open.length > 0) {
    throw notReady("release/open-reservation", `${open.length} reservations of study ${document.name} are open.`);
  }
  if (inputs.override !== undefined) {
    const of = { document, studyDigest: studyDigest(document), modelDigest: audit.modelDigest, gate: verdict };
    const problem = overrideProblem(of, inputs.override);
    if (problem === null) return;
    throw notReady("release/override-invalid", `The override of the gate can't be taken: ${problem}.`);
  }
  if (verdict.passed) return;
  const broken = verdict.rules.filter(({ passed }) => !passed);
  const reasons = broken.map(({ rule, required, found }) => `${rule} (${required}; found ${found})`);
  throw new Failure({
    code: "release/gate-refused",
    kind: "audit-failed",
    what: `The gate refused the model: ${reasons.join(", ")}.`,
    remedy: "Read the audit report; a new study may spend less on training, more on the audit, or train otherwise.",
  });
}

/** Every figure would leave its patients out. */
function approvalMissing(study: StudyName, site: SiteName): Failure {
  return new Failure({
    code: "release/approval-missing",
    kind: "refused",
    what: `${site} was charged by study ${study}, and its approval is not at hand.`,
    remedy: `Have ${site} approve once more, for the record: consilium-site study approve ${study}`,
  });
}

function notReady(code: string, what: string): Failure {
  return new Failure({
    code,
    kind: "refused",
    what,
    remedy: "Finish or cancel what is open, then build the release again.",
  });
}
