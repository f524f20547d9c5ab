/** The files that a data set lies in: there, whole and of the kind that they are taken for. */
import { closeSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { unreadableData } from "./connector.ts";

/** First bytes of the kinds of file that are told apart by them. */
export const MAGIC = {
  parquet: "PAR1",
  sqlite: "SQLite format 3\0",
  gzip: "\x1f\x8b",
  zip: "PK\x03\x04",
  npy: "\x93NUMPY",
} as const;

/** The file's real path, so that what is opened is what was looked at. */
export function resolveFile(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile())
    throw unreadableData("file-missing", "There is no such data file.", "Check the path; a folder can't be read.");
  if (found.size === 0)
    throw unreadableData("empty", "The data file is empty.", "Export it again, with its header line.");
  return realpathSync(path);
}

export function startsWith(file: string, magic: string): boolean {
  return firstBytes(file, magic.length).toString("latin1") === magic;
}

/** At most `count` bytes; fewer where the file is shorter. */
export function firstBytes(file: string, count: number): Buffer {
  const bytes = Buffer.alloc(count);
  const descriptor = openSync(file, "r");
  try {
    return bytes.subarray(0, readSync(descriptor, bytes, 0, count, 0));
  } finally {
    closeSync(descriptor);
  }
}
