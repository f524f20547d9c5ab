import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { trialDocument } from "../../../test/support/trialStudy.ts";
import { StudyDocument } from "../study/document.ts";
import { resolveStudy } from "../study/resolve.ts";

const good = trialDocument();
type Place = readonly (string | number)[];

/** Places of what is refused when the good study is changed. */
function refusals(change: (study: typeof good) => unknown): Place[] {
  const parsed = StudyDocument.safeParse(change(structuredClone(good)));
  return parsed.success
    ? []
    : parsed.error.issues.map(({ path }) => path.map((key) => (typeof key === "number" ? key : String(key))));
}

const generator = good.generator ?? {};

describe("[GEN13] a study that can't have its generator is refused by the place of each fault", () => {
  test("a good one is none of them", () => {
    expect(refusals((study) => study)).toEqual([]);
  });

  test.each<[string, (study: typeof good) => unknown, Place]>([
    ["another network", (s) => ({ ...s, model: { preset: "logistic" } }), ["model", "preset"]],
    ["too many kept", (s) => ({ ...s, training: { ...s.training, rounds: 5000 } }), ["generator", "keepEvery"]],
    [
      "more picked than kept",
      (s) => ({ ...s, generator: { ...generator, best: 10, keepEvery: 100 } }),
      ["generator", "best"],
    ],
    [
      "shares that don't sum to 1",
      (s) => ({ ...s, generator: { ...generator, labels: [0.5, 0.4] } }),
      ["generator", "labels"],
    ],
    [
      "shares of other classes",
      (s) => ({ ...s, generator: { ...generator, labels: [0.5, 0.3, 0.2] } }),
      ["generator", "labels"],
    ],
    [
      "adaptive clipping",
      (s) => ({ ...s, privacy: { ...s.privacy, clipping: { mode: "adaptive", quantile: 0.5 } } }),
      ["privacy", "clipping"],
    ],
    [
      "local steps",
      (s) => ({ ...s, training: { ...s.training, localSteps: 2, local: { learningRate: 0.1 } } }),
      ["training", "localSteps"],
    ],
    [
      "normalisation",
      (s) => ({ ...s, normalisation: { by: "quantiles", noiseMultiplier: 5, bins: 8, columns: ["sbp_1"] } }),
      ["normalisation"],
    ],
    [
      "an early stop",
      (s) => ({ ...s, training: { ...s.training, earlyStop: { metric: "auc", patience: 2, minDelta: 0 } } }),
      ["training", "earlyStop"],
    ],
    ["an attack on records that nobody makes", ({ generator: _, ...s }) => ({ ...s }), ["audit", "attacks"]],
  ])("%s", (_what, change, place) => {
    expect(refusals(change)).toContainEqual(place);
  });
});

describe("[GEN13] what generators cost the validation part", () => {
  test("is told beside evaluations, where together they pass the study's ε", () => {
    const folder = new URL("../../studies/trial/", import.meta.url);
    const read = (name: string): string => readFileSync(new URL(name, folder), "utf8");
    const text = read("study.yaml").replace("epsilon: 0.1 #", "epsilon: 2 #");
    expect(() => resolveStudy({ file: "study.yaml", text, readReference: read })).toThrow(
      /7 histograms and picks, those of generator\.epsilon among them, would cost the validation patients/,
    );
  });
});
