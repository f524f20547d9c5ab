import { rmSync } from "node:fs";
import { afterAll, describe, expect, test } from "vitest";
import { pointsOf, studyAt } from "./points.ts";
import { heartSweep, newFolder } from "./sweep.test-support.ts";
import { readSweep } from "./sweepFile.ts";

const folder = newFolder();
afterAll(() => rmSync(folder, { recursive: true }));
const sweepOf = (more: object) => readSweep(heartSweep(folder, more));

const GRID = [
  { name: "σ", path: "privacy.noiseMultiplier", values: [3, 4] },
  { name: "C", path: "privacy.clippingNorm", values: [0.5, 1, 2] },
];

describe("[SIM1] points of a sweep", () => {
  test("every combination of every variant, each by a name of its own; one that doesn't vary is one", () => {
    const variants = [{ name: "private" }, { name: "no privacy", train: "pooled", vary: false }];
    const points = pointsOf(sweepOf({ vary: GRID, variants }));
    expect(points).toHaveLength(7);
    expect(new Set(points.map(({ id }) => id)).size).toBe(7);
    expect(points[1]).toMatchObject({ id: "02-private-sigma-3-c-1", columns: { σ: "3", C: "1" }, train: "study" });
    expect(points[6]).toMatchObject({ columns: {}, train: "pooled" });
  });

  test("each is the study with its changes, signed as any study: another value, another digest", () => {
    const sweep = sweepOf({ vary: GRID });
    const studies = pointsOf(sweep).map((point) => studyAt(sweep, point));
    expect(new Set(studies.map(({ digest }) => digest)).size).toBe(6);
    expect(studies[5]?.document).toMatchObject({
      privacy: { noiseMultiplier: 4, clippingNorm: 2 },
      training: { rounds: 3 },
    });
  });

  test("a variant's own changes win over the grid's, the grid's over those for every run; null takes a key away", () => {
    const sweep = sweepOf({
      set: { "training.rounds": 5, "evaluation.every": "5 rounds", "training.initialSeed": 3 },
      vary: [{ name: "rounds", path: "training.rounds", values: [5] }],
      variants: [{ name: "own", set: { "training.initialSeed": 9, "privacy.trust": null } }],
    });
    const [point] = pointsOf(sweep);
    if (point === undefined) throw new Error("there is a point");
    expect(studyAt(sweep, point).document.training).toMatchObject({ rounds: 5, initialSeed: 9 });
  });

  test("what the sanitizer is told varies too, apart from the study", () => {
    const sanitize = { method: "dct-laplace", epsilon: 1, clip: 8 };
    const vary = [{ name: "ε", path: "sanitize.epsilon", values: [2, 7] }];
    const points = pointsOf(sweepOf({ vary, variants: [{ name: "sanitized", sanitize }] }));
    expect(points.map((point) => point.sanitize?.epsilon)).toEqual([2, 7]);
    expect(points.every(({ changes }) => !("sanitize.epsilon" in changes))).toBe(true);
  });

  test("a value that no study can have is told by its point, with the study's own fault", () => {
    const sweep = sweepOf({ vary: [{ name: "σ", path: "privacy.noiseMultiplier", values: [0.1] }] });
    const [point] = pointsOf(sweep);
    if (point === undefined) throw new Error("there is a point");
    expect(() => studyAt(sweep, point)).toThrow(/Point 01-study-sigma-0\.1 .*\n.*privacy\.noiseMultiplier/);
  });
});

describe("[SIM2] a sweep's file", () => {
  test.each([
    [{ vary: [{ name: "σ", path: "privacy.noiseMultiplier" }] }, "vary[0].values"],
    [{ repetitions: 0 }, "repetitions"],
    [{ variants: [{ name: "a", trian: "pooled" }] }, "Did you mean 'train'?"],
    [{ plots: [{ title: "t", x: "sigma", y: ["attackAuc"] }] }, "no column or figure is called sigma"],
    [{ plots: [{ title: "t", x: "epsilon", y: ["attackAuc"], by: "site" }] }, "no column is called site"],
    [{ study: "./none.yaml" }, "can't be read"],
  ])("%j is refused by its place", (more, place) => {
    expect(() => sweepOf(more)).toThrow(expect.objectContaining({ message: expect.stringContaining(place) }));
  });
});
