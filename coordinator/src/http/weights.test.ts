import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { WEIGHTS_BYTES_MAX } from "@consilium/shared/protocol/limits";
import type { Digest } from "@consilium/shared/units/identity";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BlobFolder } from "../storage/blobFolder.ts";
import { WeightsRoom } from "./weights.ts";

let path: string;
let folder: BlobFolder;
beforeEach(async () => {
  path = await mkdtemp(join(tmpdir(), "consilium-weights-"));
  folder = await BlobFolder.open(path);
});
afterEach(() => rm(path, { recursive: true }));

const receive = (digest: Digest, body: AsyncIterable<Uint8Array>, announced = 1000): Promise<number> =>
  new WeightsRoom(folder, WEIGHTS_BYTES_MAX).receive(digest, announced, body);

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i);

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts;
}

describe("[STU39] a weights file is stored under its own digest alone", () => {
  test("chunk by chunk; sent again it replaces what lies there", async () => {
    const digest = digestOf(bytes);
    for (let times = 0; times < 2; times++) {
      expect(await receive(digest, chunks(bytes.subarray(0, 7), bytes.subarray(7)))).toBe(1000);
      expect(await readdir(path)).toEqual([digest]);
      expect(new Uint8Array(await readFile(folder.pathOf(digest)))).toEqual(bytes);
    }
  });

  test("other bytes, too many, or a break leave nothing, and what was there before stays", async () => {
    const digest = digestOf(bytes);
    await receive(digest, chunks(bytes));
    await expect(receive(digestOf("other"), chunks(bytes))).rejects.toThrow("are not the weights file");
    await expect(receive(digest, chunks(bytes, bytes.subarray(0, 1)))).rejects.toThrow("no more than its request says");
    await expect(receive(digest, chunks(), WEIGHTS_BYTES_MAX + 1)).rejects.toThrow("at most");
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield bytes;
      throw new Error("the line broke");
    }
    await expect(receive(digest, broken())).rejects.toThrow("the line broke");
    expect(await readdir(path)).toEqual([digest]);
    expect(await folder.digests()).toEqual([digest]);
    expect(new Uint8Array(await readFile(folder.pathOf(digest)))).toEqual(bytes);
  });
});

describe("[STU42] all weights files together have a bounded room", () => {
  const other = (length: number): Uint8Array => Uint8Array.from({ length }, (_, i) => 3 * i);
  const named = (body: Uint8Array): Parameters<WeightsRoom["receive"]> => [digestOf(body), body.length, chunks(body)];

  test("what would pass it is refused before a byte is stored; a file sent again counts once", async () => {
    const room = new WeightsRoom(folder, 1500);
    await room.receive(...named(bytes));
    await expect(room.receive(...named(other(501)))).rejects.toMatchObject({
      code: "weights/no-room",
      remedy: expect.stringContaining("weightsMiB"),
    });
    expect(await readdir(path)).toEqual([digestOf(bytes)]);
    expect(await room.receive(...named(bytes))).toBe(1000);
    expect(await room.receive(...named(other(500)))).toBe(500);
  });

  test("uploads under way count too, until they end", async () => {
    const room = new WeightsRoom(folder, 1500);
    let end = (): void => undefined;
    const held = new Promise<void>((resolve) => {
      end = resolve;
    });
    async function* slow(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, 500);
      await held;
      throw new Error("the line broke");
    }
    const first = room.receive(digestOf(bytes), 1000, slow());
    await expect(room.receive(...named(other(501)))).rejects.toMatchObject({ code: "weights/no-room" });
    end();
    await expect(first).rejects.toThrow("the line broke");
    expect(await room.receive(...named(other(501)))).toBe(501);
  });
});
