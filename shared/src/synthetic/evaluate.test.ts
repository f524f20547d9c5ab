import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { associations, correlationRatio, cramersV, pearson } from "./association.ts";
import { columnKinds, scaledRows, type TextRow } from "./columns.ts";
import { evaluateSynthetic } from "./evaluate.ts";
import { ksDistance, totalVariation, wasserstein } from "./marginals.ts";
import { syntheticPage } from "./page.ts";
import { seriesOf } from "./series.ts";

const few = fc.array(fc.integer({ min: -5, max: 5 }), { minLength: 1, maxLength: 30 });

describe("[SYN1] distances of one column, against their definitions", () => {
  const below = (values: readonly number[], at: number): number =>
    values.filter((value) => value <= at).length / values.length;

  test("Kolmogorov and Smirnov's is the largest gap of the distribution functions", () => {
    fc.assert(
      fc.property(few, few, (a, b) => {
        const slow = Math.max(...[...a, ...b].map((at) => Math.abs(below(a, at) - below(b, at))));
        expect(ksDistance(a, b)).toBeCloseTo(slow, 12);
      }),
    );
    // scipy.stats.ks_2samp([1, 2, 3], [2, 3, 4, 5]).statistic
    expect(ksDistance([1, 2, 3], [2, 3, 4, 5])).toBeCloseTo(0.5, 12);
  });

  test("Wasserstein's is the mean gap of sorted values where there are as many", () => {
    fc.assert(
      fc.property(few, fc.integer({ min: 1, max: 4 }), (a, shift) => {
        const b = a.map((value, index) => (index % 2 === 0 ? value + shift : value));
        const [x, y] = [[...a].sort((p, q) => p - q), [...b].sort((p, q) => p - q)];
        const slow = x.reduce((sum, value, index) => sum + Math.abs(value - (y[index] ?? 0)), 0) / x.length;
        expect(wasserstein(a, b)).toBeCloseTo(slow, 10);
      }),
    );
    // scipy.stats.wasserstein_distance([0, 1, 3], [5, 6, 8])
    expect(wasserstein([0, 1, 3], [5, 6, 8])).toBeCloseTo(5, 12);
  });

  test("total variation is half the sum of the shares' differences", () => {
    expect(totalVariation([0, 0, 1, 2], [0, 1, 1, 1], 3)).toBeCloseTo((0.25 + 0.5 + 0.25) / 2, 12);
    expect(totalVariation([0, 1], [0, 1], 2)).toBe(0);
    expect(totalVariation([0], [1], 2)).toBe(1);
  });
});

describe("[SYN2] how two columns go together", () => {
  test("by the textbooks' figures", () => {
    // numpy.corrcoef([1, 2, 3, 4], [1, 3, 2, 5])[0, 1]
    expect(
      pearson([
        [1, 1],
        [2, 3],
        [3, 2],
        [4, 5],
      ]),
    ).toBeCloseTo(0.8315218406202999, 12);
    // scipy.stats.contingency.association([[10, 20], [30, 5]], correction=False): χ² = 18.7, n = 65.
    const cell = (x: number, y: number, count: number) => Array.from({ length: count }, () => [x, y] as const);
    const counts = [...cell(0, 0, 10), ...cell(0, 1, 20), ...cell(1, 0, 30), ...cell(1, 1, 5)];
    const chi = (65 * (10 * 5 - 20 * 30) ** 2) / (30 * 35 * 40 * 25);
    expect(cramersV(counts)).toBeCloseTo(Math.sqrt(chi / 65), 12);
    // Wikipedia's example of the correlation ratio: algebra, geometry, statistics; η² = 6780 / 9640.
    const marks = [
      [45, 70, 29, 15, 21],
      [40, 20, 30, 42],
      [65, 95, 80, 70, 85, 73],
    ];
    const pairs = marks.flatMap((own, group) => own.map((value) => [value, group] as const));
    expect(correlationRatio(pairs) ** 2).toBeCloseTo(6780 / 9640, 3);
  });

  test("a column that doesn't vary goes with none, and the order of a pair doesn't matter", () => {
    const rows = Array.from(
      { length: 20 },
      (_, i): TextRow => ({ a: String(i), b: String(i * i), c: "x", d: i % 2 ? "p" : "q" }),
    );
    const found = associations(columnKinds(["a", "b", "c", "d"], [rows]), rows);
    expect(found[2]?.[0]).toBeNaN();
    expect(found[0]?.[3]).toBe(found[3]?.[0]);
    expect(found[0]?.[1]).toBeGreaterThan(0.9);
  });
});

