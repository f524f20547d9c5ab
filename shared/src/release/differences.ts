import { digestOf } from "../encoding/digest.ts";
import type { PublicKey } from "../units/identity.ts";
import { manifestFiles, RELEASE_PATHS, type ReleaseManifest, type SignedManifest } from "./manifest.ts";

/** Reads a file of the folder; null where there is none. */
export type ReadFile = (path: string) => Uint8Array | null;

/** Why there is no manifest to read on from; empty where there is one. */
export function manifestProblems(files: ReadFile, signed: SignedManifest | null): readonly string[] {
  if (signed !== null) return [];
  const { manifest } = RELEASE_PATHS;
  const found = files(manifest);
  return found === null
    ? [`${manifest} is missing from this folder`]
    : [`${manifest} (${found.length} bytes) was altered, cut short, or written by another format's version`];
}

/** Why the signatures don't hold; empty where they do. */
export function signatureProblems(signed: SignedManifest | null, trusted: PublicKey, hold: boolean): readonly string[] {
  if (signed === null) return [`${RELEASE_PATHS.manifest} can't be read, so no signature can be checked`];
  const { coordinatorKey } = signed.manifest;
  if (coordinatorKey !== trusted) {
    return [`${RELEASE_PATHS.manifest} is signed by key ${coordinatorKey}; the key that you trust is ${trusted}`];
  }
  return hold ? [] : [`${RELEASE_PATHS.manifest} is not what the key ${trusted} signed`];
}

/** Every file that is not as it was signed, each with what was found and what was expected; empty where all are. */
export function fileProblems(
  manifest: ReleaseManifest,
  files: ReadFile,
  listing: readonly string[],
): readonly string[] {
  const named = manifest.files.map(({ path }) => path);
  const wanted = manifestFiles(manifest.choice !== undefined);
  if (named.length !== wanted.length || named.some((path, index) => path !== wanted[index])) {
    return [`${RELEASE_PATHS.manifest} names other files than a release has: ${named.join(", ")}`];
  }
  const expected = new Set([...named, RELEASE_PATHS.manifest]);
  const altered = manifest.files.flatMap(({ path, bytes, sha256 }) => {
    const content = files(path);
    if (content === null) return [`${path} is missing`];
    const found = digestOf(content);
    if (content.length === bytes && found === sha256) return [];
    return [`${path}: found ${content.length} bytes of SHA-256 ${found}, signed were ${bytes} of ${sha256}`];
  });
  const added = [...listing].sort().filter((path) => !expected.has(path));
  const twice = new Set(listing).size < listing.length ? ["a file is listed twice"] : [];
  return [...altered, ...added.map((path) => `${path} is not part of the release`), ...twice];
}

/** Where each check of the contents reads what it compares: the file to look into, or the two that disagree. */
const FILES_OF_CHECK: Readonly<Record<string, string>> = {
  ledger: RELEASE_PATHS.ledger,
  contents: [RELEASE_PATHS.study, RELEASE_PATHS.privacy, RELEASE_PATHS.audit].join(", "),
  roster: RELEASE_PATHS.manifest,
  study: `${RELEASE_PATHS.study} against ${RELEASE_PATHS.manifest}`,
  approvals: `${RELEASE_PATHS.manifest} against ${RELEASE_PATHS.ledger}`,
  heads: `${RELEASE_PATHS.ledger} against ${RELEASE_PATHS.manifest}`,
  charges: `${RELEASE_PATHS.ledger} against ${RELEASE_PATHS.study}`,
  synthetic: `synthetic/, ${RELEASE_PATHS.ledger} and ${RELEASE_PATHS.audit}`,
  steps: `${RELEASE_PATHS.ledger} against ${RELEASE_PATHS.manifest}`,
  privacy: `${RELEASE_PATHS.privacy} against ${RELEASE_PATHS.ledger}`,
  model: `${RELEASE_PATHS.model} against ${RELEASE_PATHS.manifest}`,
  formats: `${[RELEASE_PATHS.onnx, RELEASE_PATHS.tfjs, RELEASE_PATHS.tfjsWeights].join(", ")} against ${RELEASE_PATHS.model}`,
  software: `${RELEASE_PATHS.sbom} against ${RELEASE_PATHS.manifest}`,
  audit: `${RELEASE_PATHS.audit} against ${RELEASE_PATHS.study} and ${RELEASE_PATHS.manifest}`,
  gate: `${RELEASE_PATHS.audit} against the gate in ${RELEASE_PATHS.study}`,
  signers: `the signatures in ${RELEASE_PATHS.manifest} against ${RELEASE_PATHS.study}`,
  texts: [RELEASE_PATHS.privacyText, RELEASE_PATHS.auditText, RELEASE_PATHS.auditPage, RELEASE_PATHS.card].join(", "),
};

export function whereChecked(name: string): string {
  return FILES_OF_CHECK[name] ?? RELEASE_PATHS.manifest;
}

const ASK_AGAIN = "Copy the release again from whoever published it; if it differs again, tell the consortium's lead.";
const REMEDIES: Readonly<Record<string, string>> = {
  manifest: "Name the release's own folder, the one with manifest.json in it, or copy it again from its publisher.",
  signatures:
    "Get consortium.pub from the lead by a way that you trust. If your key is that one, don't use this release.",
  files: ASK_AGAIN,
  gate: "Don't use this model: the sites' own gate refuses it.",
  revocation: "Don't use this model any more: whoever released it took it back.",
  signers: "It isn't released yet, or not all of it reached you: ask the lead for the release with all signatures.",
};

/** What to do about a check that failed. Past the bytes, what the coordinator signed is itself untrue. */
export function remedyOf(name: string): string {
  return REMEDIES[name] ?? "Don't use this model: its signed figures don't hold. Show this to the lead and the sites.";
}
