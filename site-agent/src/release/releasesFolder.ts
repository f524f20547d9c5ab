import { mkdir, readdir, rm, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { RunningDigest } from "@consilium/shared/encoding/digest";
import { toRefusal } from "@consilium/shared/failure/failure";
import { jsonBytes, RELEASE_PATHS, type SignedManifest } from "@consilium/shared/release/manifest";
import type { Logger } from "@consilium/shared/system/logger";
import type { Digest } from "@consilium/shared/units/identity";
import { fileChunks } from "@consilium/storage/fileChunks";
import type { RoundLink } from "../round/ports.ts";
import { FOLDER_MODE } from "../storage/folder.ts";
import type { ReleaseRecord } from "../storage/releases.ts";

export interface ReleasesFolderOptions {
  readonly folder: string;
  readonly link: Pick<RoundLink, "download">;
  readonly logger: Logger;
}

/**
 * Files of releases that wait for this site's word, fetched by the digests in their signed manifest. `manifest.json` is
 * written last: where it lies, every other file was whole. Digests are compared again when somebody is to sign.
 */
export class ReleasesFolder {
  readonly #options: ReleasesFolderOptions;
  readonly #fetching = new Map<Digest, Promise<void>>();

  constructor(options: ReleasesFolderOptions) {
    this.#options = options;
  }

  /** Fetches what is missing or altered; what can't be fetched now is when the link begins again. */
  fetchAhead(waiting: readonly ReleaseRecord[]): void {
    for (const { manifest, signed } of waiting) {
      if (signed === null || this.#fetching.has(manifest)) continue;
      const fetched = this.#fetched(manifest, signed)
        .catch((error: unknown) => {
          this.#options.logger.warn("release-not-fetched", { manifest, code: toRefusal(error).code });
        })
        .finally(() => this.#fetching.delete(manifest));
      this.#fetching.set(manifest, fetched);
    }
  }

  /** Makes the folder, and removes releases that wait for nothing any more. */
  async keepOnly(waiting: readonly ReleaseRecord[]): Promise<void> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true, mode: FOLDER_MODE });
    const kept = new Set<string>(waiting.map(({ manifest }) => manifest));
    for (const name of await readdir(folder)) {
      if (!kept.has(name)) await rm(join(folder, name), { recursive: true, force: true });
    }
  }

  async #fetched(manifest: Digest, signed: SignedManifest): Promise<void> {
    const { folder, link, logger } = this.#options;
    const root = join(folder, manifest);
    for (const { path, bytes, sha256 } of signed.manifest.files) {
      const file = join(root, path);
      await mkdir(dirname(file), { recursive: true, mode: FOLDER_MODE });
      if (!(await isWhole(file, bytes, sha256))) await link.download(sha256, bytes, file);
    }
    await writeFileAtomically(join(root, RELEASE_PATHS.manifest), jsonBytes(signed), PUBLIC_FILE_MODE);
    logger.info("release-fetched", { study: signed.manifest.study, manifest });
  }
}

async function isWhole(path: string, bytes: number, sha256: Digest): Promise<boolean> {
  const size = await stat(path).then(
    (found) => found.size,
    () => null,
  );
  if (size !== bytes) return false;
  const running = new RunningDigest();
  for await (const chunk of fileChunks(path)) running.add(chunk);
  return running.end() === sha256;
}
