import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isArrayValue } from "@consilium/shared/study/features";
import sharp from "sharp";
import { afterAll, describe, expect, test } from "vitest";
import { contentOf } from "../contract/content.ts";
import { textElement } from "../dicom/dataset.ts";
import { greyImage } from "../dicom/dicomFiles.test-support.ts";
import { EXPLICIT_LITTLE_ENDIAN } from "../dicom/transferSyntax.ts";
import { writeDicom } from "../dicom/write.ts";
import { inOrder } from "./ahead.ts";
import { openData } from "./open.ts";
import { PictureCache } from "./pictureCache.ts";
import { Progress } from "./reading.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-cache-"));
afterAll(() => rmSync(folder, { recursive: true }));

let made = 0;
function freshFolder(): string {
  made += 1;
  const root = join(folder, `d${made}`);
  mkdirSync(join(root, "films"), { recursive: true });
  return root;
}

function setFile(root: string, source: object): string {
  const path = join(root, "set.yaml");
  writeFileSync(path, JSON.stringify({ apiVersion: "consilium/v1", kind: "Dataset", source }));
  return path;
}

const grey = (value: number) =>
  sharp(Buffer.alloc(64, value), { raw: { width: 8, height: 8, channels: 1 } })
    .toColourspace("b-w")
    .png()
    .toBuffer();

/** Films of these grey values, and a data set's file of pictures of this side. */
async function films(values: readonly number[], side = 2): Promise<{ root: string; path: string; cache: string }> {
  const root = freshFolder();
  for (const [i, value] of values.entries()) writeFileSync(join(root, "films", `${i}.png`), await grey(value));
  return { root, path: setFile(root, { images: { folder: "films", size: [side, side] } }), cache: join(root, "cache") };
}

/** The pictures' first values, with how many files were taken from the cache. */
async function read(
  path: string,
  cache: string | null,
): Promise<{ values: readonly number[]; sizes: readonly number[] }> {
  const connector = await openData(path, { say: () => {}, cache: cache === null ? null : new PictureCache(cache) });
  const cells = [];
  for await (const chunk of connector.rows([(await connector.columns())[0] ?? ""])) cells.push(...chunk.flat());
  await connector.close();
  const pictures = cells.filter((cell) => isArrayValue(cell));
  return {
    values: pictures.map((cell) => cell.values[0] ?? Number.NaN),
    sizes: pictures.map((cell) => cell.values.length),
  };
}

