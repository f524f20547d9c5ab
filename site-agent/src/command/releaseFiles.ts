import { readdir, readFile, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { readTar } from "@consilium/shared/release/tar";
import type { ReleasedFiles } from "../release/look.ts";

/** As it lies in its folder, or in the one archive that `consilium release pack` made of it. */
export async function readRelease(path: string): Promise<ReleasedFiles> {
  const found = await stat(path).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  if (found.isFile()) return readTar(await readFile(path));
  const entries = await readdir(path, { recursive: true, withFileTypes: true }).catch((cause: unknown) => {
    throw unreadable(path, cause);
  });
  const files = entries.filter((entry) => !entry.isDirectory());
  return new Map(
    await Promise.all(
      files.map(async (entry): Promise<[string, Uint8Array]> => {
        const file = join(entry.parentPath, entry.name);
        return [relative(path, file).split(sep).join("/"), await readFile(file)];
      }),
    ),
  );
}

export function unreadable(path: string, cause: unknown): Failure {
  return new Failure({
    code: "file/unreadable",
    kind: "usage",
    what: `${path} can't be read.`,
    remedy: "Check the path and its permissions.",
    cause,
  });
}
