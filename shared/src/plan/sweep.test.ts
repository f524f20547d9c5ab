import { describe, expect, test } from "vitest";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { StudyDocument } from "../study/document.ts";
import { eventsOf } from "../study/noise.ts";
import { planPicture, sweepPicture } from "./draw.ts";
import { planStudy } from "./planStudy.ts";
import { parseSweep, sweep } from "./sweep.ts";
import { requireDpSgd, variantOf } from "./variant.ts";

const document = StudyDocument.parse({
  apiVersion: "consilium/v1",
  kind: "Study",
  name: "s",
  purpose: "test",
  data: { columns: [{ name: "x", type: "number", min: 0, max: 1 }], label: { name: "y", values: [0, 1] } },
  model: { preset: "logistic" },
  privacy: { epsilon: 4, delta: 1e-4, clippingNorm: 1, noiseMultiplier: 2.2, samplingRate: 0.2 },
  training: {
    rounds: 60,
    answerAfterMs: 1000,
    deadlineMs: 10_000,
    minSites: 1,
    optimizer: { name: "sgd", learningRate: 0.1 },
    initialSeed: 1,
  },
  evaluation: { everyRounds: 20, metrics: ["auc"], epsilon: 0.3 },
  audit: { attacks: ["loss"], epsilon: { members: 0.3, nonMembers: 1 }, bins: 10, gates: { maxAttackAucUpper: 0.7 } },
  release: {},
  sites: [{ name: "a", patients: 300 }],
});
const fixed = { document, noiseWasAuto: false };
const auto = { document, noiseWasAuto: true };
const cost = (of: StudyDocument): number => epsilonOfEvents(eventsOf(of, "train"), 1e-4);

describe("[STU50] a study with other numbers", () => {
  test("σ follows where nobody fixed it", () => {
    for (const [study, turns] of [
      [auto, { q: 0.1 }],
      [auto, { rounds: 100 }],
      [fixed, { epsilon: 2 }],
      // Noise on the integers costs more between integer orders than the ideal Gaussian: a hundredth of σ more here.
      [fixed, { epsilon: 3, rounds: 113 }],
    ] as const) {
      const variant = variantOf(study, turns);
      const { epsilon, noiseMultiplier } = requireDpSgd(variant.document).privacy;
      expect(variant.noiseWasAuto).toBe(true);
      expect(cost(variant.document)).toBeLessThanOrEqual(epsilon);
      const less = variantOf(variant, { sigma: Number((noiseMultiplier - 1e-4).toFixed(4)) });
      expect(cost(less.document)).toBeGreaterThan(epsilon);
    }
  });

  test("a σ that the file or the planner fixed stays, though it passes ε", () => {
    expect(variantOf(fixed, { q: 0.9 })).toMatchObject({ noiseWasAuto: false });
    expect(requireDpSgd(variantOf(fixed, { q: 0.9 }).document).privacy.noiseMultiplier).toBe(2.2);
    expect(requireDpSgd(variantOf(auto, { sigma: 0.7, epsilon: 1 }).document).privacy.noiseMultiplier).toBe(0.7);
    expect(planStudy(variantOf(auto, { sigma: 0.7 }).document, auto).fits).toBe(false);
  });

  test("numbers that no study may have are refused", () => {
    for (const turns of [{ q: 1.5 }, { rounds: 2.5 }, { rounds: 2e6 }]) {
      expect(() => variantOf(fixed, turns)).toThrow(expect.objectContaining({ code: "plan/bad-value" }));
    }
  });
});

describe("a sweep", () => {
  test.each([
    ["q=0.01..0.16:5", { name: "q", values: [0.01, 0.02, 0.04, 0.08, 0.16] }],
    ["sigma=1,2.5", { name: "sigma", values: [1, 2.5] }],
    ["rounds=10..1000:3", { name: "rounds", values: [10, 100, 1000] }],
    ["epsilon=1e-1..10:3", { name: "epsilon", values: [0.1, 1, 10] }],
  ])("%s", (text, axis) => expect(parseSweep(text)).toEqual(axis));

  test("without a count has five values, and nothing else is a sweep", () => {
    expect(parseSweep("q=0.01..0.2").values).toHaveLength(5);
    for (const text of ["", "q", "q=", "q=a..b", "q=0..1", "q=-1,2", "clip=1..2", "q=0.1..", "constructor=1,2"])
      expect(() => parseSweep(text)).toThrow(expect.objectContaining({ code: "plan/bad-sweep" }));
  });

  test("goes through every combination, and says where no noise fits", () => {
    const points = sweep(auto, [parseSweep("epsilon=0.2,2"), parseSweep("rounds=30,60")]);
    expect(points.map(({ epsilonCap, rounds }) => [epsilonCap, rounds])).toEqual([
      [0.2, 30],
      [0.2, 60],
      [2, 30],
      [2, 60],
    ]);
    expect(points.map(({ fits, sigma }) => [fits, sigma === null])).toEqual([
      [false, true],
      [false, true],
      [true, false],
      [true, false],
    ]);
    expect(points[3]?.epsilon?.train).toBeCloseTo(cost(variantOf(auto, { epsilon: 2 }).document), 12);
  });

  test("goes on past a σ that is wider than numbers are", () => {
    expect(sweep(fixed, [parseSweep("sigma=2,1e6")]).map(({ sigma }) => sigma)).toEqual([2, null]);
  });

  test("of more than 200 studies is refused before one is computed", () => {
    const axes = [parseSweep("q=0.01..0.2:20"), parseSweep("sigma=1..3:11")];
    expect(() => sweep(auto, axes)).toThrow(expect.objectContaining({ code: "plan/sweep-too-large" }));
  });

  test("is drawn as three panels with a line for each other value, four at most", () => {
    const axes = [parseSweep("q=0.1,0.2,0.3"), parseSweep("sigma=1..3:5")];
    const picture = sweepPicture(axes, sweep(fixed, axes));
    expect(picture.match(/class="title"/g)).toHaveLength(3);
    expect([...picture.matchAll(/>(sigma [\d.]+)</g)].map(([, name]) => name)).toEqual([
      "sigma 1",
      "sigma 1.316",
      "sigma 2.28",
      "sigma 3",
    ]);
    expect(picture.match(/class="line s3" d="M[^"]*L/g)).toHaveLength(3);
  });
});

test("a plan is drawn as each part's ε against the cap", () => {
  const picture = planPicture(planStudy(document, fixed));
  expect(picture.match(/class="limit"/g)).toHaveLength(3);
  expect(picture).toContain("training patients");
});
