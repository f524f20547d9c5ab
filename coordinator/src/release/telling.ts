/** What sites hear of releases over their own links: those that wait for their word, and those that were revoked. */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { toRefusal } from "@consilium/shared/failure/failure";
import { MANIFEST_TEXT_MAX } from "@consilium/shared/protocol/limits";
import type { CoordinatorMessage, SiteMessage } from "@consilium/shared/protocol/messages";
import { RELEASE_PATHS, readJson, SignedManifest } from "@consilium/shared/release/manifest";
import { SignatoryAnswer } from "@consilium/shared/release/signatories";
import type { Digest, SiteName } from "@consilium/shared/units/identity";
import { listReleases, type ReleaseRecord } from "../storage/releases.ts";
import { findStudy, type StudyRecord } from "../storage/studies.ts";
import type { StudyState } from "../study/study.ts";
import type { StudyWorld } from "../study/world.ts";

/** States in which a site of the study may fetch its release's files. */
const HANDED_OUT: readonly StudyState[] = ["signing", "released"];

interface Known {
  readonly release: ReleaseRecord;
  readonly study: StudyRecord;
}

/** When a link begins: where each study with a release stands, what waits for this site, and what was revoked. */
export async function tellReleases(world: StudyWorld, site: SiteName): Promise<void> {
  for (const known of releasesOf(world, site)) {
    const { release, study } = known;
    await tell(world, site, { type: "study-moved", study: study.name, state: study.standing.state });
    await tellWaiting(world, site, known);
    await tellRevocation(world, site, release);
  }
}

/** To all its sites that are there, of a release just written or revoked; others hear it when they come back. */
export async function tellRelease(world: StudyWorld, name: string): Promise<void> {
  for (const { name: site } of findStudy(world.sql, name)?.document.sites ?? []) {
    const known = releasesOf(world, site).find(({ study }) => study.name === name);
    if (known === undefined) continue;
    await tellWaiting(world, site, known);
    await tellRevocation(world, site, known.release);
  }
}

/** File of a release that this site may fetch, by its digest in the manifest. */
export async function releaseFileFor(world: StudyWorld, site: SiteName, digest: Digest): Promise<string | undefined> {
  for (const { release, study } of releasesOf(world, site)) {
    if (!HANDED_OUT.includes(study.standing.state)) continue;
    const manifest = (await manifestOf(release))?.manifest;
    const file = manifest?.files.find(({ sha256 }) => sha256 === digest);
    if (file !== undefined) return join(release.path, file.path);
  }
  return undefined;
}

/** A site's own word, as a file of it would say; who says it is its certificate's to tell. */
export function answerOf(
  site: SiteName,
  { study, manifest, refusal, signature }: Extract<SiteMessage, { type: "release-answered" }>,
): SignatoryAnswer {
  const of = { kind: "consilium-release-answer", study, manifest, party: site, signature };
  return SignatoryAnswer.parse(
    refusal === null ? { ...of, answer: "signed" } : { ...of, answer: "refused", reason: refusal },
  );
}

function releasesOf({ sql }: StudyWorld, site: SiteName): readonly Known[] {
  return listReleases(sql).flatMap((release) => {
    const study = findStudy(sql, release.study);
    return study?.document.sites.some(({ name }) => name === site) ? [{ release, study }] : [];
  });
}

/** Until the site has answered; a study that asks no site to sign asks none. */
async function tellWaiting(world: StudyWorld, site: SiteName, { release, study }: Known): Promise<void> {
  const isAsked = (study.document.release.signatures?.sites ?? 0) > 0;
  const hasAnswered = release.answers.some(({ party }) => party === site);
  if (study.standing.state !== "signing" || !isAsked || hasAnswered) return;
  const text = await readFile(join(release.path, RELEASE_PATHS.manifest), "utf8");
  if (text.length > MANIFEST_TEXT_MAX) {
    // Still to be signed in hand.
    world.logger.warn("release-too-long-to-tell", { study: study.name, site });
    return;
  }
  await tell(world, site, { type: "release-waits", study: study.name, manifest: release.manifest, signed: text });
}

async function tellRevocation(world: StudyWorld, site: SiteName, { revocation }: ReleaseRecord): Promise<void> {
  if (revocation === null) return;
  const { statement, signature } = revocation;
  await tell(world, site, { type: "release-revoked", ...statement, signature });
}

async function manifestOf({ path }: ReleaseRecord): Promise<SignedManifest | null> {
  const bytes = await readFile(join(path, RELEASE_PATHS.manifest)).catch(() => null);
  return bytes === null ? null : readJson(bytes, SignedManifest);
}

/** A message that is lost is told again when the site comes back. */
async function tell({ link, logger }: StudyWorld, site: SiteName, message: CoordinatorMessage): Promise<void> {
  if (!link.isConnected(site)) return;
  await link.send(site, message).then(
    (reply) => {
      if (reply.type === "refused")
        logger.warn("message-refused", { site, type: message.type, code: reply.refusal.code });
    },
    (error: unknown) => logger.warn("site-not-reached", { site, type: message.type, code: toRefusal(error).code }),
  );
}
