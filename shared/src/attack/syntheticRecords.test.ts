import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { publicUniform } from "../model/initial.ts";
import { summarise } from "./summary.ts";
import {
  closestDistances,
  densityRatioScores,
  kernelDensity,
  medianRadius,
  monteCarloScores,
  type Rows,
} from "./syntheticRecords.ts";

const rows = fc.array(fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 3 })), {
  minLength: 1,
  maxLength: 15,
});
const distance = (a: readonly number[], b: readonly number[]) => Math.hypot(...a.map((x, i) => x - (b[i] ?? 0)));
const near = (ours: readonly number[], theirs: readonly number[], most = 1e-9) => {
  expect(ours).toHaveLength(theirs.length);
  ours.forEach((value, index) => {
    expect(Math.abs(value - (theirs[index] ?? Number.NaN))).toBeLessThan(most);
  });
};

describe("[AUD25] distance to the closest synthetic record", () => {
  test("is the least of all distances", () => {
    fc.assert(
      fc.property(rows, rows, (records, synthetic) => {
        near(
          closestDistances(records, synthetic),
          records.map((record) => Math.min(...synthetic.map((other) => distance(record, other)))),
        );
      }),
    );
  });

  test("is 0 for a record that was copied, in whatever order, and never grows with more synthetic records", () => {
    fc.assert(
      fc.property(rows, rows, (records, synthetic) => {
        expect(closestDistances(records, [...synthetic, ...records])).toEqual(records.map(() => 0));
        const more = closestDistances(records, [...synthetic, ...synthetic.map(([x, y]) => [x + 0.1, y])]);
        closestDistances(records, synthetic).forEach((before, index) => {
          expect(more[index]).toBeLessThanOrEqual(before);
        });
      }),
    );
  });
});

describe("[AUD25] Monte-Carlo attack", () => {
  test("counts the synthetic records within the radius, on its edge too", () => {
    fc.assert(
      fc.property(rows, rows, fc.double({ min: 0, max: 3, noNaN: true }), (records, synthetic, radius) => {
        const slow = records.map((record) => {
          const squares = synthetic.map((other) => record.reduce((sum, x, i) => sum + (x - (other[i] ?? 0)) ** 2, 0));
          return squares.filter((square) => square <= radius * radius).length / synthetic.length;
        });
        expect(monteCarloScores(records, synthetic, radius)).toEqual(slow);
      }),
    );
    expect(monteCarloScores([[0]], [[1], [-1], [2]], 1)).toEqual([2 / 3]);
  });

  test("the median radius is the median distance to the closest one", () => {
    expect(medianRadius([[0], [1], [5]], [[0.5], [3]])).toBe(0.5);
    expect(medianRadius([[0], [5]], [[1]])).toBe(2.5);
  });
});

describe("[AUD25] density ratio", () => {
  test("a density adds up to 1, and is the mean of its kernels", () => {
    const sample: Rows = [[0], [1], [1.5], [4]];
    const density = kernelDensity(sample);
    let sum = 0;
    for (let x = -20; x < 25; x += 0.01) sum += Math.exp(density([x])) * 0.01;
    expect(Math.abs(sum - 1)).toBeLessThan(1e-9);
    const [mean, n] = [1.625, 4];
    const variance = sample.reduce((total, [x = 0]) => total + (x - mean) ** 2, 0) / (n - 1);
    const bandwidth = Math.sqrt(variance) * n ** (-1 / 5);
    const kernels = sample.map(
      ([x = 0]) => Math.exp(-0.5 * ((2 - x) / bandwidth) ** 2) / bandwidth / Math.sqrt(2 * Math.PI),
    );
    near([density([2])], [Math.log(kernels.reduce((total, kernel) => total + kernel, 0) / n)]);
  });

  test("columns are independent within a kernel, each with its own bandwidth", () => {
    const both = kernelDensity([[2, 3]])([2.0005, 3.002]);
    const kernel = (apart: number) => -0.5 * (apart / 1e-3) ** 2 - Math.log(1e-3 * Math.sqrt(2 * Math.PI));
    near([both], [kernel(0.0005) + kernel(0.002)], 1e-6);
  });

  test("synthetic records like the reference tell nothing; exchanging both turns the score round", () => {
    fc.assert(
      fc.property(rows, rows, rows, (records, synthetic, reference) => {
        expect(densityRatioScores(records, reference, reference)).toEqual(records.map(() => 0));
        const own = densityRatioScores(records, synthetic, reference);
        near(
          densityRatioScores(records, reference, synthetic),
          own.map((score) => -score),
        );
      }),
    );
  });

  test("another origin and scale of a column changes no order and no score", () => {
    const [records, synthetic, reference] = [1, 2, 3].map((seed) => drawn(seed, 20));
    const moved = (all: Rows = []) => all.map(([x = 0, y = 0]) => [10 * x - 3, y]);
    near(
      densityRatioScores(moved(records), moved(synthetic), moved(reference)),
      densityRatioScores(records ?? [], synthetic ?? [], reference ?? []),
    );
  });

  test("stays a number far from every record", () => {
    expect(Number.isFinite(densityRatioScores([[1e6]], [[0], [1]], [[0], [2]])[0])).toBe(true);
  });
});

/** Rows of two normal columns, from a fixed seed. */
function drawn(seed: number, count: number): Rows {
  const next = publicUniform(seed);
  const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
  return Array.from({ length: count }, () => [normal(), normal()]);
}

describe("[AUD25] attacks on synthetic records that remember their training records, and on ones that don't", () => {
  const [members, nonMembers, reference, fresh] = [11, 12, 13, 14].map((seed) => drawn(seed, 150));
  const next = publicUniform(15);
  const copies = (members ?? []).map((row) => row.map((value) => value + 0.1 * (next() - 0.5)));
  const attacks = {
    closest: (rows: Rows, synthetic: Rows) => closestDistances(rows, synthetic).map((value) => -value),
    monteCarlo: (rows: Rows, synthetic: Rows) =>
      monteCarloScores(rows, synthetic, medianRadius([...(members ?? []), ...(nonMembers ?? [])], synthetic)),
    densityRatio: (rows: Rows, synthetic: Rows) => densityRatioScores(rows, synthetic, reference ?? []),
  };

  test.each(Object.entries(attacks))(
    "%s tells members of copies apart, and a fresh sample's not (fixed seeds)",
    (name, score) => {
      const aucOn = (synthetic: Rows) =>
        summarise(score(members ?? [], synthetic), score(nonMembers ?? [], synthetic)).auc;
      expect(aucOn(copies)).toBeGreaterThan(name === "densityRatio" ? 0.53 : 0.75);
      expect(Math.abs(aucOn(fresh ?? []) - 0.5)).toBeLessThan(0.1);
    },
  );
});
