import { z } from "zod";
import { Figure, GateResult, Verdict } from "../audit/report.ts";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { GeneratorChoice } from "../generator/choice.ts";
import { LedgerHead } from "../ledger/entry.ts";
import { Evaluation } from "../metric/evaluation.ts";
import { TFJS_WEIGHTS } from "../modelFormat/tfjs.ts";
import { Normalisation } from "../normalisation/columnScales.ts";
import { SignedRoster } from "../protocol/roster.ts";
import { type Signer, signStatement, verifyStatement } from "../signing/ed25519.ts";
import { Approval } from "../study/approval.ts";
import { StopReason } from "../study/earlyStop.ts";
import { COORDINATOR, Digest, PartyName, PublicKey, Signature, StudyName } from "../units/identity.ts";
import { GateOverride } from "./override.ts";
import { auditorOf, Signatory } from "./signatory.ts";

/** Where things lie in a release. Every one has exactly these files, and those of synthetic records if it has any. */
export const RELEASE_PATHS = {
  manifest: "manifest.json",
  model: "model/model.safetensors",
  onnx: "model/model.onnx",
  tfjs: "model/tfjs/model.json",
  tfjsWeights: `model/tfjs/${TFJS_WEIGHTS}`,
  study: "study.json",
  privacy: "privacy.json",
  privacyText: "PRIVACY.md",
  audit: "audit.json",
  auditText: "AUDIT.md",
  auditPage: "audit.html",
  ledger: "ledger.jsonl",
  card: "README.md",
  sbom: "sbom.cdx.json",
} as const;

/** What a study with a generator releases beside its discriminator. */
export const SYNTHETIC_PATHS = {
  records: "synthetic/records.csv",
  parquet: "synthetic/records.parquet",
  card: "synthetic/README.md",
  generators: "synthetic/generators.safetensors",
} as const;

/** Paths of the files that the manifest names: all but itself, sorted. */
export function manifestFiles(isSynthetic: boolean): readonly string[] {
  const paths = [...Object.values(RELEASE_PATHS), ...(isSynthetic ? Object.values(SYNTHETIC_PATHS) : [])];
  return paths.filter((path) => path !== RELEASE_PATHS.manifest).sort();
}

/** A party's signature over a ledger's head. */
export const PartySignedHead = z.strictObject({ party: PartyName, head: LedgerHead, signature: Signature });
export type PartySignedHead = z.infer<typeof PartySignedHead>;

/** What the coordinator signs: every file by digest, and whom to believe. */
export const ReleaseManifest = z.strictObject({
  formatVersion: z.literal(1),
  kind: z.literal("consilium-release"),
  softwareVersion: z.string().max(40),
  /** For people: no rule depends on it. */
  createdAt: z.iso.datetime(),
  study: StudyName,
  studyDigest: Digest,
  /** SHA-256 of the parameters as float32, little-endian, in the model's order; and the last training round. */
  model: z.strictObject({ digest: Digest, round: z.number().int().nonnegative() }),
  coordinatorKey: PublicKey,
  roster: SignedRoster,
  rosterDigest: Digest,
  approvals: z.array(Approval).min(1),
  audit: z.strictObject({ best: Figure, verdict: Verdict }),
  gate: GateResult,
  /** Where the gate refused, and an auditor whom the study names released the model all the same. */
  override: GateOverride.optional(),
  /** The last noised evaluation, if there was one. */
  evaluation: Evaluation.optional(),
  /** Why training ended before its last round, where it did so by the study's early stop. */
  stop: StopReason.optional(),
  /** Where synthetic records are released: which generators made them, and by whose picks. */
  choice: GeneratorChoice.optional(),
  /** Where columns were normalised: the noised sums, and the scales that follow from them. */
  normalisation: Normalisation.optional(),
  /** The coordinator's head, and heads of sites' own ledgers or their countersignatures of the coordinator's. */
  ledgerHead: LedgerHead,
  ledgerHeadSignature: Signature,
  witnessedHeads: z.array(PartySignedHead),
  files: z.array(
    z.strictObject({ path: z.string().min(1).max(200), bytes: z.number().int().nonnegative(), sha256: Digest }),
  ),
});
export type ReleaseManifest = z.infer<typeof ReleaseManifest>;

/** `manifest.json`: the coordinator's signature is always there; sites and auditors add theirs. */
export const SignedManifest = z.strictObject({
  manifest: ReleaseManifest,
  signatures: z.array(z.strictObject({ party: Signatory, signature: Signature })).min(1),
});
export type SignedManifest = z.infer<typeof SignedManifest>;

/** Domain of a manifest's signatures. */
export const RELEASE_DOMAIN = "release-manifest";

export function signManifest(manifest: ReleaseManifest, coordinator: Signer): SignedManifest {
  return {
    manifest,
    signatures: [{ party: COORDINATOR, signature: signStatement(coordinator, RELEASE_DOMAIN, manifest) }],
  };
}

/** The manifest with one more party's signature, its former one replaced. */
export function withSignature(signed: SignedManifest, party: Signatory, signature: Signature): SignedManifest {
  const others = signed.signatures.filter((entry) => entry.party !== party);
  return { manifest: signed.manifest, signatures: [...others, { party, signature }] };
}

/**
 * Whether the signatures hold that need no study to be checked: the trusted coordinator's, and those of sites in the
 * roster. Whose are wanted, and auditors' own, are the study's to say (`signatories.ts`).
 */
export function signaturesHold({ manifest, signatures }: SignedManifest, trustedKey: PublicKey): boolean {
  const keys = new Map<string, string>(
    manifest.roster.roster.sites.map(({ site, identityKey }) => [site, identityKey]),
  );
  keys.set(COORDINATOR, trustedKey);
  const parties = new Set(signatures.map(({ party }) => party));
  if (parties.size < signatures.length || !parties.has(COORDINATOR)) return false;
  return signatures.every(({ party, signature }) => {
    if (!isCanonicalBase64(signature)) return false;
    if (auditorOf(party) !== null) return true;
    const key = keys.get(party);
    return key !== undefined && verifyStatement(key, RELEASE_DOMAIN, manifest, signature);
  });
}

/** Base64 has spare bits: without this, a signature could be altered in them and still hold. */
export function isCanonicalBase64(text: string): boolean {
  return Buffer.from(text, "base64").toString("base64") === text;
}

/** The one form in which a release holds JSON: canonical, with a line end. */
export function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${canonicalJson(value)}\n`);
}

/** A value from a release's JSON file; null where it isn't canonical or not what the schema says. */
export function readJson<Value>(bytes: Uint8Array, schema: z.ZodType<Value>): Value | null {
  let parsed: unknown;
  try {
    parsed = JSON.parse(new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes));
  } catch {
    return null; // Not JSON: the caller's check says so.
  }
  if (Buffer.compare(jsonBytes(parsed), bytes) !== 0) return null;
  const value = schema.safeParse(parsed);
  return value.success ? value.data : null;
}
