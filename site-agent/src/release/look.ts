/** What a steward is shown before this site signs a release: its own claims, and what holds of them here. */
import { epsilonOf } from "@consilium/shared/accountant/convert";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import type { LedgerEntry } from "@consilium/shared/ledger/entry";
import { replay } from "@consilium/shared/ledger/replay";
import { readLedger } from "@consilium/shared/release/ledgerLines";
import { RELEASE_PATHS, type ReleaseManifest, readJson, SignedManifest } from "@consilium/shared/release/manifest";
import { overrideText } from "@consilium/shared/release/override";
import type { Revocation } from "@consilium/shared/release/revocation";
import { curvesOfParts, PrivacyStatement, spentCharges } from "@consilium/shared/release/statement";
import { verifyRelease } from "@consilium/shared/release/verify";
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

/** What the release says of itself, and all that `verify` checks but whether enough have signed. */
export interface ReleaseLook {
  readonly manifest: ReleaseManifest;
  readonly digest: Digest;
  readonly override: string | null;
  readonly checks: readonly LookCheck[];
}

/** Null where there is no readable manifest. */
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
    checks: checks
      .filter(({ name }) => name !== "signers")
      .map(({ name, passed, explanation, problems }) => ({ name, passed, explanation, problems })),
  };
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
        missing === 0 ? null : `the release's ledger lacks ${missing} charges that this site booked`,
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
