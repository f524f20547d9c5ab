import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import type { RecordOutput } from "../audit/attacks.ts";
import { publicUniform } from "../model/initial.ts";
import { gradientOf, lossOf, parameterCount } from "./attackNetwork.ts";
import { learnAttack, learnedScore } from "./learnedAttack.ts";
import { summarise } from "./summary.ts";

const seeded = (seed: number) => {
  const next = publicUniform(seed);
  return {
    origin: "seeded" as const,
    bytes: (count: number) => Uint8Array.from({ length: count }, () => 256 * next()),
  };
};

const Outputs = z.object({ probs: z.array(z.array(z.number())), labels: z.array(z.number()) });
const Model = z.object({ member: Outputs, nonmember: Outputs });
const vectors = z
  .object({ song_mittal: z.object({ inputs: z.object({ shadow: Model, target: Model }) }) })
  .parse(JSON.parse(readFileSync(new URL("../../../test/vectors/audit-stats.json", import.meta.url), "utf8")));
const records = ({ probs, labels }: z.infer<typeof Outputs>): readonly RecordOutput[] =>
  probs.map((probabilities, index) => ({ probabilities, label: labels[index] ?? -1 }));
const groups = ({ member, nonmember }: z.infer<typeof Model>) => ({
  members: records(member),
  nonMembers: records(nonmember),
});
const shadow = groups(vectors.song_mittal.inputs.shadow);
const target = groups(vectors.song_mittal.inputs.target);

function aucOf(attack: ReturnType<typeof learnAttack>, on: typeof target): number {
  const scores = (all: readonly RecordOutput[]) => all.map((record) => learnedScore(attack, record));
  return summarise(scores(on.members), scores(on.nonMembers)).auc;
}

describe("[AUD25] a learned attack's network", () => {
  test.each([0, 3])("its gradient is its loss's slope, with %d hidden units", (hidden) => {
    const next = publicUniform(11);
    const layout = { inputs: 4, hidden };
    const parameters = Float64Array.from({ length: parameterCount(layout) }, () => 2 * next() - 1);
    const examples = Array.from({ length: 5 }, (_, index) => ({
      features: Array.from({ length: 4 }, () => 4 * next() - 2),
      isMember: index % 2 === 0,
      weight: 0.1 + next(),
    }));
    const gradient = gradientOf(layout, parameters, examples);
    expect(gradient).toHaveLength(hidden === 0 ? 5 : 19);
    gradient.forEach((slope, index) => {
      const at = (change: number) =>
        lossOf(
          layout,
          parameters.map((value, i) => (i === index ? value + change : value)),
          examples,
        );
      expect(Math.abs((at(1e-5) - at(-1e-5)) / 2e-5 - slope)).toBeLessThan(1e-8);
    });
  });
});

describe("[AUD25] a learned attack", () => {
  const options = { hidden: 8, steps: 150 };

  test("learnt on the shadow model, finds members of another model about as well as the best rule, and not its own alone", () => {
    const attack = learnAttack(shadow, options, seeded(3));
    // Confidence, the best of the rules on these outputs: 0.690.
    expect(aucOf(attack, target)).toBeGreaterThan(0.67);
    expect(aucOf(attack, shadow)).toBeLessThan(0.95);
  });

  test("without hidden units it is logistic regression and still beats a coin", () => {
    expect(aucOf(learnAttack(shadow, { hidden: 0, steps: 150 }, seeded(3)), target)).toBeGreaterThan(0.6);
  });

  test("its features are sorted probabilities, loss and label, on the shadow split's own scale; a constant one on its own", () => {
    const output = (first: number, label: number): RecordOutput => ({ probabilities: [first, 1 - first], label });
    const split = { members: [output(0.9, 0), output(0.2, 1)], nonMembers: [output(0.4, 1), output(0.7, 1)] };
    const { means, stdDevs } = learnAttack(split, { hidden: 0, steps: 0 }, seeded(1));
    const columns = [
      [0.9, 0.8, 0.6, 0.7],
      [0.1, 0.2, 0.4, 0.3],
      [0.9, 0.8, 0.6, 0.3].map((confidence) => -Math.log(confidence)),
      [1, 0, 0, 0],
      [0, 1, 1, 1],
    ];
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
    columns.forEach((values, column) => {
      const centre = mean(values);
      expect(means[column]).toBeCloseTo(centre, 12);
      expect(stdDevs[column]).toBeCloseTo(Math.sqrt(mean(values.map((value) => (value - centre) ** 2))), 12);
    });
    const same = { members: [output(0.9, 0)], nonMembers: [output(0.9, 0)] };
    expect(learnAttack(same, { hidden: 0, steps: 0 }, seeded(1)).stdDevs).toEqual([1, 1, 1, 1, 1]);
  });

  test("Adam's first step moves each weight by its rate, whatever the slope's size", () => {
    const [before, after] = [0, 1].map((steps) => learnAttack(shadow, { hidden: 2, steps }, seeded(3)).parameters);
    before?.forEach((weight, index) => {
      expect(Math.abs(Math.abs(weight - (after?.[index] ?? Number.NaN)) - 0.02)).toBeLessThan(1e-5);
    });
  });

  test("the same source gives the same attack, another one another", () => {
    const few = { hidden: 3, steps: 5 };
    const [a, b, c] = [3, 3, 4].map((seed) => learnAttack(shadow, few, seeded(seed)).parameters);
    expect(a).toEqual(b);
    expect(a).not.toEqual(c);
  });

  test("membership at random teaches it nothing about other records (fixed seed)", () => {
    const all = [...shadow.members, ...shadow.nonMembers];
    const next = publicUniform(5);
    const coins = all.map(() => next() < 0.5);
    const shuffled = {
      members: all.filter((_, index) => coins[index]),
      nonMembers: all.filter((_, index) => !coins[index]),
    };
    const half = { members: target.members.slice(0, 200), nonMembers: target.members.slice(200) };
    expect(Math.abs(aucOf(learnAttack(shuffled, options, seeded(6)), half) - 0.5)).toBeLessThan(0.09);
  });

  test("finds what no weighted sum of its features shows: members in the middle of a range", () => {
    const next = publicUniform(9);
    const output = (confidence: number): RecordOutput => ({ probabilities: [confidence, 1 - confidence], label: 0 });
    const draw = (from: number, to: number) => Array.from({ length: 60 }, () => output(from + (to - from) * next()));
    const middle = { members: draw(0.65, 0.85), nonMembers: [...draw(0.5, 0.6), ...draw(0.9, 1)] };
    expect(aucOf(learnAttack(middle, { hidden: 8, steps: 400 }, seeded(1)), middle)).toBeGreaterThan(0.97);
  });

  test("many non-members don't drown few members: both groups weigh the same", () => {
    const output = (confidence: number): RecordOutput => ({ probabilities: [confidence, 1 - confidence], label: 0 });
    const alike = { members: [output(0.7)], nonMembers: Array.from({ length: 99 }, () => output(0.7)) };
    const attack = learnAttack(alike, { hidden: 0, steps: 400 }, seeded(2));
    // By counts alone it would be log(1 / 99) = −4.6.
    expect(Math.abs(learnedScore(attack, output(0.7)))).toBeLessThan(0.01);
  });
});
