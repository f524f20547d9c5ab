import { createReadStream, createWriteStream } from "node:fs";
import { type FileHandle, mkdir, open } from "node:fs/promises";
import { basename, dirname } from "node:path";
import { pipeline } from "node:stream/promises";
import { createInflateRaw } from "node:zlib";
import { Failure } from "@consilium/shared/failure/failure";

/** A file in an archive, from its central directory (APPNOTE.TXT 6.3.10, 4.3.12). */
export interface ZipEntry {
  readonly name: string;
  readonly method: number;
  readonly packedBytes: number;
  readonly bytes: number;
  readonly headerAt: number;
  /** CRC-32 of the unpacked bytes. */
  readonly checksum: number;
}

const END_SIGNATURE = 0x06054b50;
const ENTRY_SIGNATURE = 0x02014b50;
const HEADER_SIGNATURE = 0x04034b50;
const END_BYTES = 22;
/** A comment may follow the end record; its length has 16 bits. */
const END_SEARCH_BYTES = END_BYTES + 0xffff;
const HEADER_BYTES = 30;
const DEFLATED = 8;
const STORED = 0;

/**
 * Unpacks those files for which `targetOf` gives a path, and reads nothing else of the archive. Whoever calls has
 * checked the archive's digest, so entries' checksums are left alone; each must have the size that it states.
 */
export async function unzip(path: string, targetOf: (name: string) => string | null): Promise<void> {
  const file = await open(path, "r");
  try {
    for (const entry of await readEntries(file, path)) {
      const target = entry.name.endsWith("/") ? null : targetOf(entry.name);
      if (target === null) continue;
      await mkdir(dirname(target), { recursive: true, mode: 0o755 });
      await unpack(file, path, entry, target);
    }
  } finally {
    await file.close();
  }
}

/** Every entry of an archive's directory; `path` is for messages. */
export async function readEntries(file: FileHandle, path: string): Promise<ZipEntry[]> {
  const { size } = await file.stat();
  const start = Math.max(0, size - END_SEARCH_BYTES);
  const tail = await readAt(file, path, start, size - start);
  for (let at = tail.length - END_BYTES; at >= 0; at--) {
    if (tail.readUInt32LE(at) !== END_SIGNATURE) continue;
    const bytes = tail.readUInt32LE(at + 12);
    return entriesOf(await readAt(file, path, tail.readUInt32LE(at + 16), bytes), path);
  }
  throw unreadable(path, "it doesn't end as a zip archive does");
}

/** Entries of a central directory. An archive so large that its figures need 64 bits is refused. */
export function entriesOf(directory: Buffer, path: string): ZipEntry[] {
  const entries: ZipEntry[] = [];
  for (let at = 0; at + 46 <= directory.length; ) {
    if (directory.readUInt32LE(at) !== ENTRY_SIGNATURE) throw unreadable(path, "its directory is broken");
    const nameBytes = directory.readUInt16LE(at + 28);
    const entry = {
      name: directory.toString("utf8", at + 46, at + 46 + nameBytes),
      method: directory.readUInt16LE(at + 10),
      checksum: directory.readUInt32LE(at + 16),
      packedBytes: directory.readUInt32LE(at + 20),
      bytes: directory.readUInt32LE(at + 24),
      headerAt: directory.readUInt32LE(at + 42),
    };
    if ([entry.packedBytes, entry.bytes, entry.headerAt].includes(0xffffffff))
      throw unreadable(path, "it is too large");
    entries.push(entry);
    at += 46 + nameBytes + directory.readUInt16LE(at + 30) + directory.readUInt16LE(at + 32);
  }
  return entries;
}

/** Where an entry's packed bytes begin. */
export async function contentStart(file: FileHandle, path: string, entry: ZipEntry): Promise<number> {
  const header = await readAt(file, path, entry.headerAt, HEADER_BYTES);
  if (header.readUInt32LE(0) !== HEADER_SIGNATURE) throw unreadable(path, `${entry.name} isn't where it should be`);
  return entry.headerAt + HEADER_BYTES + header.readUInt16LE(26) + header.readUInt16LE(28);
}

async function unpack(file: FileHandle, path: string, entry: ZipEntry, target: string): Promise<void> {
  const start = await contentStart(file, path, entry);
  const out = createWriteStream(target, { mode: 0o644 });
  if (entry.packedBytes === 0) {
    await new Promise<void>((resolve, reject) => out.on("error", reject).end(resolve));
  } else {
    const packed = createReadStream(path, { start, end: start + entry.packedBytes - 1 });
    if (entry.method === DEFLATED) await pipeline(packed, createInflateRaw(), out);
    else if (entry.method === STORED) await pipeline(packed, out);
    else throw unreadable(path, `${entry.name} is packed by method ${entry.method}`);
  }
  if (out.bytesWritten !== entry.bytes) throw unreadable(path, `${entry.name} is not whole`);
}

async function readAt(file: FileHandle, path: string, position: number, length: number): Promise<Buffer> {
  const buffer = Buffer.alloc(length);
  const { bytesRead } = await file.read(buffer, 0, length, position);
  if (bytesRead < length) throw unreadable(path, "it is cut short");
  return buffer;
}

function unreadable(path: string, why: string): Failure {
  return new Failure({
    code: "engine/unreadable-archive",
    kind: "refused",
    what: `${basename(path)} can't be unpacked: ${why}.`,
    remedy: "Fetch it again.",
  });
}
