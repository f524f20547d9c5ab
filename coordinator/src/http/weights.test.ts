import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { WEIGHTS_BYTES_MAX } from "@consilium/shared/protocol/limits";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BlobFolder } from "../storage/blobFolder.ts";
import { receiveWeights } from "./weights.ts";

let path: string;
let folder: BlobFolder;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "consilium-weights-"));
  folder = await BlobFolder.open(path);
});
afterEach(() => rm(path, { recursive: true }));

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i);

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

describe("[STU39] a weights file is stored under its own digest alone", () => {
  test("chunk by chunk; sent again it replaces what lies there", async () => {
    const digest = digestOf(bytes);
    for (let times = 0; times < 2; times++) {
      expect(await receiveWeights(folder, digest, chunks(bytes.subarray(0, 7), bytes.subarray(7)))).toBe(1000);
      expect(await readdir(path)).toEqual([digest]);
      expect(new Uint8Array(await readFile(folder.pathOf(digest)))).toEqual(bytes);
    }
  });

  test("other bytes, too many, or a break leave nothing, and what was there before stays", async () => {
    const digest = digestOf(bytes);
    await receiveWeights(folder, digest, chunks(bytes));
    await expect(receiveWeights(folder, digestOf("other"), chunks(bytes))).rejects.toThrow("are not the weights file");
    const huge = new Uint8Array(WEIGHTS_BYTES_MAX);
    await expect(receiveWeights(folder, digest, chunks(huge.subarray(0, 1), huge))).rejects.toThrow("at most");
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield bytes;
      throw new Error("the line broke");
    }
    await expect(receiveWeights(folder, digest, broken())).rejects.toThrow("the line broke");
    expect(await readdir(path)).toEqual([digest]);
    expect(await folder.digests()).toEqual([digest]);
    expect(new Uint8Array(await readFile(folder.pathOf(digest)))).toEqual(bytes);
  });
});
