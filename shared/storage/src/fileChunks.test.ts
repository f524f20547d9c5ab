import { createHash, randomBytes } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Writable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { fileChunks } from "./fileChunks.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-chunks-"));
});
afterAll(() => rm(folder, { recursive: true }));

const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

describe("[HND7] files go in bounded memory", () => {
  test.each([
    ["empty", 0, 0],
    ["of one chunk", 1000, 0],
    ["of many, to a slow reader", 3_000_001, 0],
    ["from the middle", 3_000_001, 1_234_567],
    ["from its end", 1000, 1000],
  ])("a file %s arrives whole", async (_, bytes, start) => {
    const content = randomBytes(bytes);
    const path = join(folder, "file");
    await writeFile(path, content);
    const hash = createHash("sha256");
    const slow = new Writable({
      write(chunk: Uint8Array, _encoding, done) {
        // As a socket: holds on to the chunk until it was sent.
        setTimeout(() => {
          hash.update(chunk);
          done();
        }, 2);
      },
    });
    await pipeline(fileChunks(path, start), slow);
    expect(hash.digest("hex")).toBe(digestOf(content.subarray(start)));
  });

  test("what can't be opened is an error", async () => {
    await expect(fileChunks(join(folder, "nothing")).next()).rejects.toThrow(/ENOENT/);
  });
});
