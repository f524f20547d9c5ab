import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { scaleTicks } from "../mechanism/discreteLaplace.ts";
import {
  addCells,
  attackHistogram,
  auditShape,
  averageCells,
  cellsOf,
  countScores,
  discreteLaplaceVariance,
  isScaleOf,
  totalOf,
} from "./histogram.ts";

const counted = fc.record({
  unit: fc.oneof(fc.double({ min: 0, max: 1, noNaN: true }), fc.double()),
  group: fc.integer({ min: 0, max: 2 }),
});

describe("[AUD2] a patient moves exactly one count by one", () => {
  test("whatever the patient's score, NaN and infinities too", () => {
    fc.assert(
      fc.property(fc.array(counted, { maxLength: 30 }), counted, fc.constantFrom(1, 3), (others, patient, classes) => {
        const without = countScores(others, classes, 7).counts;
        const moved = countScores([...others, patient], classes, 7).counts.map((value, i) => value - (without[i] ?? 0));
        expect(moved.filter((step) => step !== 0)).toEqual([1]);
      }),
    );
  });

  test("a patient with many records is one count, in the class of the first", () => {
    const records = [
      { probabilities: [0.2, 0.8], label: 1 },
      { probabilities: [0.9, 0.1], label: 0 },
    ];
    const { counts, l1Sensitivity } = attackHistogram("confidence", [records], 2, { classes: 2, bins: 4 });
    expect(counts).toEqual([0, 0, 0, 0, 0, 0, 1, 0]);
    expect(l1Sensitivity).toBe(1);
  });

  test("the study's shape: classes pooled or apart, and yes or no in two bins", () => {
    const data = { label: { values: ["a", "b", "c"] } };
    const of = (classes: "pooled" | "apart", attack: "loss" | "correctness") =>
      auditShape({ audit: { bins: 20, classes }, data }, attack);
    expect(of("pooled", "loss")).toEqual({ classes: 1, bins: 20 });
    expect(of("pooled", "correctness")).toEqual({ classes: 1, bins: 2 });
    expect(of("apart", "loss")).toEqual({ classes: 3, bins: 20 });
    expect(of("apart", "correctness")).toEqual({ classes: 3, bins: 2 });
  });

  test("bins are equal and closed at the end", () => {
    const at = (unit: number) => countScores([{ unit, group: 0 }], 1, 4).counts.indexOf(1);
    expect([0, 0.2499, 0.25, 0.5, 0.999, 1].map(at)).toEqual([0, 0, 1, 2, 3, 3]);
  });
});

describe("cells", () => {
  const histogram = { classes: 2, bins: 2, counts: [1, -2, 3, 4], scale: 2 };
  const variance = discreteLaplaceVariance(2);

  test("the noise variance is that of the discrete Laplace law", () => {
    let sum = 0;
    for (let k = -400; k <= 400; k++) sum += k * k * Math.tanh(1 / 4) * Math.exp(-Math.abs(k) / 2);
    expect(variance).toBeCloseTo(sum, 9);
  });

  test("pooling classes adds counts and variances; a class alone keeps them", () => {
    expect(cellsOf(histogram)).toEqual({ counts: [4, 2], variance: 2 * variance });
    expect(cellsOf(histogram, 1)).toEqual({ counts: [3, 4], variance });
  });

  test("looks at the same counts are averaged by inverse variance; groups are summed", () => {
    const looks = averageCells([
      { counts: [10, 0], variance: 1 },
      { counts: [20, 4], variance: 4 },
    ]);
    expect(looks.variance).toBeCloseTo(0.8, 12);
    expect(looks.counts[0]).toBeCloseTo(12, 12);
    expect(totalOf(addCells([cellsOf(histogram, 0), cellsOf(histogram, 1)]))).toBe(6);
  });
});

test("the scale of noise is known for its ε, however large that is, and not for another's", () => {
  fc.assert(
    fc.property(fc.double({ min: 0.01, max: 200, noNaN: true }), (epsilon) => {
      const scale = Number(scaleTicks(1, epsilon)) * 2 ** -20;
      expect(isScaleOf(scale, epsilon)).toBe(true);
      expect(isScaleOf(scale, epsilon * 1.1)).toBe(false);
      expect(isScaleOf(scale, epsilon * 0.9)).toBe(false);
    }),
  );
});
