import { ChoiceContribution } from "@consilium/shared/generator/choice";
import { fitClassifier } from "@consilium/shared/generator/classifier";
import { encodeCandidates } from "@consilium/shared/generator/madeFile";
import { exponentialMechanismEvent } from "@consilium/shared/mechanism/exponentialMechanism";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { Epsilon } from "@consilium/shared/units/privacy";
import { describe, expect, test } from "vitest";
import { PART_CODE, type PreparedPatients } from "../contract/preparedPatients.ts";
import { chooseGenerators, closestScores } from "./made.ts";

/** Label 1 where the first feature is above 0; every third patient has two records. */
const PATIENTS = 60;
const starts = Array.from({ length: PATIENTS + 1 }, (_, p) => p + Math.ceil(p / 3));
const records = starts.at(-1) ?? 0;
const features = Float32Array.from({ length: 2 * records }, (_, i) => Math.sin(i * 12.9898));
const patients: PreparedPatients = {
  featureCount: 2,
  features,
  labels: Int32Array.from({ length: records }, (_, r) => ((features[2 * r] ?? 0) > 0 ? 1 : 0)),
  recordStart: Int32Array.from(starts),
  parts: Uint8Array.from({ length: PATIENTS }, (_, p) => (p < 40 ? PART_CODE.validation : PART_CODE.train)),
};
const good = { classes: 2, features: 2, weights: Float32Array.of(-9, 0, 0, 9, 0, 0) };
const bad = { classes: 2, features: 2, weights: Float32Array.of(9, 0, 0, -9, 0, 0) };
const epsilon = Epsilon.parse(2);

describe("[GEN1] a site's picks", () => {
  test("are of those that are right about most validation patients, charged as planned", () => {
    const file = encodeCandidates({ rounds: [10, 20, 30], classifiers: [bad, good, bad] });
    const firsts = Array.from({ length: 20 }, () => {
      const rule = { best: 2, epsilon, classes: 2 };
      const { value, events } = chooseGenerators(patients, file, rule, operatingSystemRandom);
      expect(events).toEqual([exponentialMechanismEvent(2, 2)]);
      const { chosen } = ChoiceContribution.parse(JSON.parse(Buffer.from(value).toString("utf8")));
      expect(new Set(chosen).size).toBe(2);
      return chosen[0];
    });
    // Some 35 patients more are right: another first pick has a chance of e^−70.
    expect(firsts).toEqual(firsts.map(() => 1));
  });

  test.each([
    ["columns", { ...good, features: 3, weights: new Float32Array(8) }],
    ["classes", fitClassifier({ features: new Float32Array(6), labels: Uint8Array.of(0, 1, 2) }, 3)],
  ])("are refused among candidates of other %s", (_what, other) => {
    const file = encodeCandidates({ rounds: [10], classifiers: [other] });
    const choose = () => chooseGenerators(patients, file, { best: 1, epsilon, classes: 2 }, operatingSystemRandom);
    expect(choose).toThrow(expect.objectContaining({ code: "engine/made-differs" }));
  });
});

describe("[GEN9] closest-record of patients", () => {
  test("counts each once, by the nearest of its records", () => {
    const copied = features.slice(2 * (starts[3] ?? 0), 2 * (starts[3] ?? 0) + 2);
    const made = Float32Array.from({ length: 40 }, (_, i) => (i < 2 ? (copied[i] ?? 0) : 5 + Math.cos(i)));
    const members = Int32Array.from({ length: PATIENTS }, (_, p) => p);
    const scores = closestScores({ features: made, labels: new Uint8Array(20) }, patients, members);
    expect(scores).toHaveLength(PATIENTS);
    expect(scores[3]?.unit).toBe(1);
    expect(scores.filter(({ unit }) => unit < 1).length).toBeGreaterThan(50);
  });
});
