import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { SiteName } from "@consilium/shared/units/identity";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { type Source, Uploads } from "./uploads.ts";

const basel = SiteName.parse("basel");
const bytes = Buffer.from("a contribution of thirty bytes");
const digest = digestOf(bytes);
const total = bytes.length;

let folder: string;
let uploads: Uploads;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-uploads-"));
  uploads = await Uploads.open(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function sourceOf(...chunks: Uint8Array[]): Source {
  return {
    accept: () => undefined,
    stop: () => undefined,
    chunks: (async function* () {
      yield* chunks;
    })(),
  };
}

/** Brings one chunk, then hangs until it is stopped: a connection whose other end has gone without a word. */
function hangingSource(first: Uint8Array): Source & { isStopped: () => boolean } {
  let stop: () => void = () => undefined;
  let stopped = false;
  const hang = new Promise<void>((resolve) => {
    stop = () => {
      stopped = true;
      resolve();
    };
  });
  return {
    accept: () => undefined,
    stop: () => stop(),
    isStopped: () => stopped,
    chunks: (async function* () {
      yield first;
      await hang;
      throw new Error("the connection broke");
    })(),
  };
}

describe("[HND7] an upload has one writer, goes on where it stopped, and starts over when it was wrong", () => {
  test("two parts make the file", async () => {
    const path = uploads.expect(basel, digest, total);
    const range = (start: number) => ({ start, total });
    const first = await uploads.receive(basel, digest, range(0), sourceOf(bytes.subarray(0, 12)));
    expect(first).toEqual({ isWhole: false, offset: 12 });
    expect(uploads.offsetOf(basel, digest)).toBe(12);
    expect(await uploads.receive(basel, digest, range(12), sourceOf(bytes.subarray(12)))).toEqual({
      isWhole: true,
      offset: total,
    });
    expect(await readFile(await path)).toEqual(bytes);
  });

  test("a site that comes back takes over from its own hanging request", async () => {
    const path = uploads.expect(basel, digest, total);
    const hanging = hangingSource(bytes.subarray(0, 10));
    const before = uploads.receive(basel, digest, { start: 0, total }, hanging);
    while (uploads.offsetOf(basel, digest) < 10) await new Promise((resolve) => setTimeout(resolve, 1));
    const after = uploads.receive(basel, digest, { start: 10, total }, sourceOf(bytes.subarray(10)));
    expect(await after).toEqual({ isWhole: true, offset: total });
    expect(hanging.isStopped()).toBe(true);
    expect(await before).toEqual({ isWhole: false, offset: 10 });
    expect(await readFile(await path)).toEqual(bytes);
  });

  test("of two that would go on at once, one is told to ask again", async () => {
    const path = uploads.expect(basel, digest, total);
    const outcomes = await Promise.all([
      uploads.receive(basel, digest, { start: 0, total }, sourceOf(bytes)),
      uploads.receive(basel, digest, { start: 0, total }, sourceOf(bytes)),
    ]);
    expect(outcomes).toContainEqual({ isWhole: true, offset: total });
    expect(await readFile(await path)).toEqual(bytes);
  });

  test("wrong bytes are thrown away; the right ones follow", async () => {
    const path = uploads.expect(basel, digest, total);
    const wrong = sourceOf(Buffer.alloc(total));
    expect(await uploads.receive(basel, digest, { start: 0, total }, wrong)).toEqual({
      refused: "transfer/digest-mismatch",
    });
    expect(uploads.offsetOf(basel, digest)).toBe(0);
    await uploads.receive(basel, digest, { start: 0, total }, sourceOf(bytes));
    expect(await readFile(await path)).toEqual(bytes);
    expect(await readdir(folder)).toHaveLength(1);
  });

  test("more bytes than announced are thrown away", async () => {
    const path = uploads.expect(basel, digest, total);
    const long = sourceOf(bytes, Buffer.alloc(1));
    expect(await uploads.receive(basel, digest, { start: 0, total }, long)).toEqual({ refused: "transfer/too-large" });
    await uploads.forget(basel, digest, new Error("given up"));
    await expect(path).rejects.toThrow("given up");
    expect(await readdir(folder)).toEqual([]);
  });

  test("a disk that takes nothing is told as such, and the file stays expected", async () => {
    const path = uploads.expect(basel, digest, total);
    await rm(folder, { recursive: true });
    expect(await uploads.receive(basel, digest, { start: 0, total }, sourceOf(bytes))).toEqual({
      refused: "transfer/not-stored",
    });
    await Uploads.open(folder);
    await uploads.receive(basel, digest, { start: 0, total }, sourceOf(bytes));
    expect(await readFile(await path)).toEqual(bytes);
  });

  test("giving up in mid-upload stops it and leaves nothing", async () => {
    const path = uploads.expect(basel, digest, total);
    const hanging = hangingSource(bytes.subarray(0, 10));
    const receiving = uploads.receive(basel, digest, { start: 0, total }, hanging);
    while (uploads.offsetOf(basel, digest) < 10) await new Promise((resolve) => setTimeout(resolve, 1));
    await uploads.forget(basel, digest, new Error("the round is over"));
    await receiving;
    await expect(path).rejects.toThrow("the round is over");
    expect(await readdir(folder)).toEqual([]);
  });

  test("expecting one file twice is one expectation", () => {
    expect(uploads.expect(basel, digest, total)).toBe(uploads.expect(basel, digest, total));
  });
});
