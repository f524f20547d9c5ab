/** The files that a data set lies in: there, whole and of the kind that they are taken for. */
import { closeSync, createReadStream, openSync, readSync, realpathSync, statSync } from "node:fs";
import { createGunzip } from "node:zlib";
import { unreadableData } from "./connector.ts";

const READ_BYTES = 2 ** 20;
/** A line of 30,000 long numbers is a hundredth of it. */
const LINE_BYTES_MAX = 256 * 2 ** 20;
const NEWLINE = 10;
const RETURN = 13;

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
  if (found === undefined) throw unreadableData("file-missing", "There is no such data file.", "Check the path.");
  if (!found.isFile())
    throw unreadableData("file-missing", "The data file is a folder, or no file at all.", "Name a file in it.");
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

/** Which reader a table needs. */
export function tableKind(file: string): "parquet" | "json" | "csv" {
  if (startsWith(file, MAGIC.parquet)) return "parquet";
  return /\.(json|ndjson|jsonl)(\.gz)?$/i.test(file) ? "json" : "csv";
}

/** The start of a text, unpacked where it is gzipped, without a byte order mark. */
export async function firstText(file: string, bytesMax: number): Promise<string> {
  const bytes = await firstUnpacked(file, bytesMax);
  try {
    // Of a character that the limit cuts in two the rest is not missed.
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes, { stream: true });
  } catch {
    throw unreadableData(
      "unreadable",
      "The data file isn't text in UTF-8.",
      "Export it as UTF-8 (spreadsheets call it CSV UTF-8).",
    );
  }
}

async function firstUnpacked(file: string, bytesMax: number): Promise<Buffer> {
  if (!startsWith(file, MAGIC.gzip)) return firstBytes(file, bytesMax);
  const parts: Buffer[] = [];
  let length = 0;
  for await (const part of unpackedBytes(file)) {
    parts.push(part);
    length += part.length;
    if (length >= bytesMax) break;
  }
  return Buffer.concat(parts).subarray(0, bytesMax);
}

/** Bytes of a gzipped file as they were before; one that is cut short or damaged is a Failure. */
export async function* unpackedBytes(file: string): AsyncGenerator<Buffer> {
  const packed = createReadStream(file, { highWaterMark: READ_BYTES });
  const unpacked = createGunzip({ chunkSize: READ_BYTES });
  packed.on("error", (error) => unpacked.destroy(error));
  try {
    for await (const part of packed.pipe(unpacked)) yield part;
  } catch {
    throw unreadableData("unreadable", "The compressed file is cut short or damaged.", "Copy or export it again.");
  } finally {
    packed.destroy();
  }
}

/** Reads all of it once: what is left of a file that was cut must not pass for the whole, whatever its reader does. */
export async function requireWholeGzip(file: string): Promise<void> {
  let bytes = 0;
  for await (const part of unpackedBytes(file)) bytes += part.length;
  if (bytes === 0) throw unreadableData("empty", "The data file is empty.", "Export it again, with its header line.");
}

/** Lines of a text, gzipped or not, without their breaks; each is void at the next. */
export async function* fileLines(file: string): AsyncGenerator<Buffer> {
  const stream: AsyncIterable<Buffer> = startsWith(file, MAGIC.gzip)
    ? unpackedBytes(file)
    : createReadStream(file, { highWaterMark: READ_BYTES });
  let rest: Buffer[] = [];
  let restBytes = 0;
  for await (const part of stream) {
    let start = 0;
    for (let end = part.indexOf(NEWLINE); end >= 0; end = part.indexOf(NEWLINE, start)) {
      const line = part.subarray(start, end);
      yield withoutReturn(restBytes === 0 ? line : Buffer.concat([...rest, line]));
      rest = [];
      restBytes = 0;
      start = end + 1;
    }
    if (start === part.length) continue;
    rest.push(part.subarray(start));
    restBytes += part.length - start;
    if (restBytes > LINE_BYTES_MAX)
      throw unreadableData("unreadable", "The file has no lines.", "Export it as CSV or TSV.");
  }
  if (restBytes > 0) yield withoutReturn(Buffer.concat(rest));
}

function withoutReturn(line: Buffer): Buffer {
  return line.at(-1) === RETURN ? line.subarray(0, -1) : line;
}
