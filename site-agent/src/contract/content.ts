import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { join, relative, sep } from "node:path";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { Failure } from "@consilium/shared/failure/failure";
import type { DataContract } from "@consilium/shared/study/contract";
import { Digest } from "@consilium/shared/units/identity";
import { readDatasetFile, whatIsBehind } from "../connector/open.ts";
import { MAGIC, resolveFile, startsWith } from "../connector/sourceFile.ts";
import { isSplitByKey } from "../split/keyedHash.ts";

const READ_BYTES = 1024 * 1024;

/** A data set's file as it was registered; null where its content was not recorded then. */
export interface RegisteredFile {
  readonly dataset: string;
  readonly path: string;
  readonly content: Digest | null;
}

/** What is known of a data set by its bytes. */
export interface Content {
  /** Of all that decides a record: the data set's file and every file behind it; `null` where a database server is. */
  readonly digest: Digest | null;
  /** Of each file that records lie in, by itself, or of a database's name: the same under two data sets is found. */
  readonly files: readonly Digest[];
}

/** A bare file's digest is that of its bytes. */
export async function contentOf(path: string): Promise<Content> {
  const dataset = await readDatasetFile(path);
  if (dataset === null) {
    const digest = await digestOfFile(path);
    return { digest, files: [digest] };
  }
  const behind = whatIsBehind(dataset.file.source, dataset.at);
  if (behind.database !== null) return { digest: null, files: [digestOfText(behind.database)] };
  const files = await digestsOf(behind.records);
  const all = canonicalJson({ dataset: await digestOfFile(path), files, names: await digestsOf(behind.names) });
  return { digest: digestOfText(all), files };
}

function digestOfText(text: string): Digest {
  return Digest.parse(createHash("sha256").update(text).digest("hex"));
}

async function digestsOf(paths: readonly string[]): Promise<Digest[]> {
  const digests: Digest[] = [];
  for (const path of paths) digests.push(await digestOf(path));
  return digests;
}

/** Of a file's bytes; of a folder's files, linked ones too, with their names below it, in the order of the names. */
async function digestOf(path: string): Promise<Digest> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() !== true) return digestOfFile(resolveFile(path));
  const entries = await readdir(path, { recursive: true, withFileTypes: true });
  const paths: string[] = [];
  for (const entry of entries) {
    const inside = join(entry.parentPath, entry.name);
    const isLinked = entry.isSymbolicLink() && (await stat(inside).catch(() => null))?.isFile() === true;
    if (entry.isFile() || isLinked) paths.push(inside);
  }
  const hash = createHash("sha256");
  for (const file of paths.sort())
    hash.update(canonicalJson({ name: relative(path, file).split(sep).join("/"), bytes: await digestOfFile(file) }));
  return Digest.parse(hash.digest("hex"));
}

/** With what SQLite hasn't written into the database's own file yet: its readers see that too. */
async function digestOfFile(path: string): Promise<Digest> {
  const hash = createHash("sha256");
  const log = `${path}-wal`;
  const hasLog = startsWith(path, MAGIC.sqlite) && ((await stat(log).catch(() => null))?.size ?? 0) > 0;
  for (const file of hasLog ? [path, log] : [path])
    for await (const chunk of createReadStream(file, { highWaterMark: READ_BYTES })) hash.update(chunk);
  return Digest.parse(hash.digest("hex"));
}

/**
 * Refuses data that changed since they were registered, where the change could move a patient to another part: without
 * a patient key a row's number is the key, and a split column may say something else now. What such a patient paid in
 * one part would not count in the other.
 */
export async function requireUnchanged(
  { dataset, path, content }: RegisteredFile,
  contract: DataContract,
): Promise<void> {
  if (isSplitByKey(contract)) return;
  const { digest } = await contentOf(path);
  if (digest === null) throw splitNeedsKeys(dataset);
  if (content === null || content === digest) return;
  throw new Failure({
    code: "data/changed",
    kind: "config",
    what: `The file of ${dataset} is not the one that was registered, and this study's split depends on the file.`,
    remedy:
      "Put the registered file back. Data that grow need a patient key, and a study that splits by it: no split column.",
  });
}

function splitNeedsKeys(dataset: string): Failure {
  return new Failure({
    code: "data/split-needs-keys",
    kind: "config",
    what: `${dataset} lies in a database, whose rows have no fixed order, and this study's split hangs on the rows.`,
    remedy: "A database needs a study with a patient key that splits by it: no split column. Or export a file.",
  });
}
