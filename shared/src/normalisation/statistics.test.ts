import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { pldUpperEpsilon } from "../accountant/pld.ts";
import { fractionOf } from "../mechanism/discreteGaussian.ts";
import { NormalisationRule } from "./rule.ts";
import { normalisationEvent, STATISTIC_STEPS, statisticsSensitivity, sumStatistics } from "./statistics.ts";

const moments = NormalisationRule.parse({ by: "mean-and-deviation", noiseMultiplier: 2 });
const quantiles = NormalisationRule.parse({ by: "quantiles", noiseMultiplier: 2, bins: 16 });

/** A value as it should come, at the ends, between steps, and as it should never come. */
const mean = fc.oneof(
  fc.double({ min: -1, max: 1, noNaN: true }),
  fc.constantFrom(-1, 1, 0, 1 - 2 ** -53, 0.5 / STATISTIC_STEPS, 1.5, -7, Number.NaN, Number.POSITIVE_INFINITY),
);
const cohort = fc
  .integer({ min: 1, max: 6 })
  .chain((columns) =>
    fc.tuple(
      fc.constant(columns),
      fc.array(fc.array(mean, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 12 }),
    ),
  );

describe("[NOR1] one patient moves the statistics by no more than their sensitivity", () => {
  test.each([
    ["sums and squares", moments],
    ["bins", quantiles],
  ])("%s: added or removed, whoever the others are", (_, rule) => {
    fc.assert(
      fc.property(cohort, fc.nat(), ([columns, patients], which) => {
        const all = sumStatistics(rule, columns, patients);
        const without = sumStatistics(
          rule,
          columns,
          patients.filter((_, index) => index !== which % patients.length),
        );
        const square = all.values.reduce((sum, value, at) => sum + BigInt(value - (without.values[at] ?? 0)) ** 2n, 0n);
        // In whole numbers: the sensitivity is a root, and its square must not lie below.
        const bound =
          rule.by === "quantiles" ? BigInt(columns) : BigInt(1 + 2 * columns) * BigInt(STATISTIC_STEPS) ** 2n;
        expect(square <= bound).toBe(true);
        expect(all.l2Sensitivity).toBe(without.l2Sensitivity);
      }),
      { numRuns: 400 },
    );
  });

  test("the root that stands for it is never below the true one, by exact arithmetic", () => {
    for (const rule of [moments, quantiles]) {
      for (let columns = 1; columns <= 1000; columns++) {
        const stated = statisticsSensitivity(rule, columns);
        const square =
          rule.by === "quantiles" ? BigInt(columns) : BigInt(1 + 2 * columns) * BigInt(STATISTIC_STEPS) ** 2n;
        const { numerator, denominator } = fractionOf(stated);
        expect(numerator ** 2n >= square * denominator ** 2n).toBe(true);
        expect(stated / Math.sqrt(Number(square))).toBeLessThan(1 + 1e-14);
      }
    }
  });

  test("they are those of the slow, obvious sums", () => {
    fc.assert(
      fc.property(cohort, ([columns, drawn]) => {
        // Far from where adding 1 would round a value into the next bin.
        const patients = drawn.map((means) => means.map((x) => Math.round(x * 2 ** 30) / 2 ** 30));
        const clean = patients.map((means) =>
          means.map((x) => (Number.isFinite(x) ? Math.max(-1, Math.min(1, x)) : 0)),
        );
        const { values } = sumStatistics(moments, columns, patients);
        expect(values[0]).toBe(patients.length * STATISTIC_STEPS);
        for (let column = 0; column < columns; column++) {
          const own = clean.map((means) => means[column] ?? 0);
          const near = (at: number, sum: number) =>
            expect(Math.abs((values[at] ?? 0) / STATISTIC_STEPS - sum)).toBeLessThanOrEqual(
              own.length / STATISTIC_STEPS,
            );
          near(
            1 + 2 * column,
            own.reduce((sum, x) => sum + x, 0),
          );
          near(
            2 + 2 * column,
            own.reduce((sum, x) => sum + x * x, 0),
          );
        }
        const counted = sumStatistics(quantiles, columns, patients).values;
        for (let column = 0; column < columns; column++) {
          for (let bin = 0; bin < 16; bin++) {
            const [low, high] = [-1 + bin / 8, -1 + (bin + 1) / 8];
            const inside = clean.filter((means) => {
              const x = means[column] ?? 0;
              return x >= low && (x < high || (bin === 15 && x === 1));
            });
            expect(counted[column * 16 + bin]).toBe(inside.length);
          }
        }
      }),
    );
  });
});

describe("[NOR2] normalisation is one whole-part Gaussian event", () => {
  test("priced by both accountants as the Gaussian mechanism is", () => {
    const event = normalisationEvent(moments);
    expect(event).toEqual({
      kind: "poisson-gaussian",
      adjacency: "add-remove",
      samplingRate: 1,
      noiseMultiplier: 2,
      count: 1,
    });
    // Balle & Wang 2018, Theorem 8, solved for σ = 2, δ = 1e-5: ε = 1.9931.
    expect(pldUpperEpsilon([event], 1e-5)).toBeCloseTo(exactEpsilon(2, 1e-5), 3);
    expect(epsilonOfEvents([event], 1e-5)).toBeGreaterThan(exactEpsilon(2, 1e-5));
  });
});

/** Least ε with Φ(1/2σ − εσ) − e^ε Φ(−1/2σ − εσ) ≤ δ (Balle & Wang 2018, arXiv:1805.06530, Theorem 8). */
function exactEpsilon(stdDev: number, delta: number): number {
  const deltaAt = (epsilon: number) =>
    normalBelow(1 / (2 * stdDev) - epsilon * stdDev) -
    Math.exp(epsilon) * normalBelow(-1 / (2 * stdDev) - epsilon * stdDev);
  let [low, high] = [0, 20];
  for (let step = 0; step < 60; step++) {
    const middle = (low + high) / 2;
    if (deltaAt(middle) > delta) low = middle;
    else high = middle;
  }
  return high;
}

/** By Simpson's rule from −12. */
function normalBelow(x: number): number {
  const steps = 20_000;
  const width = (x + 12) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const at = -12 + i * width;
    sum += (i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2) * Math.exp((-at * at) / 2);
  }
  return (sum * width) / 3 / Math.sqrt(2 * Math.PI);
}
