/** Arrays of a `.npy` file, or of the members of a `.npz` (a zip archive), as streams of their bytes. */
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { contentStart, readEntries, type ZipEntry } from "../nativeEngine/zip.ts";
import { unreadableData } from "./connector.ts";
import { NPY_HEADER_BYTES_MAX, parseNpyHeader } from "./npy.ts";
import { firstBytes, MAGIC, startsWith } from "./sourceFile.ts";

/** Unpacked bytes of a member that is streamed. */
const MEMBER_BYTES_MAX = 16 * 2 ** 30;
/** Zeros deflate to a thousandth; what states more is no zip archive that a program wrote. */
const INFLATION_MAX = 1100;
const READ_BYTES = 2 ** 20;
const DEFLATED = 8;

/** Bytes of one array, and how many they are. */
export interface ArrayBytes {
  readonly bytes: number;
  stream(): AsyncIterable<Buffer>;
}

/** By name; the one of a `.npy` file has none. */
export async function arraysIn(file: string): Promise<ReadonlyMap<string, ArrayBytes>> {
  if (!startsWith(file, MAGIC.zip)) return new Map([["", await plainBytes(file)]]);
  const handle = await open(file, "r");
  try {
    return await members(handle, file);
  } finally {
    await handle.close();
  }
}

/** At least the header, or all of an array that is shorter. */
export async function startOf(array: ArrayBytes): Promise<Buffer> {
  let start = Buffer.alloc(0);
  for await (const part of array.stream()) {
    start = Buffer.concat([start, part]);
    if (start.length >= NPY_HEADER_BYTES_MAX) break;
  }
  return start;
}

/** The stream without its first bytes, cut into pieces of one length; each is void at the next. */
export async function* pieces(stream: AsyncIterable<Buffer>, skip: number, length: number): AsyncGenerator<Buffer> {
  const kept = Buffer.alloc(length);
  let held = 0;
  let toSkip = skip;
  for await (const part of stream) {
    let at = Math.min(toSkip, part.length);
    toSkip -= at;
    while (length > 0 && at < part.length) {
      if (held === 0 && part.length - at >= length) {
        yield part.subarray(at, at + length);
        at += length;
        continue;
      }
      const taken = part.copy(kept, held, at, Math.min(part.length, at + length - held));
      held += taken;
      at += taken;
      if (held < length) continue;
      held = 0;
      yield kept;
    }
  }
}

async function plainBytes(file: string): Promise<ArrayBytes> {
  const handle = await open(file, "r");
  const { size } = await handle.stat();
  await handle.close();
  parseNpyHeader(firstBytes(file, NPY_HEADER_BYTES_MAX));
  return { bytes: size, stream: () => createReadStream(file, { highWaterMark: READ_BYTES }) };
}

async function members(handle: FileHandle, file: string): Promise<Map<string, ArrayBytes>> {
  try {
    const entries = await readEntries(handle, file);
    const arrays = new Map<string, ArrayBytes>();
    for (const entry of entries.filter(({ name }) => name.endsWith(".npy"))) {
      requireModest(entry);
      const start = await contentStart(handle, file, entry);
      arrays.set(entry.name.replace(/\.npy$/, ""), { bytes: entry.bytes, stream: () => unpacked(file, entry, start) });
    }
    return arrays;
  } catch (error) {
    // The archive reader's own words name the file.
    if (error instanceof Error && "code" in error && error.code === "engine/unreadable-archive") throw damaged();
    throw error;
  }
}

function requireModest({ bytes, packedBytes }: ZipEntry): void {
  if (packedBytes === 0) throw damaged();
  if (bytes <= MEMBER_BYTES_MAX && bytes <= INFLATION_MAX * Math.max(packedBytes, 1)) return;
  throw unreadableData(
    "matrix-bomb",
    "An array of the archive states to be far larger than what is packed there could hold.",
    "Don't use the file; write it again from data that you trust.",
  );
}

/** Never more than the entry states; its checksum is held against the bytes. */
async function* unpacked(file: string, entry: ZipEntry, start: number): AsyncGenerator<Buffer> {
  const packed = createReadStream(file, { start, end: start + entry.packedBytes - 1, highWaterMark: READ_BYTES });
  const inflate = entry.method === DEFLATED ? createInflateRaw({ chunkSize: READ_BYTES }) : null;
  packed.on("error", (error) => inflate?.destroy(error));
  let [bytes, sum] = [0, 0];
  try {
    for await (const part of inflate === null ? packed : packed.pipe(inflate)) {
      const chunk: Buffer = part;
      bytes += chunk.length;
      if (bytes > entry.bytes) break;
      sum = crc32(chunk, sum);
      yield chunk;
    }
  } catch {
    throw damaged();
  } finally {
    packed.destroy();
  }
  if (bytes !== entry.bytes || sum !== entry.checksum) throw damaged();
}

function damaged(): Error {
  return unreadableData("unreadable", "The archive is cut short or damaged.", "Copy or write it again.");
}
