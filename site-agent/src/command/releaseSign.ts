/** `consilium-site release sign`: this hospital's signature under a release that its steward holds in hand. */
import { existsSync } from "node:fs";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { digestOfJson } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import type { LedgerEntry } from "@consilium/shared/ledger/entry";
import { replay } from "@consilium/shared/ledger/replay";
import { readLedger } from "@consilium/shared/release/ledgerLines";
import { RELEASE_PATHS, type ReleaseManifest, readJson, SignedManifest } from "@consilium/shared/release/manifest";
import { overrideText } from "@consilium/shared/release/override";
import { refusedAnswer, signedAnswer } from "@consilium/shared/release/signatories";
import { PrivacyStatement, spentCharges } from "@consilium/shared/release/statement";
import { verifyRelease } from "@consilium/shared/release/verify";
import { COORDINATOR, type SiteName } from "@consilium/shared/units/identity";
import { readConfig } from "../config.ts";
import { StudyDetail } from "../control/request.ts";
import { readKeys } from "../storage/keys.ts";
import { askSite, type CommandContext, type StewardOptions, stewardOf } from "./context.ts";
import { wholeLedger } from "./ledger.ts";
import { unwritable } from "./localFile.ts";
import { epsilonCell, runnable } from "./output.ts";
import { type ReleasedFiles, readRelease } from "./releaseFiles.ts";

export interface SignOptions {
  /** The release's folder or archive. */
  readonly path: string;
  /** Reason of a refusal; undefined: sign. */
  readonly refuse: string | undefined;
  readonly out: string;
  readonly steward: StewardOptions;
}

/**
 * Verifies the release with the key that this site pinned, holds it against this site's own approval and ledger, and
 * has the steward decide. What doesn't hold can be refused under the site's name, never signed.
 */
export async function signRelease(context: CommandContext, options: SignOptions): Promise<void> {
  const { path, refuse, out, steward } = options;
  const { folder, environment, output } = context;
  if (existsSync(out)) throw exists(out);
  const { name: site, coordinator } = await readConfig(folder.config, environment);
  const files = await readRelease(path);
  const manifest = manifestIn(path, files);
  const { checks } = verifyRelease((file) => files.get(file) ?? null, [...files.keys()], coordinator.key);
  const broken = checks.filter(({ name, passed }) => !passed && name !== "signers");
  const problems =
    broken.length > 0
      ? broken.map(({ name, problems: why }) => `${name}: ${why.join("; ")}`)
      : await ownProblems(context, site, { manifest, files, coordinatorKey: coordinator.key });
  for (const problem of problems) output.say(`doesn't hold: ${problem}`);
  if (problems.length > 0 && refuse === undefined) throw doesNotHold(path, problems);
  for (const line of toldOf(site, manifest, files)) output.say(line);
  const question = refuse === undefined ? `Sign the release of ${manifest.study}?` : `Refuse ${manifest.study}?`;
  await stewardOf(context, steward, question);
  const { identity } = await readKeys(folder);
  const of = { manifest, digest: digestOfJson(manifest), party: site, signer: identity };
  const answer = refuse === undefined ? signedAnswer(of) : refusedAnswer(of, refuse);
  await writeFileAtomically(out, `${JSON.stringify(answer)}\n`, PUBLIC_FILE_MODE).catch((cause: unknown) => {
    throw unwritable(out, cause);
  });
  output.result({ out, answer }, [
    `Wrote ${out}: ${site} ${answer.answer} the release of ${manifest.study}.`,
    runnable(`Next: send it to the lead, who hands it in: consilium release hand-in ${out}`),
  ]);
}

function manifestIn(path: string, files: ReleasedFiles): ReleaseManifest {
  const signed = readJson(files.get(RELEASE_PATHS.manifest) ?? new Uint8Array(), SignedManifest);
  if (signed !== null) return signed.manifest;
  throw new Failure({
    code: "release/no-manifest",
    kind: "usage",
    what: `${path} holds no readable ${RELEASE_PATHS.manifest}.`,
    remedy: "Name the release's own folder or archive, as the lead sent it.",
  });
}

interface Held {
  readonly manifest: ReleaseManifest;
  readonly files: ReleasedFiles;
  readonly coordinatorKey: ReleaseManifest["coordinatorKey"];
}

/** What this site alone can tell: whether it approved this very study, and whether all it was charged is counted. */
async function ownProblems(context: CommandContext, site: SiteName, held: Held): Promise<readonly string[]> {
  const { manifest, files, coordinatorKey } = held;
  const study = await askSite(context, { ask: "study", study: manifest.study }, StudyDetail);
  const entries = readLedger(files.get(RELEASE_PATHS.ledger) ?? new Uint8Array(), coordinatorKey);
  const missing = chargesOf(await wholeLedger(context), site, manifest, site).filter(
    (charge) => !chargesOf(entries, COORDINATOR, manifest, site).includes(charge),
  );
  return [
    ...(study.digest === manifest.studyDigest ? [] : ["the study is not the one that was proposed here"]),
    ...(missing.length === 0 ? [] : [`the release's ledger lacks ${missing.length} charges that this site booked`]),
  ];
}

/** Names of what a study spent at this site, as a ledger has it. */
function chargesOf(
  entries: readonly LedgerEntry[],
  writer: SiteName | typeof COORDINATOR,
  { study }: ReleaseManifest,
  site: SiteName,
): readonly string[] {
  return spentCharges(replay(writer, entries), study).flatMap((body) => (body.site === site ? [body.charge] : []));
}

function toldOf(site: SiteName, { study, audit, gate, override }: ReleaseManifest, files: ReleasedFiles): string[] {
  const privacy = readJson(files.get(RELEASE_PATHS.privacy) ?? new Uint8Array(), PrivacyStatement);
  const own = privacy?.sites.find((entry) => entry.site === site);
  return [
    `Release of ${study}: ${audit.verdict.words}`,
    `Gate: ${gate.passed ? "passed" : "refused"}`,
    ...(override === undefined ? [] : [overrideText(override)]),
    ...(privacy === null || own === undefined
      ? []
      : [`ε of this site's patients that pay most: ${epsilonCell(own.epsilon)} at δ = ${privacy.delta}`]),
  ];
}

function exists(out: string): Failure {
  return new Failure({
    code: "file/exists",
    kind: "usage",
    what: `${out} is there already.`,
    remedy: "Name another file, or remove this one first.",
  });
}

function doesNotHold(path: string, problems: readonly string[]): Failure {
  return new Failure({
    code: "release/not-verified",
    kind: "refused",
    what: `${path} doesn't hold at this site (${problems.join("; ")}): nothing was signed.`.slice(0, 1000),
    remedy: "Show it to the lead. To say so under this site's name: --refuse REASON.",
  });
}
