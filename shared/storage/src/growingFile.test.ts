import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { GrowingFile } from "./growingFile.ts";

let folder: string;
let count = 0;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-growing-"));
});
afterAll(() => rm(folder, { recursive: true }));

function fileOf(total: number): GrowingFile {
  count += 1;
  return new GrowingFile(join(folder, `${count}`), total);
}

async function* chunksOf(bytes: Uint8Array, chunkBytes: number, breaksOff = false): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += chunkBytes) yield bytes.subarray(at, at + chunkBytes);
  if (breaksOff) throw new Error("the connection broke");
}

describe("[HND7] what arrives in pieces, with breaks, is in the file and in its digest byte by byte", () => {
  test("any chunks, any breaks", async () => {
    const property = fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 5000 }),
      fc.integer({ min: 1, max: 700 }),
      fc.array(fc.nat(5000), { maxLength: 3 }),
      async (bytes, chunkBytes, breaks) => {
        const file = fileOf(bytes.length);
        const stops = [...breaks.map((stop) => stop % bytes.length), bytes.length].sort((a, b) => a - b);
        for (const stop of stops) {
          const isLast = stop === bytes.length;
          const appended = await file.append(chunksOf(bytes.subarray(file.offset, stop), chunkBytes, !isLast));
          expect(appended).toBe(isLast ? "ended" : "cut");
          expect(file.offset).toBe(stop);
        }
        expect(file.isFull).toBe(true);
        expect(file.digest()).toBe(digestOf(bytes));
        expect(new Uint8Array(await readFile(file.path))).toEqual(bytes);
      },
    );
    await fc.assert(property, { numRuns: 50 });
  });

  test("several blocks of a megabyte", async () => {
    const bytes = new Uint8Array(3_500_000).map((_, index) => index % 251);
    const file = fileOf(bytes.length);
    expect(await file.append(chunksOf(bytes, 16_384))).toBe("ended");
    expect(digestOf(await readFile(file.path))).toBe(digestOf(bytes));
  });

  test("one byte too many is told", async () => {
    expect(await fileOf(10).append(chunksOf(new Uint8Array(11), 4))).toBe("too-long");
  });

  test("a folder that isn't there is told as a disk that refuses", async () => {
    const file = new GrowingFile(join(folder, "none", "file"), 10);
    expect(await file.append(chunksOf(new Uint8Array(10), 4))).toBe("not-stored");
  });

  test("a file that is not full has no digest", () => {
    expect(() => fileOf(1).digest()).toThrow("Broken invariant");
  });
});
