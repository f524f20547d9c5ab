import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { digestOf } from "@consilium/shared/encoding/digest";
import { Failure } from "@consilium/shared/failure/failure";
import type { StudyWeights } from "@consilium/shared/model/studyWeights";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { WeightsFolder } from "./weightsFolder.ts";

const bytes = Uint8Array.from({ length: 300_000 }, (_, i) => i % 251);
const named: StudyWeights = {
  ...{ digest: digestOf(bytes), bytes: bytes.length, initial: digestOf("initial"), frozen: digestOf("frozen") },
  ...{ source: { file: "trunk.safetensors", digest: digestOf("trunk") }, fresh: [] },
};

let root: string;
let folder: string;
let fetched: number;
let isLinkDown: boolean;
const logged: string[] = [];
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "consilium-site-weights-"));
  folder = join(root, "weights");
  await mkdir(folder);
  [fetched, isLinkDown] = [0, false];
  logged.length = 0;
});
afterEach(() => rm(root, { recursive: true }));

function open(): WeightsFolder {
  const log = (event: string): unknown => logged.push(event);
  const download = async (_digest: string, _bytes: number, path: string): Promise<void> => {
    if (isLinkDown) throw new Failure({ code: "link/lost", kind: "unreachable", what: "down", remedy: "wait" });
    fetched += 1;
    await writeFile(path, bytes);
  };
  return new WeightsFolder({ folder, link: { download }, logger: { info: log, warn: log, error: log } });
}

describe("[STU41] a site keeps the weights that it approved", () => {
  test("fetches them once, however many ask, and finds them again after a restart", async () => {
    const weights = open();
    const paths = await Promise.all([weights.pathOf(named), weights.pathOf(named)]);
    expect(new Set(paths).size).toBe(1);
    await weights.pathOf(named);
    isLinkDown = true;
    expect(await open().pathOf(named)).toBe(paths[0]);
    expect(fetched).toBe(1);
    expect(digestOf(await readFile(paths[0] ?? ""))).toBe(named.digest);
  });

  test.each([
    ["altered", (path: string) => writeFile(path, bytes.with(299_999, 7))],
    ["cut short", (path: string) => writeFile(path, bytes.subarray(1))],
  ])("one that is %s is fetched again, and told", async (_, change) => {
    const path = await open().pathOf(named);
    await change(path);
    expect(await open().pathOf(named)).toBe(path);
    expect(fetched).toBe(2);
    expect(logged).toEqual(["weights-fetched", "weights-altered", "weights-fetched"]);
    expect(digestOf(await readFile(path))).toBe(named.digest);
  });

  test("a fetch that fails is told by its code, and the next one works", async () => {
    const weights = open();
    isLinkDown = true;
    await expect(weights.pathOf(named)).rejects.toMatchObject({ code: "link/lost" });
    weights.fetchAhead([named]);
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(logged).toEqual(["weights-not-fetched"]);
    isLinkDown = false;
    await weights.pathOf(named);
    expect(fetched).toBe(1);
  });

  test("forgets what no study needs, and makes its folder where there is none", async () => {
    const weights = open();
    await weights.pathOf(named);
    await writeFile(join(folder, "other.weights.part"), "x");
    await weights.keepOnly([named]);
    expect(await readdir(folder)).toEqual([`${named.digest}.weights`]);
    await weights.keepOnly([]);
    expect(await readdir(folder)).toEqual([]);
    await rm(folder, { recursive: true });
    await weights.keepOnly([named]);
    expect(await readdir(folder)).toEqual([]);
  });
});
