import { z } from "zod";
import { auditShape, isScaleOf } from "../audit/histogram.ts";
import { AuditReport, GateResult } from "../audit/report.ts";
import { digestOfJson } from "../encoding/digest.ts";
import { type Signer, signStatement, verifyStatement } from "../signing/ed25519.ts";
import { studyDigest } from "../study/digest.ts";
import { StudyDocument } from "../study/document.ts";
import { Digest, PublicKey, Signature } from "../units/identity.ts";
import { releaseGate, studyAudit } from "./build.ts";
import { isCanonicalBase64 } from "./manifest.ts";
import { nearlyEqual } from "./nearlyEqual.ts";
import type { PrivacyStatement } from "./statement.ts";

/** What a second audit found, signed by the coordinator: published beside the release, which stays as it was signed. */
export const ReauditStatement = z.strictObject({
  formatVersion: z.literal(1),
  kind: z.literal("consilium-reaudit"),
  /** Of the release that was audited again. */
  manifest: Digest,
  /** The second audit's own study, as its sites approved it. */
  document: StudyDocument,
  report: AuditReport,
  /** What the release's own gate says of that report. */
  gate: GateResult,
  coordinatorKey: PublicKey,
  at: z.iso.datetime(),
});
export type ReauditStatement = z.infer<typeof ReauditStatement>;

export const Reaudit = z.strictObject({ statement: ReauditStatement, signature: Signature });
export type Reaudit = z.infer<typeof Reaudit>;

const DOMAIN = "release-reaudit";

export function signReaudit(statement: ReauditStatement, coordinator: Signer): Reaudit {
  return { statement, signature: signStatement(coordinator, DOMAIN, statement) };
}

/** What of a release a second audit is held against. */
export interface Audited {
  readonly manifest: unknown;
  readonly document: StudyDocument;
  readonly privacy: PrivacyStatement;
}

/**
 * Why a second audit isn't one of this release, or its figures don't follow from the noised counts that it carries; null
 * where it holds, whatever it found.
 */
export function reauditProblem({ statement, signature }: Reaudit, release: Audited, key: PublicKey): string | null {
  const { document, report, gate } = statement;
  const { again } = document;
  const isGenuine = isCanonicalBase64(signature) && verifyStatement(key, DOMAIN, statement, signature);
  if (statement.coordinatorKey !== key || !isGenuine) return "is not signed by the key that you trust";
  const isOfThis = again !== undefined && again.manifest === digestOfJson(release.manifest);
  if (!isOfThis || statement.manifest !== again.manifest) return "is of another release";
  if (again.studyDigest !== studyDigest(release.document)) return "is of another study";
  const { members, nonMembers } = document.audit.epsilon;
  const listed = new Set(document.sites.map(({ name }) => name));
  const asPlanned = report.histograms.every((own) => {
    const { classes, bins } = auditShape(document, own.attack);
    const isShaped = [own.members, own.nonMembers].every((one) => one.classes === classes && one.bins === bins);
    const isNoised = isScaleOf(own.members.scale, members) && isScaleOf(own.nonMembers.scale, nonMembers);
    return isShaped && isNoised && listed.has(own.site) && document.audit.attacks.includes(own.attack);
  });
  const found = studyAudit(document, again.model, { histograms: report.histograms });
  if (!asPlanned || !nearlyEqual(found, report)) return "states figures that don't follow from its counts";
  if (!nearlyEqual(releaseGate(release.document, report, release.privacy), gate))
    return "states another verdict of the gate than follows from its figures";
  return null;
}
