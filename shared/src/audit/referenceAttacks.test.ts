import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ReferenceAttack } from "../study/audit.ts";
import { DataContract } from "../study/contract.ts";
import { featureCount } from "../study/features.ts";
import { countScores } from "./histogram.ts";
import { classAt, madeUpPopulation, populationSlots } from "./population.ts";
import { type Compared, referenceScores, referenceUnit } from "./referenceAttacks.ts";

const rule = { offlineA: 0.3, gamma: 1 };
const MODELS = 3;
const probability = fc.double({ min: 0, max: 1, noNaN: true });
/** One record: what the model and each reference model say of it. */
const record = fc.tuple(probability, fc.array(probability, { minLength: MODELS, maxLength: MODELS }));

function comparedOf(records: readonly (readonly [number, readonly number[]])[]): Compared {
  return {
    target: records.map(([target]) => target),
    references: Array.from({ length: MODELS }, (_, model) => records.map(([, own]) => own[model] ?? 0)),
  };
}

describe("[REF4] a score by reference models hangs on them, made-up records and that patient alone", () => {
  test.each(ReferenceAttack.options)("%s: others' records change nothing of it", (attack) => {
    const some = fc.array(record, { minLength: 1, maxLength: 6 });
    const many = fc.array(record, { minLength: 5, maxLength: 30 });
    fc.assert(
      fc.property(record, some, many, (own, others, population) => {
        const made = comparedOf(population);
        const [alone] = referenceScores(attack, rule, comparedOf([own]), made);
        expect(referenceScores(attack, rule, comparedOf([...others, own]), made).at(-1)).toBe(alone);
      }),
    );
  });

  test.each(ReferenceAttack.options)("%s: a patient moves one count by one, whatever the models say", (attack) => {
    const anything = fc.oneof(probability, fc.constant(Number.NaN), fc.constant(0), fc.constant(1));
    const odd = fc.tuple(anything, fc.array(anything, { minLength: MODELS, maxLength: MODELS }));
    fc.assert(
      fc.property(fc.array(odd, { minLength: 1, maxLength: 5 }), fc.array(record, { minLength: 5 }), (own, others) => {
        const made = comparedOf(others);
        const scores = referenceScores(attack, rule, comparedOf(own), made);
        const unit = referenceUnit(attack, scores);
        expect(unit).toBeGreaterThanOrEqual(0);
        expect(unit).toBeLessThanOrEqual(1);
        const rest = others.map(() => ({ unit: 0.5, group: 0 }));
        const [before, after] = [countScores(rest, 1, 10), countScores([...rest, { unit, group: 0 }], 1, 10)];
        const moved = after.counts.map((count, bin) => count - (before.counts[bin] ?? 0));
        expect([...moved].sort()).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
      }),
    );
  });
});

describe("scores by reference models", () => {
  const population = comparedOf([
    [0.5, [0.5, 0.5, 0.5]],
    [0.8, [0.4, 0.6, 0.5]],
    [0.2, [0.5, 0.4, 0.6]],
    [0.6, [0.6, 0.6, 0.6]],
  ]);

  test("relative-membership: the share of made-up records whose ratio is no larger, worked out by hand", () => {
    // p(x) = (1.3 · 0.5 + 0.7) / 2 = 0.675, so the ratios are 0.74, 1.19, 0.30 and 0.6 / 0.74 = 0.81; x's is 0.74.
    const [same, surer, unsure] = referenceScores(
      "relative-membership",
      rule,
      comparedOf([
        [0.5, [0.5, 0.5, 0.5]],
        [0.9, [0.5, 0.5, 0.5]],
        [0.1, [0.5, 0.5, 0.5]],
      ]),
      population,
    );
    expect([same, surer, unsure]).toEqual([0.5, 1, 0]);
  });

  test("likelihood-ratio: how far above the references' median, in units of made-up records' distance", () => {
    const logit = (p: number) => Math.log(p / (1 - p));
    const sigma = Math.sqrt((logit(0.8) ** 2 + logit(0.2) ** 2) / 4);
    const scores = referenceScores(
      "likelihood-ratio",
      rule,
      comparedOf([
        [0.5, [0.5, 0.5, 0.5]],
        [1 / (1 + Math.exp(-sigma)), [0.2, 0.5, 0.9]],
      ]),
      population,
    );
    const units = scores.map((score) => referenceUnit("likelihood-ratio", [score]));
    expect(units[0]).toBeCloseTo(0.5, 12);
    expect(units[1]).toBeCloseTo(0.841344746, 8);
  });

  test("of several records: the mean of their scores", () => {
    expect(referenceUnit("relative-membership", [0.2, 0.6])).toBeCloseTo(0.4, 12);
    expect(referenceUnit("likelihood-ratio", [Math.log(0.5), Math.log(0.125)])).toBeCloseTo(0.25, 12);
  });
});

describe("[REF3] made-up records follow from the signed study alone", () => {
  const contract = DataContract.parse({
    columns: [
      { name: "age", type: "number", min: 20, max: 90 },
      { name: "ward", type: "category", values: ["a", "b", "c"] },
      { name: "chol", type: "number", min: 80, max: 500, missing: { fill: 200, indicator: true } },
    ],
    label: { name: "disease", values: [0, 1] },
  });
  const width = featureCount(contract);
  const made = madeUpPopulation(populationSlots(contract), width, 500, 7);

  test("each number in its range, one category, nothing missing; the same from the same seed", () => {
    for (let row = 0; row < 500; row++) {
      const [age, ...others] = made.features.subarray(row * width, (row + 1) * width);
      expect(Math.abs(age ?? 2)).toBeLessThanOrEqual(1);
      expect(others.slice(0, 3).sort()).toEqual([0, 0, 1]);
      expect(Math.abs(others[3] ?? 2)).toBeLessThanOrEqual(1);
      expect(others[4]).toBe(0);
    }
    expect(madeUpPopulation(populationSlots(contract), width, 500, 7)).toEqual(made);
    expect(madeUpPopulation(populationSlots(contract), width, 500, 8)).not.toEqual(made);
  });

  test("a place falls in the class whose stretch holds it", () => {
    expect([0, 0.2, 0.25, 0.6, 0.99].map((place) => classAt([0.25, 0.25, 0.5], place))).toEqual([0, 0, 1, 2, 2]);
    expect(classAt([Number.NaN, Number.NaN], 0.5)).toBe(1);
  });
});
