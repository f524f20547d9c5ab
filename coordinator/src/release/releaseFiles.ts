import { readdirSync, readFileSync, statSync } from "node:fs";
import { join, relative, sep } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { readTar } from "@consilium/shared/release/tar";

/** A release has some fifteen files; whoever adds thousands wants something else. */
const FILES_MAX = 1000;

export interface ReleaseFiles {
  /** Every file's path, with forward slashes. */
  readonly listing: readonly string[];
  /** A listed file's bytes; null for any other path. */
  readonly read: (path: string) => Uint8Array | null;
}

/** A release's files as they lie in its folder, or in the one archive that `release pack` made of it. */
export function releaseFiles(path: string): ReleaseFiles {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found?.isFile()) {
    const files = readTar(readFileSync(path));
    return { listing: [...files.keys()], read: (file) => files.get(file) ?? null };
  }
  if (found?.isDirectory()) {
    const listing = filesIn(path);
    return { listing, read: (file) => (listing.includes(file) ? readFileSync(join(path, file)) : null) };
  }
  throw new Failure({
    code: "verify/no-folder",
    kind: "usage",
    what: `${path} is neither a folder nor an archive.`,
    remedy: "Name a release's folder, the one with manifest.json in it, or its .tar.",
  });
}

/** Everything below a folder, with forward slashes; links and devices count as files, so that they are refused. */
function filesIn(folder: string): string[] {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => !entry.isDirectory());
  if (files.length > FILES_MAX) throw new RangeError(`verify: more than ${FILES_MAX} files`);
  return files.map((entry) => relative(folder, join(entry.parentPath, entry.name)).split(sep).join("/"));
}
