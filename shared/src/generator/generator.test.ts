import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ClosestRecord } from "../audit/closestRecord.ts";
import { parameterCount, parameterSlots } from "../model/spec.ts";
import { acganOfTable } from "../model/zoo/acganDiscriminator.ts";
import { DataContract } from "../study/contract.ts";
import { encodeRecord, featureLayout } from "../study/features.ts";
import { SiteName } from "../units/identity.ts";
import { ChoiceContribution, pickedPlaces } from "./choice.ts";
import { classify, fitClassifier } from "./classifier.ts";
import { makeRecords, noiseFor, releasedRecords } from "./made.ts";
import { decodeCandidates, decodeSynthetic, encodeCandidates, encodeSynthetic } from "./madeFile.ts";
import { initialGenerator, jointSpec } from "./network.ts";
import { GeneratorRule, keptRounds } from "./rule.ts";
import { tableOf } from "./table.ts";

const rule = GeneratorRule.parse({
  ...{ latent: 3, hidden: [5, 4], keepEvery: 10, best: 2, epsilon: 0.2, records: 50, seed: 9 },
});
const discriminator = acganOfTable([4], [6], 2);
const shape = { classes: 2, features: 4 };
const parameters = initialGenerator(rule, discriminator);

describe("[GEN3] a generator is trained through a discriminator that stays as it is", () => {
  test("the joint network's parameters are the generator's alone", () => {
    const joint = jointSpec(rule, discriminator);
    expect(joint.input).toEqual([3 + 2]);
    expect(parameterSlots(joint).every(({ name }) => name.startsWith("generator/"))).toBe(true);
    expect(parameterCount(joint)).toBe(5 * 5 + 5 + 5 * 4 + 4 + 4 * 4 + 4);
    expect(parameters).toHaveLength(parameterCount(joint));
  });

  test("every kept round, and the last one whatever it is", () => {
    expect(keptRounds(rule, 35)).toEqual([10, 20, 30, 35]);
    expect(keptRounds(rule, 30)).toEqual([10, 20, 30]);
    expect(keptRounds(rule, 3)).toEqual([3]);
  });
});

describe("[GEN4] what is made hangs on the public seed and what it is made for", () => {
  test("the same twice, other records of each round and use, classes by their shares", () => {
    const of = (...[use, round]: ["step" | "candidate" | "release", number]) =>
      makeRecords(rule, shape, parameters, 40, { use, round });
    expect(of("step", 1)).toEqual(of("step", 1));
    expect(of("step", 1).features).not.toEqual(of("step", 2).features);
    expect(of("candidate", 1).features).not.toEqual(of("release", 1).features);
    const { labels } = noiseFor({ ...rule, labels: [0.9, 0.1] }, 2, 4000, { use: "step", round: 1 });
    expect(labels.filter((label) => label === 1).length / 4000).toBeCloseTo(0.1, 1);
  });

  test("the release's records are of each generator alike", () => {
    const generators = [1, 2, 3].map((round) => ({ round, parameters }));
    const { labels, features } = releasedRecords(rule, shape, generators);
    expect([labels.length, features.length]).toEqual([50, 200]);
    const first = makeRecords(rule, shape, parameters, 17, { use: "release", round: 1 });
    expect(features.subarray(0, 17 * 4)).toEqual(first.features);
    expect(features.every((value) => value >= -1 && value <= 1)).toBe(true);
  });
});

const contract = DataContract.parse({
  columns: [
    { name: "age", type: "number", min: 20, max: 80, missing: "refuse" },
    { name: "sex", type: "category", values: ["f", "m"], missing: "refuse" },
    { name: "chol", type: "number", min: 100, max: 400, missing: { fill: 240, indicator: true } },
  ],
  label: { name: "sick", values: ["no", "yes"] },
  shares: { train: 0.6, validation: 0.2, audit: 0.2 },
});

describe("[GEN5] made features become the columns' own values", () => {
  test("whatever was encoded comes back, numbers to four digits of their range", () => {
    const layout = featureLayout(contract);
    const record = fc.record({
      age: fc.integer({ min: 20, max: 80 }),
      sex: fc.constantFrom("f", "m"),
      chol: fc.option(fc.integer({ min: 100, max: 400 })),
    });
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 8 }), (records) => {
        const features = Float32Array.from(records.flatMap((own) => [...encodeRecord(layout, own)]));
        const { columns, rows } = tableOf(contract, { features, labels: new Uint8Array(records.length).fill(1) });
        expect(columns).toEqual(["age", "sex", "chol", "sick"]);
        expect(rows).toEqual(records.map(({ age, sex, chol }) => [age, sex, chol, "yes"]));
      }),
    );
  });
});

