import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { auditShape } from "@consilium/shared/audit/histogram";
import { aggregateBits } from "@consilium/shared/contribution/grid";
import { packIntegers, unpackInto } from "@consilium/shared/contribution/pack";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { publicUniform } from "@consilium/shared/model/initial";
import { fileChunks } from "@consilium/storage/fileChunks";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { SITES, smallStudy } from "../study/consortium.test-support.ts";
import { packedChunks } from "./packedAggregate.ts";
import { PooledHistograms } from "./pooledHistograms.ts";
import { RunningSum } from "./runningSum.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-aggregate-"));
});
afterAll(() => rm(folder, { recursive: true }));

function randomValues(count: number, bits: number, seed: number): Int32Array {
  const random = publicUniform(seed);
  const limit = 2 ** (bits - 1) - 1;
  return Int32Array.from({ length: count }, () => Math.round((2 * random() - 1) * limit));
}

describe("[RND9] one running sum, whatever way the bytes came", () => {
  test("from messages and from files alike", async () => {
    const [count, bits] = [70_001, 13];
    const parts = [1, 2, 3].map((seed) => randomValues(count, bits, seed));
    const sum = new RunningSum(count, bits);
    for (const [index, part] of parts.entries()) {
      const bytes = packIntegers(part, bits);
      expect(bytes.length).toBe(sum.contributionBytes);
      const path = join(folder, `part-${index}`);
      await writeFile(path, bytes);
      if (index === 1) sum.add(bytes, index);
      else await sum.addChunks(fileChunks(path), index);
    }
    const expected = Int32Array.from({ length: count }, (_, i) =>
      parts.reduce((total, part) => total + (part[i] ?? 0), 0),
    );
    expect(sum.values).toEqual(expected);
    sum.reset();
    expect(sum.values.every((value) => value === 0)).toBe(true);
  });

  test("[HED2] with heads of sites' own: the same sum, and behind it what each site alone added there", async () => {
    const [count, bits] = [70_001, 13];
    const heads = { network: count - 1, offset: 60_000, size: 77, sites: 3 };
    const parts = [4, 5].map((seed) => randomValues(count, bits, seed));
    const sum = new RunningSum(count, bits, heads);
    for (const [index, part] of parts.entries()) {
      const bytes = packIntegers(part, bits);
      expect(bytes.length).toBe(sum.contributionBytes);
      const path = join(folder, `headed-${index}`);
      await writeFile(path, bytes);
      // The first site was not heard; the third comes before the second.
      if (index === 0) sum.add(bytes, 2);
      else await sum.addChunks(fileChunks(path), 1);
    }
    const [third, second] = parts;
    const whole = Int32Array.from({ length: count }, (_, i) => (third?.[i] ?? 0) + (second?.[i] ?? 0));
    const own = (part: Int32Array = new Int32Array(0)) => [...part.subarray(heads.offset, heads.offset + heads.size)];
    expect(sum.values).toEqual(
      Int32Array.from([...whole, ...new Array(heads.size).fill(0), ...own(second), ...own(third)]),
    );
    const wide = aggregateBits(bits, 3);
    const packed = packIntegers(sum.values, wide);
    expect(packed.length).toBe(sum.bytesAt(wide));
    const again = new RunningSum(count, bits, heads);
    again.restore(packed, wide);
    expect(again.values).toEqual(sum.values);
  });

  test("an aggregate packed in chunks is the same as packed at once, and holds every sum of its sites", async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: 2, max: 16 }), fc.integer({ min: 1, max: 9 }), async (bits, sites) => {
        const wide = aggregateBits(bits, sites);
        const values = randomValues(263_000, bits, bits).map((value) => value * sites);
        const whole = packIntegers(values, wide);
        expect(Buffer.compare(Buffer.concat([...packedChunks(values, wide)]), whole)).toBe(0);
        const back = new Int32Array(values.length);
        unpackInto(back, wide, whole);
        expect(Buffer.compare(Buffer.from(back.buffer), Buffer.from(values.buffer))).toBe(0);
      }),
      { numRuns: 8 },
    );
  });
});

describe("[AUD20] histograms are taken only in the study's own shape and noise", () => {
  const document = smallStudy();
  const { bins, epsilon } = document.evaluation;
  const histogram = { classes: 2, bins, counts: new Array<number>(2 * bins).fill(3), scale: 1 / epsilon };
  const bytes = (content: unknown): Uint8Array => Buffer.from(canonicalJson(content));
  const [site] = SITES;

  test("the study's own", () => {
    const pool = new PooledHistograms(document, "evaluate");
    if (site !== undefined) pool.add(site, bytes({ purpose: "evaluate", histogram }));
    expect(pool.evaluations()).toEqual([histogram]);
  });

  test.each<[string, Uint8Array]>([
    ["less noise", bytes({ purpose: "evaluate", histogram: { ...histogram, scale: histogram.scale / 2 } })],
    ["other bins", bytes({ purpose: "evaluate", histogram: { ...histogram, bins: 2 * bins, classes: 1 } })],
    ["another purpose", bytes({ purpose: "audit", attacks: [] })],
    ["another spelling", Buffer.from(JSON.stringify({ purpose: "evaluate", histogram }, null, 1))],
    ["no JSON", Buffer.from("{")],
  ])("not with %s", (_how, content) => {
    const pool = new PooledHistograms(document, "evaluate");
    expect(() => site !== undefined && pool.add(site, content)).toThrow(/contribution of histograms/);
    expect(pool.evaluations()).toEqual([]);
  });

  test("[CAN3] guesses about canaries only where the study has canaries, and as many as it says", () => {
    const rule = { count: 50, guesses: 20 };
    const of = (canaries: typeof rule | undefined, told: object) => {
      const study = { ...document, audit: { ...document.audit, canaries } };
      const pool = new PooledHistograms(study, "audit");
      const attacks = study.audit.attacks.map((attack) => {
        const shape = auditShape(study, attack);
        const counts = new Array<number>(shape.classes * shape.bins).fill(3);
        const { members, nonMembers } = study.audit.epsilon;
        return {
          attack,
          members: { ...shape, counts, scale: 1 / members },
          nonMembers: { ...shape, counts, scale: 1 / nonMembers },
        };
      });
      if (site !== undefined) pool.add(site, bytes({ purpose: "audit", attacks, ...told }));
      return pool.audits().canaries;
    };
    const told = { canaries: { ...rule, correct: 12 } };
    expect(of(rule, told)).toEqual([{ site, ...rule, correct: 12 }]);
    expect(of(undefined, {})).toEqual([]);
    expect(() => of(undefined, told)).toThrow(/has not the study's canaries/);
    expect(() => of(rule, {})).toThrow(/has not the study's canaries/);
    expect(() => of(rule, { canaries: { ...told.canaries, guesses: 30 } })).toThrow(/has not the study's canaries/);
    expect(() => of(rule, { canaries: { ...told.canaries, correct: 21 } })).toThrow(/can't be read/);
  });
});
