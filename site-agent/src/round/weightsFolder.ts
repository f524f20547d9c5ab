import { mkdir, readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { RunningDigest } from "@consilium/shared/encoding/digest";
import { toRefusal } from "@consilium/shared/failure/failure";
import type { StudyWeights } from "@consilium/shared/model/studyWeights";
import type { Logger } from "@consilium/shared/system/logger";
import type { Digest } from "@consilium/shared/units/identity";
import { fileChunks } from "@consilium/storage/fileChunks";
import { removeFile } from "@consilium/storage/removeFile";
import { FOLDER_MODE } from "../storage/folder.ts";
import type { RoundLink } from "./ports.ts";

export interface WeightsFolderOptions {
  readonly folder: string;
  readonly link: Pick<RoundLink, "download">;
  readonly logger: Logger;
}

const SUFFIX = ".weights";

/** Weights files of approved studies: fetched by the digest that the steward signed, kept until their study ends. */
export class WeightsFolder {
  readonly #options: WeightsFolderOptions;
  readonly #fetching = new Map<Digest, Promise<string>>();

  constructor(options: WeightsFolderOptions) {
    this.#options = options;
  }

  /** Path of a whole, verified file: the one that is kept, or where it is missing or altered a new one. */
  pathOf(named: StudyWeights): Promise<string> {
    const known = this.#fetching.get(named.digest);
    if (known !== undefined) return known;
    const path = this.#fetched(named).finally(() => this.#fetching.delete(named.digest));
    this.#fetching.set(named.digest, path);
    return path;
  }

  /** Before the first round: fetching them in it would take from the time that the site has to answer. */
  fetchAhead(all: readonly StudyWeights[]): void {
    for (const named of all) {
      this.pathOf(named).catch((error: unknown) => {
        this.#options.logger.warn("weights-not-fetched", { digest: named.digest, code: toRefusal(error).code });
      });
    }
  }

  /** Makes the folder, and removes what no study needs any more or a fetch left unfinished. */
  async keepOnly(needed: readonly StudyWeights[]): Promise<void> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    const kept = new Set(needed.map(({ digest }) => digest + SUFFIX));
    for (const name of await readdir(folder)) if (!kept.has(name)) await removeFile(join(folder, name));
  }

  async #fetched(named: StudyWeights): Promise<string> {
    const { folder, link, logger } = this.#options;
    const path = join(folder, named.digest + SUFFIX);
    const state = await stateOf(path, named);
    if (state === "whole") return path;
    if (state === "altered") logger.warn("weights-altered", { digest: named.digest });
    await link.download(named.digest, named.bytes, path);
    logger.info("weights-fetched", { digest: named.digest, bytes: named.bytes });
    return path;
  }
}

async function stateOf(path: string, { digest, bytes }: StudyWeights): Promise<"whole" | "altered" | "missing"> {
  const size = await stat(path).then(
    (found) => found.size,
    () => null,
  );
  if (size === null) return "missing";
  if (size !== bytes) return "altered";
  const running = new RunningDigest();
  for await (const chunk of fileChunks(path)) running.add(chunk);
  return running.end() === digest ? "whole" : "altered";
}
