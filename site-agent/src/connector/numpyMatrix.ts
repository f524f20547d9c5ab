/** A two-dimensional array of a `.npy` file, or of a member of a `.npz` (a zip archive), streamed line by line. */
import { createReadStream } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { crc32, createInflateRaw } from "node:zlib";
import { contentStart, readEntries, type ZipEntry } from "../nativeEngine/zip.ts";
import { unreadableData } from "./connector.ts";
import type { MatrixFile, MatrixLine } from "./matrixFile.ts";
import { NPY_HEADER_BYTES_MAX, type NpyHeader, numberReader, parseNpyHeader, readNames } from "./npy.ts";
import { firstBytes, MAGIC, startsWith } from "./sourceFile.ts";

/** Unpacked bytes of a member that is streamed, and of one that is kept: names of a million genes. */
const MEMBER_BYTES_MAX = 16 * 2 ** 30;
const NAMES_BYTES_MAX = 64 * 2 ** 20;
/** Zeros deflate to a thousandth; what states more is no zip archive that a program wrote. */
const INFLATION_MAX = 1100;
const READ_BYTES = 2 ** 20;
const SIDE_MAX = 10_000_000;
const DEFLATED = 8;

/** Bytes of one array, and how many they are. */
interface ArrayBytes {
  readonly bytes: number;
  stream(): AsyncIterable<Buffer>;
}

/** Arrays of a file: one without a name, or those of an archive. */
export interface NumpyFile {
  readonly names: readonly string[];
  matrix(name?: string): Promise<MatrixFile>;
  texts(name: string): Promise<readonly string[]>;
}

export async function openNumpy(file: string): Promise<NumpyFile> {
  if (!startsWith(file, MAGIC.zip)) return arraysOf(new Map([["", await plainBytes(file)]]));
  const handle = await open(file, "r");
  try {
    return arraysOf(await members(handle, file));
  } finally {
    await handle.close();
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

function arraysOf(arrays: ReadonlyMap<string, ArrayBytes>): NumpyFile {
  const named = (name: string): ArrayBytes => {
    const array = arrays.get(name);
    if (array !== undefined) return array;
    throw unreadableData(
      "array-missing",
      `The file has no array '${name}'.`,
      `Name one of: ${[...arrays.keys()].slice(0, 20).join(", ") || "none is there"}.`,
    );
  };
  return {
    names: [...arrays.keys()],
    matrix: async (name) => {
      const [only, another] = [...arrays.keys()];
      if (name === undefined && (only === undefined || another !== undefined))
        throw unreadableData(
          "array-missing",
          `The file has ${arrays.size} arrays, and none was named.`,
          `Name one with array: ${[...arrays.keys()].slice(0, 20).join(", ")}.`,
        );
      return matrixOf(named(name ?? only ?? ""));
    },
    texts: async (name) => {
      const array = named(name);
      if (array.bytes > NAMES_BYTES_MAX)
        throw unreadableData("matrix-shape", `The array '${name}' is too large for names.`, "Name another array.");
      const parts: Buffer[] = [];
      for await (const part of array.stream()) parts.push(part);
      return readNames(Buffer.concat(parts));
    },
  };
}

async function matrixOf(array: ArrayBytes): Promise<MatrixFile> {
  const header = parseNpyHeader(await startOf(array));
  const [rows, columns] = header.shape;
  if (rows === undefined || columns === undefined || header.shape.length !== 2 || Math.max(rows, columns) > SIDE_MAX)
    throw unreadableData(
      "matrix-shape",
      `The array has the shape (${header.shape.slice(0, 5).join(", ")}), and a matrix has rows and columns.`,
      "Name a two-dimensional array, or reshape it.",
    );
  const { kind, bytes } = header.type;
  if (kind === "S" || kind === "U")
    throw unreadableData("matrix-type", "The array holds texts, not numbers.", "Name the array of numbers.");
  if (array.bytes !== header.headerBytes + rows * columns * bytes)
    throw unreadableData("matrix-truncated", "The array is cut short, or longer than its shape.", "Copy it again.");
  const width = header.isFortran ? rows : columns;
  return {
    width,
    linesAre: header.isFortran ? "columns" : "rows",
    lineCount: header.isFortran ? columns : rows,
    lineNames: async () => null,
    acrossNames: null,
    lines: (from, to, wanted) => linesOf(array, header, width, { from, to, wanted }),
    close: async () => undefined,
  };
}

async function startOf(array: ArrayBytes): Promise<Buffer> {
  let start = Buffer.alloc(0);
  for await (const part of array.stream()) {
    start = Buffer.concat([start, part]);
    if (start.length >= NPY_HEADER_BYTES_MAX) break;
  }
  return start;
}

interface Range {
  readonly from: number;
  readonly to: number;
  readonly wanted: ReadonlySet<number> | null;
}

/** The whole of the array is read, so that its checksum is checked; lines that nobody wants aren't decoded. */
async function* linesOf(
  array: ArrayBytes,
  header: NpyHeader,
  width: number,
  { from, to, wanted }: Range,
): AsyncGenerator<MatrixLine> {
  const { type } = header;
  const read = numberReader(type);
  const values = new Float64Array(to - from);
  let index = 0;
  for await (const line of pieces(array.stream(), header.headerBytes, width * type.bytes)) {
    if (wanted === null || wanted.has(index)) {
      read(line.subarray(from * type.bytes, to * type.bytes), to - from, values);
      yield { index, name: null, values };
    }
    index += 1;
  }
}

/** The stream without its first bytes, cut into pieces of one length; each is void at the next. */
async function* pieces(stream: AsyncIterable<Buffer>, skip: number, length: number): AsyncGenerator<Buffer> {
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

function damaged(): Error {
  return unreadableData("unreadable", "The archive is cut short or damaged.", "Copy or write it again.");
}
