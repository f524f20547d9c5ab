/** Releases that wait for this hospital's word over its own link, and what it said. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import type { Digest } from "@consilium/shared/units/identity";
import { z } from "zod";
import { ReleaseSummary } from "../control/request.ts";
import { releaseFolder } from "../storage/folder.ts";
import { askSite, type CommandContext, decideAs, type StewardOptions, stewardOf } from "./context.ts";
import { runnable, table } from "./output.ts";
import { holdRelease, requireHolds, toldOf } from "./releaseLook.ts";

export async function listReleases(context: CommandContext): Promise<void> {
  const releases = await askSite(context, { ask: "releases" }, z.array(ReleaseSummary));
  const rows = releases.map((release) => [release.study, release.at.slice(0, 10), standingOf(release)]);
  const none = [runnable("No release waits. The agent hears of one as soon as it runs: consilium-site start")];
  context.output.result({ releases }, rows.length === 0 ? none : table(["study", "since", "release"], rows));
}

/** For people: where a release stands at this site. */
export function standingOf({ answer, told, refusal, revocation, isWaiting }: ReleaseSummary): string {
  const said = answer === null ? null : answer.answer === "signed" ? "signed" : `refused: ${answer.reason}`;
  const taken = told ? "" : ", not told yet";
  const notTaken = refusal === null ? taken : `, not taken: ${refusal.what}`;
  if (revocation !== null) return `REVOKED ${revocation.statement.at.slice(0, 10)}: ${revocation.statement.reason}`;
  if (said !== null) return said + notTaken;
  return isWaiting ? "waits for this site's answer" : "ended without this site's answer";
}

export interface AnswerOptions {
  /** Reason of a refusal; undefined: sign. */
  readonly refuse: string | undefined;
  /** The release that was shown; undefined: the one that waits. */
  readonly manifest?: Digest;
  readonly steward: StewardOptions;
}

/**
 * Has the steward sign or refuse the release of a study that waits. The agent keeps the site's answer before it tells
 * the coordinator, and tells it again until it has a reply.
 */
export async function answerRelease(context: CommandContext, study: string, options: AnswerOptions): Promise<void> {
  const { refuse, steward } = options;
  const { output } = context;
  const { manifest, name } = await waitingRelease(context, study, options.manifest);
  const path = await fetchedRelease(context, manifest, refuse);
  if (path !== null) {
    const held = await holdRelease(context, path);
    for (const problem of held.problems) output.say(`doesn't hold: ${problem}`);
    if (refuse === undefined) requireHolds(held);
    for (const line of toldOf(held)) output.say(line);
  }
  const question = refuse === undefined ? `Sign the release of ${name}?` : `Refuse the release of ${name}?`;
  const { signer } = await stewardOf(context, steward, question);
  await decideAs(context, signer, () => {
    return { action: "answer-release", study: name, manifest, refusal: refuse ?? null };
  });
  const answer = refuse === undefined ? "signed" : "refused";
  output.result({ study: name, manifest, answer }, [
    `This site ${answer} the release of ${name}; the agent tells the coordinator as soon as it reaches it.`,
    runnable("Next: consilium-site release list"),
  ]);
}

async function waitingRelease(context: CommandContext, study: string, shown: Digest | undefined) {
  const releases = await askSite(context, { ask: "releases" }, z.array(ReleaseSummary));
  const ofStudy = releases.filter((release) => release.study === study);
  const found = ofStudy.find(({ manifest, isWaiting }) => isWaiting && manifest === (shown ?? manifest));
  if (found !== undefined) return { manifest: found.manifest, name: found.study };
  const [newest] = ofStudy;
  throw new Failure({
    code: "release/not-waiting",
    kind: "refused",
    what: `No release of study ${study} waits for this site's answer${newest === undefined ? "" : `; the newest: ${standingOf(newest)}`}.`,
    remedy:
      "See what waits: consilium-site release list. A release in hand is signed with: consilium-site release sign",
  });
}

/** Where its files lie; one whose files did not come can be refused, never signed. */
async function fetchedRelease(
  { folder }: CommandContext,
  manifest: Digest,
  refuse: string | undefined,
): Promise<string | null> {
  const path = releaseFolder(folder, manifest);
  if (existsSync(join(path, RELEASE_PATHS.manifest))) return path;
  if (refuse !== undefined) return null;
  throw new Failure({
    code: "release/not-fetched",
    kind: "unreachable",
    what: "The release's files have not all come yet, so nothing of it could be checked.",
    remedy: "Wait for the agent, which fetches them whenever its link begins: consilium-site status",
  });
}
