/** What a steward is shown before this site signs a release: its own claims, and what holds of them here. */
import { epsilonOf } from "@consilium/shared/accountant/convert";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import type { LedgerEntry } from "@consilium/shared/ledger/entry";
import { replay } from "@consilium/shared/ledger/replay";
import { readLedger } from "@consilium/shared/release/ledgerLines";
import { RELEASE_PATHS, type ReleaseManifest, readJson, SignedManifest } from "@consilium/shared/release/manifest";
import { overrideText } from "@consilium/shared/release/override";
import { wrongSigners } from "@consilium/shared/release/releasedBy";
import type { Revocation } from "@consilium/shared/release/revocation";
import { curvesOfParts, PrivacyStatement, spentCharges } from "@consilium/shared/release/statement";
import { verifyRelease } from "@consilium/shared/release/verify";
import { StudyDocument } from "@consilium/shared/study/document";
import { COORDINATOR, type Digest, type PublicKey, type SiteName } from "@consilium/shared/units/identity";

/** Every file of a release, by its path with `/`. */
export type ReleasedFiles = ReadonlyMap<string, Uint8Array>;

export interface LookCheck {
  readonly name: string;
  readonly passed: boolean;
  readonly explanation: string;
  readonly problems: readonly string[];
}

/** Of this site's patients that pay most, at the study's δ. */
export interface SiteEpsilon {
  /** As the release states it. */
  readonly promised: number;
  /** By this site's own ledger. */
  readonly own: number;
  readonly delta: number;
}

/** What the release says of itself, and all that `verify` checks; of signatures, not whether there are enough. */
export interface ReleaseLook {
  readonly manifest: ReleaseManifest;
  readonly digest: Digest;
  readonly override: string | null;
  readonly checks: readonly LookCheck[];
}

/** Null where there is no readable manifest. Of a release that waits for signatures, those that are there must hold. */
export function lookAt(
  files: ReleasedFiles,
  coordinatorKey: PublicKey,
  revocations: readonly Revocation[],
): ReleaseLook | null {
  const signed = readJson(files.get(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
  if (signed === null) return null;
  const { manifest } = signed;
  const { checks } = verifyRelease((path) => files.get(path) ?? null, [...files.keys()], coordinatorKey, revocations);
  return {
    manifest,
    digest: digestOfJson(manifest),
    override: manifest.override === undefined ? null : overrideText(manifest.override),
    checks: checks.map(({ name, passed, explanation, problems }) =>
      name === "signers" ? signersSoFar(signed, files) : { name, passed, explanation, problems },
    ),
  };
}

function signersSoFar(signed: SignedManifest, files: ReleasedFiles): LookCheck {
  const document = readJson(files.get(RELEASE_PATHS.study) ?? new Uint8Array(), StudyDocument);
  const problems = document === null ? ["the study can't be read"] : wrongSigners({ ...signed, document });
  const explanation = "Whoever signed so far did so with a key that study or roster names; no auditor is a site too.";
  return { name: "signers", passed: problems.length === 0, explanation, problems };
}

/** What this site alone knows. */
export interface OwnKnowledge {
  readonly site: SiteName;
  /** Of the study as it was proposed here. */
  readonly studyDigest: Digest;
  readonly entries: readonly LedgerEntry[];
}

/** A figure that was summed in another order differs in its last bits. */
const ROUNDING = 1 + 1e-9;

/** Whether this is the study that was proposed here, and all that this site was charged is counted. */
export function ownLook(
  { manifest }: ReleaseLook,
  files: ReleasedFiles,
  { site, studyDigest, entries }: OwnKnowledge,
): { readonly checks: readonly LookCheck[]; readonly epsilon: SiteEpsilon | null } {
  const released = readLedger(files.get(RELEASE_PATHS.ledger) ?? new Uint8Array(), manifest.coordinatorKey);
  const counted = new Set(chargesOf(released, COORDINATOR, manifest, site).map(({ charge }) => charge));
  const own = chargesOf(entries, site, manifest, site);
  const missing = own.filter(({ charge }) => !counted.has(charge)).length;
  const privacy = readJson(files.get(RELEASE_PATHS.privacy) ?? new Uint8Array(), PrivacyStatement);
  const promised = privacy?.sites.find((entry) => entry.site === site)?.epsilon ?? 0;
  const delta = privacy?.delta ?? 0;
  const ownEpsilon = privacy === null ? 0 : Math.max(...curvesOfParts(own).map((curve) => epsilonOf(curve, delta)));
  const check = (name: string, explanation: string, problem: string | null): LookCheck => {
    return { name, passed: problem === null, explanation, problems: problem === null ? [] : [problem] };
  };
  return {
    epsilon: privacy === null ? null : { promised, own: ownEpsilon, delta },
    checks: [
      check(
        "own-study",
        "The study is exactly the one that was proposed to this site.",
        studyDigest === manifest.studyDigest ? null : "the study is not the one that was proposed here",
      ),
      check(
        "own-ledger",
        "Every charge that this site booked is in the release's ledger.",
        missing === 0
          ? null
          : `the release's ledger lacks ${missing} ${missing === 1 ? "charge" : "charges"} that this site booked`,
      ),
      check(
        "own-epsilon",
        "The ε that the release promises to this site's patients is no less than this site's own ledger counts.",
        ownEpsilon <= promised * ROUNDING
          ? null
          : `this site's own ledger counts ε = ${ownEpsilon}, the release promises ${promised}`,
      ),
    ],
  };
}

/** What a study spent at this site, as a ledger has it. */
function chargesOf(
  entries: readonly LedgerEntry[],
  writer: SiteName | typeof COORDINATOR,
  { study }: ReleaseManifest,
  site: SiteName,
) {
  return spentCharges(replay(writer, entries), study).filter((body) => body.site === site);
}

/** Each check that doesn't hold, with why. */
export function problemsOf(checks: readonly LookCheck[]): readonly string[] {
  return checks.flatMap(({ name, passed, problems }) => (passed ? [] : [`${name}: ${problems.join("; ")}`]));
}
