import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { coarseStep } from "@consilium/shared/contribution/grid";
import { publicUniform } from "@consilium/shared/model/initial";
import { applyUpdate, initialState } from "@consilium/shared/optimizer/applyUpdate";
import { divisorOf } from "@consilium/shared/study/schedule";
import { headsOfStudy } from "@consilium/shared/study/siteHeads";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BlobFolder } from "../storage/blobFolder.ts";
import { SITES, smallStudy } from "../study/consortium.test-support.ts";
import { ModelLine } from "./modelLine.ts";

const document = smallStudy({ heads: "per-site" });
let folder: string;
let blobs: BlobFolder;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-heads-"));
  blobs = await BlobFolder.open(folder);
});
afterEach(() => rm(folder, { recursive: true, force: true }));

function someValues(count: number, seed: number): Int32Array {
  const next = publicUniform(seed);
  return Int32Array.from({ length: count }, () => Math.round(40 * (next() - 0.5)));
}

describe("[HED2] a line of models with heads of sites' own", () => {
  test("steps the network and each head as an optimizer of its own would, and comes to the same bits after a restart", async () => {
    const heads = headsOfStudy(document);
    if (heads === undefined) throw new Error("it has heads");
    const line = await ModelLine.open(document, { blobs, weights: blobs }, []);
    expect(line.parameters).toHaveLength(heads.network + SITES.length * heads.size);
    const { optimizer } = document.training;
    const start = line.parameters.slice();
    const parts = [
      { from: 0, to: heads.network, divisor: divisorOf(document, SITES) },
      ...SITES.map((site, place) => {
        const from = heads.network + place * heads.size;
        return { from, to: from + heads.size, divisor: divisorOf(document, [site]) };
      }),
    ].map((part) => {
      const parameters = start.slice(part.from, part.to);
      return { ...part, parameters, state: initialState(optimizer, parameters.length) };
    });
    const rows = [line.newest];
    for (const seed of [1, 2, 3]) {
      const sum = someValues(line.sum.values.length, seed);
      line.sum.reset();
      line.sum.values.set(sum);
      rows.push(await line.step(SITES));
      for (const part of parts) {
        const own = sum.subarray(part.from, part.to);
        part.state = applyUpdate(optimizer, part.state, part.parameters, own, coarseStep(line.grid), part.divisor);
        expect(line.parameters.subarray(part.from, part.to)).toEqual(part.parameters);
      }
    }
    const replayed = await ModelLine.open(document, { blobs, weights: blobs }, rows);
    expect(replayed.parameters).toEqual(line.parameters);
    const { state } = await line.checkpoint();
    const loaded = await ModelLine.open(document, { blobs, weights: blobs }, [{ ...line.newest, checkpoint: state }]);
    expect(loaded.parameters).toEqual(line.parameters);
    const digests = await Promise.all(
      [line, replayed, loaded].map(async (own) => {
        own.sum.reset();
        own.sum.values.set(someValues(own.sum.values.length, 4));
        return (await own.step(SITES.slice(1))).digest;
      }),
    );
    expect(new Set(digests).size).toBe(1);
  });
});
