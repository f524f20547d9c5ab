import { stat } from "node:fs/promises";
import { dirname } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import type { RawValue } from "@consilium/shared/study/features";
import type { Connector } from "../connector/connector.ts";
import { BrokenFiles } from "../connector/folder.ts";
import { openData, openOriginal } from "../connector/open.ts";
import type { Reading } from "../connector/reading.ts";

/**
 * Opens a data set for whoever typed or registered its path. The connector's failures hold no path, for some cross the
 * wire; these stay on this terminal.
 */
export function openNamed(path: string, reading?: Reading): Promise<Connector> {
  return named(path, openData(path, reading));
}

/** The same, neither de-identified nor harmonised. */
export function openOriginalNamed(path: string, reading: Reading): Promise<Connector> {
  return named(path, openOriginal(path, reading));
}

async function named(path: string, opening: Promise<Connector>): Promise<Connector> {
  const connector = await opening.catch((error: unknown) => {
    throw withPath(error, path);
  });
  return {
    columns: () => connector.columns(),
    rows: (columns) => namedRows(connector, columns, path),
    findings: () => connector.findings(),
    close: () => connector.close(),
  };
}

async function* namedRows(
  connector: Connector,
  columns: readonly string[],
  path: string,
): AsyncGenerator<readonly (readonly RawValue[])[]> {
  try {
    yield* connector.rows(columns);
  } catch (error) {
    throw withPath(error, path);
  }
}

const BROKEN_SHOWN = 20;

/** With the path, and with the names of the files of a folder that couldn't be read. */
function withPath(error: unknown, path: string): unknown {
  if (!(error instanceof Failure)) return error;
  const { code, kind, message, remedy, fields } = error;
  const broken = error instanceof BrokenFiles ? error.files : [];
  const more = broken.length > BROKEN_SHOWN ? [`and ${broken.length - BROKEN_SHOWN} more`] : [];
  const named = broken.slice(0, BROKEN_SHOWN).map((file) => `${file.name}: ${file.code}`);
  const what = [`${path}: ${message}`, ...named, ...more].join("\n  ");
  return new Failure({ code, kind, what, remedy, fields, cause: error });
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
