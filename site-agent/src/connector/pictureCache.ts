/**
 * Decoded and resized pictures of one data set, kept in the site's own data folder so that they are decoded once. An
 * entry holds all pictures of one file, and is named by the SHA-256 of the file's bytes and of all that decides what
 * they become: another file, or another rule, has another name. The file itself is read each time, so one that changed
 * is found, and whom it belongs to is told by it alone: no entry holds an identifier. Entries are records all the same:
 * their owner alone may read them, and none is ever served or sent.
 */
import { createHash, randomUUID } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { endianness } from "node:os";
import { dirname, join } from "node:path";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { assert } from "@consilium/shared/failure/failure";
import type { RawArray } from "@consilium/shared/study/features";

/** Raised with whatever changes a picture's numbers: a resampling, a codec, a rule of grey values. */
const FORMAT = 1;
/**
 * Entry, little-endian: magic, number of pictures (uint32), 4 zero bytes, their numbers (float32), and the SHA-256 of
 * the entry's name and all of that: one that lies under another name is none.
 */
const MAGIC = Buffer.from("CONSPIC1", "ascii");
const HEADER_BYTES = 16;
const DIGEST_BYTES = 32;
/** Of a write that was killed; a younger one may still be under way. */
const ABANDONED_MS = 3_600_000;
const TEMPORARY = ".tmp";

/** Height, width and channels of every picture. */
export type PictureShape = readonly [number, number, number];

export interface CacheSize {
  readonly entries: number;
  readonly bytes: number;
}

export class PictureCache {
  constructor(private readonly folder: string) {}

  /** One reading of the data set. `recipe`: all of its rules that decide what a file's bytes become. */
  async reading(shape: PictureShape, recipe: unknown): Promise<CachedReading> {
    const { default: sharp } = await import("sharp");
    const rules = canonicalJson({ format: FORMAT, libraries: { ...sharp.versions }, shape, recipe });
    return new CachedReading(this.folder, shape, createHash("sha256").update(rules).digest());
  }

  async size(): Promise<CacheSize> {
    const paths = await entriesOf(this.folder);
    const sizes = await Promise.all(paths.map(async (path) => (await stat(path).catch(() => null))?.size ?? 0));
    return { entries: paths.length, bytes: sizes.reduce((sum, size) => sum + size, 0) };
  }

  async clear(): Promise<void> {
    await rm(this.folder, { recursive: true, force: true });
  }
}

export class CachedReading {
  /** Files whose pictures were here. */
  taken = 0;
  /** The first reason why one could not be kept; the reading goes on without. */
  unkept: string | null = null;
  private readonly used = new Set<string>();

  constructor(
    private readonly folder: string,
    private readonly shape: PictureShape,
    private readonly rules: Uint8Array,
  ) {}

  /** The pictures of a file with these bytes: those that were kept, else what `decode` makes of it. */
  async picturesOf(bytes: Uint8Array, decode: () => Promise<readonly RawArray[]>): Promise<readonly RawArray[]> {
    const content = createHash("sha256").update(bytes).digest();
    const name = createHash("sha256").update(this.rules).update(content).digest("hex");
    const path = join(this.folder, name.slice(0, 2), name);
    this.used.add(path);
    const kept = unpacked(await readFile(path).catch(() => null), name, this.shape);
    if (kept !== null) {
      this.taken += 1;
      return kept;
    }
    const pictures = await decode();
    if (this.unkept === null) await this.keep(path, packed(pictures, name, this.shape));
    return pictures;
  }

  /** After the data set was read whole: removes what it no longer holds, and what killed processes left. */
  async prune(): Promise<void> {
    for (const path of await entriesOf(this.folder)) {
      if (this.used.has(path)) continue;
      const found = await stat(path).catch(() => null);
      const isYoung = found !== null && Date.now() - found.mtimeMs < ABANDONED_MS;
      if (!(path.endsWith(TEMPORARY) && isYoung)) await rm(path, { force: true });
    }
  }

  /** Under another name until it is whole. Its digest tells what a power cut did to it: nothing waits for the disk. */
  private async keep(path: string, entry: Buffer): Promise<void> {
    const temporary = `${path}.${randomUUID()}${TEMPORARY}`;
    try {
      await mkdir(dirname(path), { recursive: true, mode: 0o700 });
      const file = await open(temporary, "wx", 0o600);
      try {
        await file.writeFile(entry);
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true }).catch(() => undefined);
      if (!(error instanceof Error && "code" in error)) throw error;
      this.unkept = String(error.code);
    }
  }
}

async function entriesOf(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

function packed(pictures: readonly RawArray[], name: string, shape: PictureShape): Buffer {
  assert(endianness() === "LE", "entries are little-endian, as every supported machine is");
  const bytesEach = 4 * numbersOf(shape);
  const entry = Buffer.alloc(HEADER_BYTES + pictures.length * bytesEach + DIGEST_BYTES);
  MAGIC.copy(entry);
  entry.writeUInt32LE(pictures.length, MAGIC.length);
  pictures.forEach(({ values }, i) => {
    assert(4 * values.length === bytesEach, "every picture has the data set's size");
    entry.set(new Uint8Array(values.buffer, values.byteOffset, values.byteLength), HEADER_BYTES + i * bytesEach);
  });
  const end = entry.length - DIGEST_BYTES;
  entry.set(digestOf(name, entry.subarray(0, end)), end);
  return entry;
}

/** `null` for anything but a whole, unaltered entry. */
function unpacked(entry: Buffer | null, name: string, shape: PictureShape): readonly RawArray[] | null {
  if (entry === null || entry.length < HEADER_BYTES + DIGEST_BYTES) return null;
  const count = entry.readUInt32LE(MAGIC.length);
  const bytesEach = 4 * numbersOf(shape);
  const end = entry.length - DIGEST_BYTES;
  if (!entry.subarray(0, MAGIC.length).equals(MAGIC) || end !== HEADER_BYTES + count * bytesEach) return null;
  if (!digestOf(name, entry.subarray(0, end)).equals(entry.subarray(end))) return null;
  return Array.from({ length: count }, (_, i) => {
    const values = Uint8Array.from(entry.subarray(HEADER_BYTES + i * bytesEach, HEADER_BYTES + (i + 1) * bytesEach));
    return { shape: [...shape], values: new Float32Array(values.buffer) };
  });
}

function digestOf(name: string, bytes: Uint8Array): Buffer {
  return createHash("sha256").update(name).update(bytes).digest();
}

function numbersOf([height, width, channels]: PictureShape): number {
  return height * width * channels;
}
