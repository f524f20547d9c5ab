import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import type { Connector } from "../connector/connector.ts";
import { openData } from "../connector/open.ts";

/**
 * Opens a data set for whoever typed or registered its path. The connector's failures hold no path, for some cross the
 * wire; this one stays on this terminal.
 */
export async function openNamed(path: string): Promise<Connector> {
  try {
    return await openData(path);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const { code, kind, message, remedy, fields } = error;
    throw new Failure({ code, kind, what: `${path}: ${message}`, remedy, fields, cause: error });
  }
}

/** Refuses a file to write whose folder isn't there, before the work that fills it. */
export async function requireFolderOf(path: string): Promise<void> {
  const folder = dirname(path);
  const found = await stat(folder).catch(() => null);
  if (found?.isDirectory() === true) return;
  throw new Failure({
    code: "file/unwritable",
    kind: "usage",
    what: `${path} can't be written: there is no folder ${folder}.`,
    remedy: "Make the folder, or name another file with --out.",
  });
}

/** What the system says of a file that it wouldn't write. */
export function unwritable(path: string, cause: unknown): Failure {
  const why = cause instanceof Error && "code" in cause ? ` (${String(cause.code)})` : "";
  return new Failure({
    code: "file/unwritable",
    kind: "usage",
    what: `${path} can't be written${why}.`,
    remedy: "Check its permissions and the space that is left, or name another file with --out.",
    cause,
  });
}
