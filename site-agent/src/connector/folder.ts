/** Files below a folder, by their paths in it: sorted, links that lead out of it refused, hidden files left alone. */
import { readdir, realpath, stat } from "node:fs/promises";
import { join, relative, resolve, sep } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { unreadableData } from "./connector.ts";

/** More files than any archive of one hospital's study has. */
const FILES_MAX = 5_000_000;
/** A picture's file beyond this is none. */
const FILE_BYTES_MAX = 1024 * 1024 * 1024;

export async function filesBelow(folder: string): Promise<readonly string[]> {
  const root = await realFolder(folder);
  const entries = await readdir(root, { recursive: true, withFileTypes: true });
  const files = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(root, join(entry.parentPath, entry.name)).split(sep))
    .filter((names) => !names.some((name) => name.startsWith(".")))
    .map((names) => names.join("/"))
    .sort();
  if (files.length > FILES_MAX)
    throw unreadableData("folder-too-large", "The folder holds more files than can be read.", "Split it.");
  return files;
}

/** The file's real path, which must lie in the folder. */
export async function fileIn(folder: string, path: string): Promise<string> {
  const root = await realFolder(folder);
  const real = await realpath(resolve(root, path)).catch(() => {
    throw unreadableData("file-missing", "A picture's file isn't there.", "Compare the table's paths with the folder.");
  });
  const found = await stat(real);
  if (!real.startsWith(`${root}${sep}`) || !found.isFile())
    throw unreadableData("file-outside", "A path leads out of the folder.", "Name files below the folder alone.");
  if (found.size > FILE_BYTES_MAX)
    throw unreadableData("image-too-large", "A file is larger than any picture.", "Leave it out.");
  return real;
}

export async function realFolder(folder: string): Promise<string> {
  const root = await realpath(folder).catch(() => null);
  if (root !== null && (await stat(root)).isDirectory()) return root;
  throw unreadableData("folder-missing", "There is no such folder.", "Check the path, in a data set's file too.");
}

/** Some files of a folder can't be read. The message may cross the wire; the names are for local eyes. */
export class BrokenFiles extends Failure {
  constructor(readonly files: readonly { readonly name: string; readonly code: string }[]) {
    const codes = [...new Set(files.map(({ code }) => code))].sort().join(", ");
    super({
      code: "data/files-broken",
      kind: "config",
      what: `Files of the folder can't be read (${codes}).`,
      remedy: "consilium-site data check PATH names them: export them again, or leave them out.",
    });
  }
}

/** Remembers what can't be read and goes on, so that all of it is told at once. */
export class BrokenList {
  private readonly files: { name: string; code: string }[] = [];

  async tried<T>(name: string, work: () => Promise<T>): Promise<T | null> {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.files.push({ name, code: error.code.replace(/^data\//, "") });
      return null;
    }
  }

  requireNone(): void {
    if (this.files.length === 0) return;
    throw new BrokenFiles(this.files.sort((a, b) => (a.name < b.name ? -1 : 1)));
  }
}