describe("[GEN6] files of what was made say what they hold", () => {
  const records = makeRecords(rule, shape, parameters, 30, { use: "release", round: 1 });
  const classifier = fitClassifier(records, 2);

  test("and come back as they were", () => {
    expect(decodeSynthetic(encodeSynthetic({ records, classifier }))).toEqual({ records, classifier });
    const candidates = {
      rounds: [10, 20],
      classifiers: [classifier, { ...classifier, weights: classifier.weights.slice().fill(1) }],
    };
    expect(decodeCandidates(encodeCandidates(candidates))).toEqual(candidates);
  });

  test.each<[string, () => unknown]>([
    ["one for the other", () => decodeCandidates(encodeSynthetic({ records, classifier }))],
    ["the other for the one", () => decodeSynthetic(encodeCandidates({ rounds: [1], classifiers: [classifier] }))],
    [
      "labels outside of the classes",
      () =>
        decodeSynthetic(encodeSynthetic({ records: { ...records, labels: records.labels.map(() => 7) }, classifier })),
    ],
  ])("are refused: %s", (_what, decode) => {
    expect(decode).toThrow(expect.objectContaining({ code: "generator/made-malformed" }));
  });
});

describe("[GEN7] a classifier of synthetic records is their own best logistic regression", () => {
  test("its loss has no slope left, and it tells classes that are apart", () => {
    const labels = Uint8Array.from({ length: 200 }, (_, i) => i % 2);
    const features = Float32Array.from(
      { length: 400 },
      (_, i) => Math.sin(i * 12.9898) * 0.5 + (Math.floor(i / 2) % 2 ? 0.6 : -0.6),
    );
    const fitted = fitClassifier({ features, labels }, 2);
    const loss = (weights: Float32Array): number => {
      const probabilities = classify({ ...fitted, weights }, features);
      let sum = 0;
      labels.forEach((label, i) => {
        sum -= Math.log(probabilities[2 * i + label] ?? 0) / labels.length;
      });
      for (const weight of weights) sum += 1e-3 * weight ** 2;
      return sum;
    };
    const least = loss(fitted.weights);
    for (let i = 0; i < fitted.weights.length; i++) {
      for (const by of [-0.05, 0.05]) {
        const moved = fitted.weights.slice();
        moved[i] = (moved[i] ?? 0) + by;
        expect(loss(moved)).toBeGreaterThan(least);
      }
    }
    const probabilities = classify(fitted, features);
    expect(labels.filter((label, i) => (probabilities[2 * i + label] ?? 0) > 0.5).length).toBeGreaterThan(180);
  });
});

describe("[GEN8] generators are chosen by the sites' picks", () => {
  const sites = [
    { name: SiteName.parse("a"), patients: 100 },
    { name: SiteName.parse("b"), patients: 30 },
  ];
  const votes = (a: number[], b: number[]) => [
    { site: SiteName.parse("a"), chosen: a },
    { site: SiteName.parse("b"), chosen: b },
  ];

  test("earlier picks and larger sites count more, the later round where points are equal", () => {
    expect(pickedPlaces({ sites }, votes([2, 0], [1, 3]), 4, 2)).toEqual([2, 0]);
    expect(pickedPlaces({ sites }, votes([0, 1], [1, 0]), 4, 3)).toEqual([0, 1, 3]);
    expect(pickedPlaces({ sites }, [], 3, 5)).toEqual([2, 1, 0]);
  });

  test("a contribution is picks and nothing else", () => {
    expect(ChoiceContribution.safeParse({ purpose: "choose", chosen: [1], counts: [30, 31] }).success).toBe(false);
    expect(ChoiceContribution.safeParse({ purpose: "choose", chosen: [] }).success).toBe(false);
    expect(ChoiceContribution.safeParse({ purpose: "choose", chosen: [50] }).success).toBe(false);
  });
});

describe("[GEN9] the closest synthetic record scores a real one", () => {
  const features = Float32Array.from({ length: 400 }, (_, i) => Math.sin(i * 78.233));
  const attack = new ClosestRecord({ features, labels: new Uint8Array(100) });

  test("1 for a copy, less the farther it is, 0 far off, a number whatever it is", () => {
    const copy = features.slice(40, 44);
    expect(attack.score(copy)).toBe(1);
    const away = (by: number): number => attack.score(copy.map((value) => value + by));
    const scores = [0.2, 0.5, 1, 2].map(away);
    expect(scores).toEqual([...scores].sort((a, b) => b - a));
    expect(away(100)).toBe(0);
    const same = new ClosestRecord({ features: new Float32Array(8), labels: new Uint8Array(2) });
    expect([same.score(new Float32Array(4)), same.score(new Float32Array(4).fill(1))]).toEqual([1, 0]);
  });
});
