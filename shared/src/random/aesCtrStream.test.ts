import { createCipheriv } from "node:crypto";
import { describe, expect, test } from "vitest";
import { operatingSystemRandom } from "../system/operatingSystemRandom.ts";
import { aesCtrStream, streamFrom } from "./aesCtrStream.ts";
import type { RandomSource } from "./randomSource.ts";

const fixedKey = (origin: RandomSource["origin"]): RandomSource => ({
  origin,
  bytes: (count) => new Uint8Array(count).fill(7),
});

describe("a keyed stream", () => {
  test("is AES-256-CTR's keystream, in pieces of any size", () => {
    const stream = aesCtrStream(fixedKey("seeded"));
    const sizes = [1, 15, 16, 4096, 300_000, 3];
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const pieces = Buffer.concat(sizes.map((size) => stream.bytes(size)));
    const cipher = createCipheriv("aes-256-ctr", new Uint8Array(32).fill(7), new Uint8Array(16));
    expect(pieces.equals(cipher.update(new Uint8Array(total)))).toBe(true);
  });

  test("a seeded key marks the stream; another's does not", () => {
    expect(aesCtrStream(fixedKey("seeded")).origin).toBe("seeded");
    expect(aesCtrStream(operatingSystemRandom).origin).toBe("keyed-stream");
  });

  test("is made where a source has none of its own", () => {
    expect(streamFrom(operatingSystemRandom)).toBe(operatingSystemRandom);
    const made = streamFrom(fixedKey("seeded"));
    expect(made.bytes(20)).toEqual(aesCtrStream(fixedKey("seeded")).bytes(20));
    expect(made.origin).toBe("seeded");
  });

  test("two streams from the operating system differ", () => {
    const [a, b] = [aesCtrStream(operatingSystemRandom), aesCtrStream(operatingSystemRandom)];
    expect(Buffer.from(a.bytes(32)).equals(b.bytes(32))).toBe(false);
  });
});
