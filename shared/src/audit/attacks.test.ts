import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { attackScore, orderingsOf, patientScore, tiesOf, unitScore } from "./attacks.ts";

const Outputs = z.object({ probs: z.array(z.array(z.number())), labels: z.array(z.number()) });
const Expected = z.object({
  auc: z.number(),
  advantage: z.number(),
  classThresholds: z.array(z.number()),
  tpr: z.number(),
  tnr: z.number(),
});
const Vectors = z.object({
  source: z.string(),
  members: Outputs,
  nonMembers: Outputs,
  first5MemberScores: z.object({ confidence: z.array(z.number()), modified_entropy: z.array(z.number()) }),
  expected: z.object({ confidence: Expected, modified_entropy: Expected }),
});
const vectors = Vectors.parse(
  JSON.parse(readFileSync(new URL("../../../test/vectors/audit-song-mittal.json", import.meta.url), "utf8")),
);

const records = ({ probs, labels }: z.infer<typeof Outputs>) =>
  probs.map((probabilities, index) => ({ probabilities, label: labels[index] ?? -1 }));
const members = records(vectors.members);
const nonMembers = records(vectors.nonMembers);

describe.each([
  ["confidence", "confidence"],
  ["modified-entropy", "modified_entropy"],
] as const)(`[AUD1] %s, against ${vectors.source}`, (attack, key) => {
  const inside = members.map((record) => attackScore(attack, record));
  const outside = nonMembers.map((record) => attackScore(attack, record));
  const expected = vectors.expected[key];

  test("scores of the first members", () => {
    vectors.first5MemberScores[key].forEach((score, index) => {
      expect(Math.abs((inside[index] ?? Number.NaN) - score)).toBeLessThan(1e-9);
    });
  });

  test("AUC and advantage over all records", () => {
    let wins = 0;
    for (const a of inside) for (const b of outside) wins += a > b ? 1 : a === b ? 0.5 : 0;
    expect(Math.abs(wins / inside.length / outside.length - expected.auc)).toBeLessThan(1e-9);
    const rate = (scores: readonly number[], from: number) => scores.filter((s) => s >= from).length / scores.length;
    const advantage = Math.max(...[...inside, ...outside].map((from) => rate(inside, from) - rate(outside, from)));
    expect(Math.abs(advantage - expected.advantage)).toBeLessThan(1e-9);
  });

  test("rates under the reference's class thresholds", () => {
    const above = (scores: readonly number[], all: typeof members) =>
      scores.filter((score, i) => score >= (expected.classThresholds[all[i]?.label ?? -1] ?? Number.NaN)).length;
    expect(above(inside, members) / inside.length).toBeCloseTo(expected.tpr, 9);
    expect(1 - above(outside, nonMembers) / outside.length).toBeCloseTo(expected.tnr, 9);
  });
});

describe("[AUD1] scores", () => {
  const attacks = ["loss", "confidence", "modified-entropy"] as const;

  test("the loss is the negative cross-entropy, finite even for a sure and wrong model", () => {
    expect(attackScore("loss", { probabilities: [0.2, 0.8], label: 1 })).toBe(Math.log(0.8));
    for (const attack of attacks) {
      expect(Number.isFinite(attackScore(attack, { probabilities: [1, 0], label: 1 }))).toBe(true);
    }
  });

  test("the unit scale is public, strictly rising, within [0, 1], and NaN is its lowest value", () => {
    for (const attack of attacks) {
      const units = [0, 1e-12, 0.01, 0.2, 0.5, 0.7, 0.99, 1].map((p) =>
        unitScore(attack, attackScore(attack, { probabilities: [1 - p, p], label: 1 }), 2),
      );
      expect(units).toEqual([...units].sort((a, b) => a - b));
      expect(Math.min(...units)).toBeGreaterThanOrEqual(0);
      expect(units.at(-1)).toBe(1);
      expect(new Set(units.slice(2)).size).toBe(6);
      expect(unitScore(attack, attackScore(attack, { probabilities: [Number.NaN, Number.NaN], label: 1 }), 2)).toBe(0);
    }
  });

  test("with two classes all attacks fall on the same unit scale: c²", () => {
    for (const p of [0.03, 0.3, 0.5, 0.77, 0.999]) {
      for (const attack of attacks) {
        const unit = unitScore(attack, attackScore(attack, { probabilities: [p, 1 - p], label: 0 }), 2);
        expect(Math.abs(unit - p * p)).toBeLessThan(1e-9);
      }
    }
    expect(orderingsOf(attacks, 2)).toEqual([attacks]);
    expect(orderingsOf(attacks, 6)).toEqual([["loss", "confidence"], ["modified-entropy"]]);
    expect(orderingsOf(["modified-entropy"], 3)).toEqual([["modified-entropy"]]);
    expect(orderingsOf(["entropy", "loss", "correctness"], 2)).toEqual([["loss"], ["entropy"], ["correctness"]]);
    expect(tiesOf(["correctness"])).toBe("exact");
    expect(tiesOf(["loss", "confidence"])).toBe("binned");
  });

  test("entropy reads no label, and its unit scale spans [0, 1] for any number of classes", () => {
    const record = { probabilities: [0.7, 0.2, 0.1], label: 0 };
    const entropy = -(0.7 * Math.log(0.7) + 0.2 * Math.log(0.2) + 0.1 * Math.log(0.1));
    expect(attackScore("entropy", record)).toBeCloseTo(-entropy, 12);
    expect(attackScore("entropy", { ...record, label: 2 })).toBe(attackScore("entropy", record));
    const unit = (probabilities: number[]) =>
      unitScore("entropy", attackScore("entropy", { probabilities, label: 0 }), probabilities.length);
    expect(unit([0.25, 0.25, 0.25, 0.25])).toBeCloseTo(0, 12);
    expect(unit([1, 0, 0, 0])).toBe(1);
    expect(unit([0.7, 0.1, 0.1, 0.1])).toBeGreaterThan(unit([0.5, 0.3, 0.1, 0.1]));
    expect(unit([Number.NaN, 1])).toBe(0);
  });

  test("correctness is the first of the likeliest classes; of a patient, whether most records are right", () => {
    const at = (probabilities: number[], label: number) => attackScore("correctness", { probabilities, label });
    expect([at([0.6, 0.4], 0), at([0.6, 0.4], 1), at([0.5, 0.5], 0), at([0.5, 0.5], 1)]).toEqual([1, 0, 1, 0]);
    expect(at([Number.NaN, 0.5], 1)).toBeNaN();
    const [right, wrong] = [
      { probabilities: [0.9, 0.1], label: 0 },
      { probabilities: [0.9, 0.1], label: 1 },
    ];
    if (right === undefined || wrong === undefined) throw new Error("no record");
    expect(patientScore("correctness", [right, right, wrong])).toBe(1);
    expect(patientScore("correctness", [right, wrong])).toBe(0);
    const undone = patientScore("correctness", [right, { probabilities: [Number.NaN, Number.NaN], label: 0 }]);
    expect(unitScore("correctness", undone, 2)).toBe(0);
  });

  test("a patient's score is the mean over the patient's records", () => {
    const two = [
      { probabilities: [0.5, 0.5], label: 0 },
      { probabilities: [0.1, 0.9], label: 1 },
    ];
    expect(patientScore("confidence", two)).toBeCloseTo(0.7, 12);
  });
});
