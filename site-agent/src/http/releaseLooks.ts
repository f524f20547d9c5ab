import { stat } from "node:fs/promises";
import { join } from "node:path";
import { toRefusal } from "@consilium/shared/failure/failure";
import { RELEASE_PATHS } from "@consilium/shared/release/manifest";
import { z } from "zod";
import { askSite, type CommandContext } from "../command/context.ts";
import { standingOf } from "../command/releaseAnswer.ts";
import { holdRelease } from "../command/releaseLook.ts";
import { ReleaseSummary } from "../control/request.ts";
import { releaseFolder } from "../storage/folder.ts";
import type { ReleasesView, ReleaseView } from "./views.ts";

type Looked = Pick<ReleaseView, "look" | "refusal">;
const NOT_COME: Looked = { look: null, refusal: null };

/** Releases as the page shows them. Each is verified once for the files that lie there, and again when it is signed. */
export class ReleaseLooks {
  readonly #context: CommandContext;
  readonly #looked = new Map<string, Looked>();

  constructor(context: CommandContext) {
    this.#context = context;
  }

  async releases(): Promise<ReleasesView> {
    const known = await askSite(this.#context, { ask: "releases" }, z.array(ReleaseSummary));
    const releases = [];
    for (const release of known) {
      const looked = release.isWaiting ? await this.#look(release) : NOT_COME;
      releases.push({ release, standing: standingOf(release), ...looked });
    }
    return { releases };
  }

  async #look({ manifest }: ReleaseSummary): Promise<Looked> {
    const path = releaseFolder(this.#context.folder, manifest);
    // Written last, and anew whenever a file was fetched again.
    const written = await stat(join(path, RELEASE_PATHS.manifest)).catch(() => null);
    if (written === null) return NOT_COME;
    const key = `${manifest} ${written.mtimeMs}`;
    const looked = this.#looked.get(key) ?? (await this.#held(path));
    this.#looked.set(key, looked);
    return looked;
  }

  async #held(path: string): Promise<Looked> {
    try {
      const { manifest, override, epsilon, checks } = await holdRelease(this.#context, path);
      const { audit, gate } = manifest;
      const look = { verdict: audit.verdict.words, gate, override, epsilon, checks: [...checks].map(withProblems) };
      return { look, refusal: null };
    } catch (error) {
      return { look: null, refusal: toRefusal(error) };
    }
  }
}

function withProblems<Check extends { readonly problems: readonly string[] }>(check: Check) {
  return { ...check, problems: [...check.problems] };
}
