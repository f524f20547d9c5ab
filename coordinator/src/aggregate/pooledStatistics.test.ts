import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { describe, expect, test } from "vitest";
import { SITES, smallStudy } from "../study/consortium.test-support.ts";
import { PooledStatistics } from "./pooledStatistics.ts";

const document = smallStudy({ normalisation: { by: "mean-and-deviation", noiseMultiplier: 1 } });
const bytesOf = (value: unknown) => ({ bytes: Buffer.from(canonicalJson(value)) });

describe("[NOR5] noised sums are taken in the study's own shape alone", () => {
  const [a, b, c] = SITES;
  const sums = [400 * 65_536, 1, 2, 3, 4];

  test("and added over the contributors, whatever the order in which they came", async () => {
    if (a === undefined || b === undefined || c === undefined) throw new RangeError("three sites");
    const pool = new PooledStatistics(document);
    for (const site of [c, a, b]) await pool.add(site, bytesOf({ purpose: "normalise", sums }));
    expect(pool.normalisation([c, a])).toMatchObject({ contributors: [a, c], sums: sums.map((sum) => 2 * sum) });
    pool.reset();
    expect(() => pool.normalisation([a])).toThrow("were added");
  });

  test.each([
    ["a sum too few", { purpose: "normalise", sums: sums.slice(1) }, "another number of sums"],
    ["a fraction", { purpose: "normalise", sums: [0.5, 1, 2, 3, 4] }, "can't be read"],
    ["a histogram", { purpose: "evaluate", sums }, "can't be read"],
    ["more than noise explains", { purpose: "normalise", sums: [2 ** 43, 1, 2, 3, 4] }, "no noise explains"],
  ])("%s is refused", async (_, value, words) => {
    const [site] = SITES;
    if (site === undefined) throw new RangeError("a site");
    await expect(new PooledStatistics(document).add(site, bytesOf(value))).rejects.toThrow(words);
  });

  test("so are bytes in another order", async () => {
    const [site] = SITES;
    if (site === undefined) throw new RangeError("a site");
    const bytes = Buffer.from(JSON.stringify({ sums, purpose: "normalise" }));
    const pool = new PooledStatistics(document);
    expect(bytes.toString()).not.toBe(canonicalJson({ purpose: "normalise", sums }));
    await expect(pool.add(site, { bytes })).rejects.toThrow("can't be read");
  });
});