const entriesOf = (cache: string) =>
  readdirSync(cache, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();

describe("[DAT35] decoded pictures are kept by their content, for their owner alone", () => {
  test("the second reading takes what the first one kept, the same numbers; entries are the owner's alone", async () => {
    const { path, cache } = await films([10, 20, 30]);
    const decoded = await read(path, null);
    expect(await read(path, cache)).toEqual(decoded);
    const entries = entriesOf(cache);
    expect(entries).toHaveLength(3);
    for (const entry of entries) expect(statSync(entry).mode & 0o777).toBe(0o600);
    expect(statSync(cache).mode & 0o777).toBe(0o700);
    const before = entries.map((entry) => statSync(entry).mtimeMs);
    expect(await read(path, cache)).toEqual(decoded);
    expect(entriesOf(cache).map((entry) => statSync(entry).mtimeMs)).toEqual(before);
  });

  test("what was kept is not decoded; an entry under another one's name is", async () => {
    const { cache } = await films([]);
    const picture = (value: number) => ({ shape: [1, 1, 1], values: Float32Array.of(value) });
    const never = async () => {
      throw new Error("decoded");
    };
    const reading = await new PictureCache(cache).reading([1, 1, 1], {});
    await reading.picturesOf(Buffer.from("one"), async () => [picture(1), picture(2)]);
    expect(await reading.picturesOf(Buffer.from("one"), never)).toEqual([picture(1), picture(2)]);
    expect(reading.taken).toBe(1);
    const [one = ""] = entriesOf(cache);
    await reading.picturesOf(Buffer.from("two"), async () => [picture(3)]);
    const [two = ""] = entriesOf(cache).filter((entry) => entry !== one);
    writeFileSync(two, readFileSync(one));
    await expect(reading.picturesOf(Buffer.from("two"), never)).rejects.toThrow("decoded");
  });

  test("a file that changed is decoded anew and changes the content's digest; what is gone leaves the cache", async () => {
    const { root, path, cache } = await films([10, 20]);
    await read(path, cache);
    const registered = await contentOf(path);
    const old = entriesOf(cache);
    writeFileSync(join(root, "films", "0.png"), await grey(77));
    expect((await read(path, cache)).values).toEqual([77, 20]);
    expect((await contentOf(path)).digest).not.toBe(registered.digest);
    expect(entriesOf(cache)).toHaveLength(2);
    expect(entriesOf(cache).filter((entry) => old.includes(entry))).toHaveLength(1);
    rmSync(join(root, "films", "1.png"));
    await read(path, cache);
    expect(entriesOf(cache)).toHaveLength(1);
  });

  test("another size is another entry", async () => {
    const { root, path, cache } = await films([10]);
    await read(path, cache);
    setFile(root, { images: { folder: "films", size: [4, 4] } });
    expect((await read(path, cache)).sizes).toEqual([16]);
  });

  test.each([
    ["cut short", (bytes: Buffer) => bytes.subarray(0, bytes.length - 1)],
    ["empty", () => Buffer.alloc(0)],
    ["with a number changed", (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 20 ? byte ^ 1 : byte)))],
  ])("an entry %s is never read, and written again", async (_, damage) => {
    const { path, cache } = await films([10]);
    await read(path, cache);
    const [entry = ""] = entriesOf(cache);
    const whole = readFileSync(entry);
    writeFileSync(entry, damage(whole));
    expect((await read(path, cache)).values).toEqual([10]);
    expect(readFileSync(entry)).toEqual(whole);
  });

  test("a reading that is given up keeps what it decoded; an old half-written entry goes with the next", async () => {
    const { path, cache } = await films(Array.from({ length: 40 }, (_, i) => i));
    const connector = await openData(path, { say: () => {}, cache: new PictureCache(cache) });
    for await (const _ of connector.rows(["image"])) break;
    const kept = entriesOf(cache);
    expect(kept.length).toBeGreaterThanOrEqual(16);
    expect(kept.length).toBeLessThan(40);
    const half = `${kept[0]}.x.tmp`;
    const young = `${kept[0]}.y.tmp`;
    for (const path of [half, young]) writeFileSync(path, "CONSPIC1");
    utimesSync(half, 0, 0);
    const before = kept.map((entry) => statSync(entry).mtimeMs);
    await read(path, cache);
    expect(kept.map((entry) => statSync(entry).mtimeMs)).toEqual(before);
    expect(entriesOf(cache)).toHaveLength(41);
    expect(entriesOf(cache)).toContain(young);
  });

  test("a cache that can't be written is gone without, and said", async () => {
    const { path, cache } = await films([10]);
    writeFileSync(cache, "a file where the folder would be");
    expect((await read(path, cache)).values).toEqual([10]);
    const reading = await new PictureCache(cache).reading([1, 1, 1], {});
    await reading.picturesOf(Buffer.from("x"), async () => [{ shape: [1, 1, 1], values: Float32Array.of(1) }]);
    expect(reading.unkept).toMatch(/^E/);
  });

  test("of DICOM no entry holds the patient's identifier, and labels come from the table each time", async () => {
    const root = freshFolder();
    const dataset = greyImage(4, 4, [textElement(0x00100010, "PN", "Doe^Jane")]);
    writeFileSync(join(root, "films", "a.dcm"), writeDicom({ transferSyntax: EXPLICIT_LITTLE_ENDIAN, dataset }));
    const labels = (ill: number) => writeFileSync(join(root, "labels.csv"), `id,ill\nPATIENT-7,${ill}\n`);
    labels(0);
    const source = { folder: "films", size: [2, 2], labels: { file: "labels.csv", patient: "id" } };
    const path = setFile(root, { dicom: source });
    const cache = new PictureCache(join(root, "cache"));
    const rows = async () => {
      const connector = await openData(path, { say: () => {}, cache });
      const all = [];
      for await (const chunk of connector.rows(["patient", "ill", "image"])) all.push(...chunk);
      return all;
    };
    const first = await rows();
    expect(first[0]?.slice(0, 2)).toEqual(["PATIENT-7", "0"]);
    labels(1);
    const second = await rows();
    expect(second[0]?.slice(0, 2)).toEqual(["PATIENT-7", "1"]);
    expect(second[0]?.[2]).toEqual(first[0]?.[2]);
    const [entry = ""] = entriesOf(join(root, "cache"));
    for (const word of ["PATIENT", "Doe"]) expect(readFileSync(entry).includes(word)).toBe(false);
    expect(await cache.size()).toMatchObject({ entries: 1 });
    await cache.clear();
    expect(await cache.size()).toEqual({ entries: 0, bytes: 0 });
  });
});

describe("how far a reading is", () => {
  test("nothing of a short one; of a long one count, rate and time left every two seconds, and how it ended", () => {
    const said: string[] = [];
    let now = 0;
    const short = new Progress(
      3,
      (line) => said.push(line),
      () => now,
    );
    for (let i = 0; i < 3; i++) {
      now += 500;
      short.step();
    }
    short.end("");
    expect(said).toEqual([]);
    now = 0;
    const long = new Progress(
      200,
      (line) => said.push(line),
      () => now,
    );
    for (let i = 0; i < 200; i++) {
      now += 50;
      long.step();
    }
    long.end(", 7 of them decoded before");
    expect(said).toEqual([
      "40 of 200 files, 20.0 a second, 8 s left",
      "80 of 200 files, 20.0 a second, 6 s left",
      "120 of 200 files, 20.0 a second, 4 s left",
      "160 of 200 files, 20.0 a second, 2 s left",
      "200 files in 10 s, 7 of them decoded before",
    ]);
  });
});

describe("work ahead of its turn", () => {
  test("comes in the items' order, at most four at once", async () => {
    let under = 0;
    let most = 0;
    const made: number[] = [];
    const work = async (item: number) => {
      under += 1;
      most = Math.max(most, under);
      await new Promise((resolve) => setTimeout(resolve, (item * 7) % 5));
      under -= 1;
      return item;
    };
    for await (const one of inOrder(
      Array.from({ length: 20 }, (_, i) => i),
      work,
    ))
      made.push(one);
    expect(made).toEqual(Array.from({ length: 20 }, (_, i) => i));
    expect(most).toBe(4);
  });

  test("a failure comes in its turn, when what is under way has ended", async () => {
    let ended = 0;
    const work = async (item: number) => {
      if (item === 1) throw new Error("no");
      await new Promise((resolve) => setTimeout(resolve, 5));
      ended += 1;
      return item;
    };
    const all = async () => {
      for await (const _ of inOrder([0, 1, 2, 3, 4, 5, 6], work));
    };
    await expect(all()).rejects.toThrow("no");
    expect(ended).toBeGreaterThanOrEqual(3);
  });
});
