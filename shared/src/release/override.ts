import { z } from "zod";
import type { GateResult } from "../audit/report.ts";
import { type Signer, signStatement, verifyStatement } from "../signing/ed25519.ts";
import type { StudyDocument } from "../study/document.ts";
import { AuditorName } from "../study/releaseRule.ts";
import { Digest, Signature, StudyName } from "../units/identity.ts";
import { nearlyEqual } from "./nearlyEqual.ts";

/** A rule that refused, word for word. */
const BrokenRule = z.strictObject({ rule: z.string(), required: z.string(), found: z.string() });

/** A named auditor's word that a model is released although the gate refused it, and why. Kept for ever. */
export const OverrideStatement = z.strictObject({
  study: StudyName,
  studyDigest: Digest,
  modelDigest: Digest,
  auditor: AuditorName,
  /** Every rule that refused. */
  broken: z.array(BrokenRule).min(1),
  reason: z.string().trim().min(20, "say why, in a sentence at least").max(2000),
});
export type OverrideStatement = z.infer<typeof OverrideStatement>;

export const GateOverride = z.strictObject({ statement: OverrideStatement, signature: Signature });
export type GateOverride = z.infer<typeof GateOverride>;

const OVERRIDE_DOMAIN = "gate-override";

export function signOverride(statement: OverrideStatement, signer: Signer): GateOverride {
  return { statement, signature: signStatement(signer, OVERRIDE_DOMAIN, statement) };
}

/** What no word of anybody's makes good: more was spent than every site signed, or the proof itself is in doubt. */
export const NEVER_OVERRIDDEN: readonly string[] = ["epsilon-within-cap", "empirical-epsilon", "sites-audited"];

/** What an override is held against. */
export interface Overridden {
  readonly document: StudyDocument;
  readonly studyDigest: Digest;
  readonly modelDigest: Digest;
  readonly gate: GateResult;
}

export function brokenOf({ rules }: GateResult): OverrideStatement["broken"] {
  return rules.flatMap(({ passed, rule, required, found }) => (passed ? [] : [{ rule, required, found }]));
}

/** Why an override doesn't release this model; null where it does. */
export function overrideProblem(
  { document, studyDigest, modelDigest, gate }: Overridden,
  { statement, signature }: GateOverride,
): string | null {
  const { auditor } = statement;
  const named = document.release.signatures?.auditors.find(({ name }) => name === auditor);
  if (named === undefined) return `the study names no auditor ${auditor}`;
  if (!verifyStatement(named.key, OVERRIDE_DOMAIN, statement, signature)) return `it is not signed by ${auditor}'s key`;
  if (gate.passed) return "the gate passed: there is nothing to override";
  const isOfThis =
    statement.study === document.name &&
    statement.studyDigest === studyDigest &&
    statement.modelDigest === modelDigest &&
    nearlyEqual(statement.broken, brokenOf(gate));
  if (!isOfThis) return "it is of another study, model or refusal";
  const never = statement.broken.find(({ rule }) => NEVER_OVERRIDDEN.includes(rule));
  return never === undefined ? null : `rule ${never.rule} is never overridden`;
}

/** For whoever reads a release: at the top of its audit and of its card. */
export function overrideText({ statement: { auditor, broken, reason } }: GateOverride): string {
  const rules = broken.map(({ rule, required, found }) => `${rule} (${required}; found ${found})`).join("; ");
  return `The gate refused this model: ${rules}. Auditor ${auditor} overrode it: ${reason}`;
}