/** A table of 12 visits and two classes; `shift` moves one class, `seed` draws another sample. */
function tableOf(records: number, seed: number, shift = 30): TextRow[] {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return state / 0x80000000;
  };
  return Array.from({ length: records }, () => {
    const arm = next() < 0.5 ? "a" : "b";
    const usual = 120 + 20 * next();
    const visits = Array.from({ length: 4 }, (_, t): [string, string] => [
      `sbp_${t + 1}`,
      (usual + (arm === "b" ? -shift : 0) + 10 * next()).toFixed(1),
    ]);
    return { ...Object.fromEntries(visits), sex: next() < 0.5 ? "f" : "m", arm };
  });
}

const COLUMNS = ["sbp_1", "sbp_2", "sbp_3", "sbp_4", "sex", "arm"];

describe("[SYN3] an evaluation of synthetic records tells good ones from bad ones", () => {
  const [members, nonMembers] = [tableOf(300, 1), tableOf(300, 2)];
  const of = (synthetic: readonly TextRow[]) =>
    evaluateSynthetic({ synthetic, members, nonMembers, columns: COLUMNS, label: "arm" });
  const auc = (evaluation: ReturnType<typeof of>): number[] =>
    evaluation.attacks.map((own) => (own.auc.state === "resolved" ? own.auc.value : Number.NaN));

  test("another sample of the same kind teaches as much as real records, and betrays nobody", () => {
    const good = of(tableOf(300, 3));
    expect(good.utility?.syntheticOnReal).toBeGreaterThan(0.95);
    expect(Math.max(...good.marginals.map(({ distance }) => distance))).toBeLessThan(0.15);
    expect(good.association.meanDifference).toBeLessThan(0.1);
    for (const own of good.attacks) {
      if (own.auc.state !== "resolved") throw new Error("resolvable");
      expect(own.auc.low).toBeLessThan(0.5);
      expect(own.auc.high).toBeGreaterThan(0.5);
    }
    expect(good.closest.members.copied).toBe(0);
  });

  test("copies of members are found, by every attack and in the share of copies", () => {
    const copies = of(members);
    expect(copies.closest.members.copied).toBe(1);
    expect(copies.closest.nonMembers.copied).toBeLessThan(0.05);
    expect(auc(copies)[0]).toBeGreaterThan(0.95);
    expect(auc(copies)[1]).toBeGreaterThan(0.5);
    expect(auc(copies)[2]).toBeGreaterThan(0.5);
  });

  test("records whose classes don't differ teach nothing, and their spread is off", () => {
    const bad = of(tableOf(300, 4, 0));
    expect(bad.utility?.syntheticOnReal).toBeLessThan(0.75);
    expect(bad.utility?.realOnReal).toBeGreaterThan(0.95);
    expect(Math.max(...bad.marginals.map(({ distance }) => distance))).toBeGreaterThan(0.3);
  });

  test("the page says that figures are exact, draws the measure over time, and holds no script", () => {
    const page = syntheticPage(of(tableOf(60, 5)), {
      ...{ synthetic: "<s>.csv", members: "a.csv", nonMembers: "b.csv", madeOn: "2026-11-23" },
    });
    expect(page).toContain("nothing of them was noised");
    expect(page).toContain("&lt;s&gt;.csv");
    expect(page).toContain("Means over time: sbp");
    expect(page).not.toMatch(/<script|https?:\/\/(?!www\.w3\.org\/2000\/svg)/);
  });
});

describe("[SYN4] columns are read alike in all tables", () => {
  test("whole numbers of few values are categories, missing values none, and the scale is of all tables", () => {
    const tables = [
      [
        { x: "1", y: "0", z: "NA" },
        ...Array.from({ length: 8 }, (_, i) => ({ x: String(i * 10), y: "1", z: String(i) })),
      ],
      [{ x: "200", y: "0", z: "3" }],
    ];
    const kinds = columnKinds(["x", "y", "z"], tables);
    expect(kinds).toEqual([
      { name: "x", type: "number", min: 0, max: 200 },
      { name: "y", type: "category", values: ["0", "1"] },
      { name: "z", type: "number", min: 0, max: 7 },
    ]);
    expect(scaledRows(kinds, [{ x: "100", y: "1", z: "NA" }])).toEqual([[0.5, 0, Math.SQRT1_2, 0.5]]);
  });

  test("columns that bear numbers are a measure over time, in the order of the numbers", () => {
    const rows = Array.from({ length: 9 }, (_, i) =>
      Object.fromEntries(["bp_10", "bp_2", "bp_1", "age"].map((n) => [n, String(i)])),
    );
    expect(
      seriesOf(columnKinds(["bp_10", "bp_2", "bp_1", "age"], [rows])).map(({ name, columns }) => [
        name,
        columns.map((c) => c.name),
      ]),
    ).toEqual([["bp", ["bp_1", "bp_2", "bp_10"]]]);
  });
});
