import { describe, expect, test } from "vitest";
import { evaluationHistogram, evaluationOf, evaluationShape } from "./evaluation.ts";

/** Noise all but absent. */
const EXACT_SCALE = 1e-3;

const patient = (score: number, label: number) => [{ probabilities: [1 - score, score], label }];

describe("evaluation from exact counts", () => {
  test("AUC and accuracy of two classes", () => {
    const patients = [
      patient(0.1, 0),
      patient(0.3, 0),
      patient(0.7, 0),
      patient(0.6, 1),
      patient(0.9, 1),
      patient(0.2, 1),
    ];
    const { counts } = evaluationHistogram(patients, 2, 10);
    const { auc, accuracy } = evaluationOf([{ classes: 2, bins: 10, counts, scale: EXACT_SCALE }], 2, 0.95);
    expect(auc).toMatchObject({ state: "resolved", value: expect.closeTo(6 / 9, 9) });
    expect(accuracy).toMatchObject({ state: "resolved", value: expect.closeTo(4 / 6, 9), halfBin: 0 });
  });

  test("with an odd number of bins the middle bin may be right or wrong", () => {
    const { counts } = evaluationHistogram([patient(0.5, 1), patient(0.9, 1)], 2, 3);
    const { accuracy } = evaluationOf([{ classes: 2, bins: 3, counts, scale: EXACT_SCALE }], 2, 0.95);
    expect(accuracy).toMatchObject({ value: 0.75, halfBin: 0.25 });
  });

  test("more classes: accuracy alone, from right and wrong", () => {
    const of = (probabilities: number[], label: number) => [{ probabilities, label }];
    const patients = [of([0.2, 0.5, 0.3], 1), of([0.6, 0.1, 0.3], 2), of([0.1, 0.1, 0.8], 2), of([0.1, 0.7, 0.2], 1)];
    const { counts } = evaluationHistogram(patients, 3, 20);
    expect(counts).toEqual([1, 3]);
    const shape = evaluationShape(3, 20);
    const evaluation = evaluationOf([{ ...shape, counts, scale: EXACT_SCALE }], 3, 0.95);
    expect(evaluation.auc).toBeUndefined();
    expect(evaluation.accuracy).toMatchObject({ value: 0.75 });
  });

  test("[AUD5] a total below its noise is not resolvable, not a guess", () => {
    const counts = [3, -2, 1, 2];
    const { auc, accuracy } = evaluationOf([{ classes: 2, bins: 2, counts, scale: 2 }], 2, 0.95);
    expect([auc?.state, accuracy.state]).toEqual(["not-resolvable", "not-resolvable"]);
  });
});

/** Seeded; for tests alone (Mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

test("[AUD4] intervals of noised metrics cover the truth as often as they say", () => {
  const random = seeded(99);
  const epsilon = 2;
  const geometric = () => Math.floor(-Math.log(1 - random()) / epsilon);
  const draws = 1000;
  let auc = 0;
  let accuracy = 0;
  for (let draw = 0; draw < draws; draw++) {
    const sites = [60, 40, 38].map((patients) => {
      // Class 1 scores √U, class 0 scores 1 − √U: AUC = 5/6, accuracy = 3/4.
      const drawn = Array.from({ length: patients }, () => {
        const label = random() < 0.5 ? 1 : 0;
        const root = Math.sqrt(random());
        return patient(label === 1 ? root : 1 - root, label);
      });
      const counts = evaluationHistogram(drawn, 2, 10).counts.map((value) => value + geometric() - geometric());
      return { classes: 2, bins: 10, counts, scale: 1 / epsilon };
    });
    const evaluation = evaluationOf(sites, 2, 0.95);
    const holds = (figure: typeof evaluation.auc, truth: number) =>
      figure?.state === "resolved" && figure.low <= truth && truth <= figure.high;
    if (holds(evaluation.auc, 5 / 6)) auc++;
    if (holds(evaluation.accuracy, 3 / 4)) accuracy++;
  }
  const least = 0.95 - 4 * Math.sqrt((0.95 * 0.05) / draws);
  expect(auc / draws).toBeGreaterThan(least);
  expect(accuracy / draws).toBeGreaterThan(least);
});
