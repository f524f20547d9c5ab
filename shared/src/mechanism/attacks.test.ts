import { describe, expect, test } from "vitest";
import { NoiseMultiplier } from "../units/privacy.ts";
import { addDiscreteGaussian } from "./discreteGaussian.ts";
import { addDiscreteLaplace } from "./discreteLaplace.ts";
import { uniformBits } from "./exactBernoulli.ts";
import { seeded, tally } from "./fit.test-support.ts";
import { addMetricLaplace, addSphereNoise } from "./metricNoise.ts";
import { addRoundedGaussian } from "./roundedGaussian.ts";

/**
 * Mironov 2012, "On significance of the least significant bits for differential privacy": noise in floating point takes
 * few of the values that a float64 can have, other ones beside each input, so that an output tells inputs apart.
 * The naive mechanisms stand here to show that the attack works; then it is tried on this product's.
 */
const UNIT = 2 ** -53;

const random = seeded(1);
/** A multiple of 2⁻⁵³ in (0, 1]. */
const unit = (): number => (uniformBits(26, random) * 2 ** 27 + uniformBits(27, random) + 1) * UNIT;

const naiveLaplace = (u: number, isNegative: boolean): number => (isNegative ? Math.log(u) : -Math.log(u));
const naiveGaussian = (u: number, v: number): readonly [number, number] => {
  const radius = Math.sqrt(-2 * Math.log(u));
  return [radius * Math.cos(2 * Math.PI * v), radius * Math.sin(2 * Math.PI * v)];
};

/** Multiples of 2⁻⁵³ around a number. */
function around(centre: number, reach: number): number[] {
  const nearest = Math.round(centre / UNIT);
  return Array.from({ length: 2 * reach + 1 }, (_, i) => (nearest + i - reach) * UNIT).filter((u) => u > 0 && u <= 1);
}

/** Whether the naive Laplace mechanism can have made `output` of `input`. */
function couldComeByLaplace(output: number, input: number): boolean {
  const noise = output - input;
  return around(Math.exp(-Math.abs(noise)), 8).some((u) =>
    [true, false].some((isNegative) => input + naiveLaplace(u, isNegative) === output),
  );
}

/** The same for two values with one Box–Muller pair. */
function couldComeByGaussian(outputs: readonly [number, number], input: number): boolean {
  const [a, b] = [outputs[0] - input, outputs[1] - input];
  const turn = Math.atan2(b, a) / (2 * Math.PI);
  return around(Math.exp(-(a * a + b * b) / 2), 8).some((u) =>
    around(turn < 0 ? turn + 1 : turn, 8).some((v) => {
      const [x, y] = naiveGaussian(u, v);
      return input + x === outputs[0] && input + y === outputs[1];
    }),
  );
}

describe("[ACC33] the least significant bits of noise tell nothing of what was noised", () => {
  test("Mironov's attack names the input of naive Laplace noise from one output in three", () => {
    const outputs = Array.from({ length: 2000 }, () => 1 + naiveLaplace(unit(), uniformBits(1, random) === 1));
    expect(outputs.filter((output) => !couldComeByLaplace(output, 1))).toEqual([]);
    expect(outputs.filter((output) => !couldComeByLaplace(output, 0)).length).toBeGreaterThan(2000 / 3);
  });

  test("and that of naive Gaussian noise from most pairs", () => {
    const pairs = Array.from({ length: 300 }, () => {
      const [x, y] = naiveGaussian(unit(), unit());
      return [1 + x, 1 + y] as const;
    });
    expect(pairs.filter((pair) => couldComeByGaussian(pair, 1)).length).toBeGreaterThan(290);
    expect(pairs.filter((pair) => !couldComeByGaussian(pair, 0)).length).toBeGreaterThan(150);
  });

  const counts = (value: number, length: number): number[] => new Array<number>(length).fill(value);
  const mechanisms: readonly (readonly [string, (value: number) => ArrayLike<number>])[] = [
    [
      "discrete Laplace",
      (value) =>
        addDiscreteLaplace({ kind: "histogram", counts: counts(value, 60_000), l1Sensitivity: 1 }, 0.5, random).value
          .counts,
    ],
    [
      "discrete Gaussian",
      (value) =>
        addDiscreteGaussian(
          { kind: "integer-sum", values: counts(value, 60_000), l2Sensitivity: 1 },
          NoiseMultiplier.parse(2),
          random,
        ).value.values,
    ],
    [
      "rounded Gaussian",
      (value) =>
        addRoundedGaussian(
          { kind: "integer-sum", values: counts(value, 60_000), l2Sensitivity: 1 },
          NoiseMultiplier.parse(2),
          random,
        ).value.values,
    ],
  ];

  test.each(mechanisms)(
    "%s: outputs are integers, and all that one input gives often the other gives too",
    (_, noise) => {
      const [zero, one] = [tally(Array.from(noise(0))), tally(Array.from(noise(1)))];
      expect([...zero.keys(), ...one.keys()].every(Number.isSafeInteger)).toBe(true);
      for (const [from, to] of [
        [zero, one],
        [one, zero],
      ] as const) {
        // 60 times among 60,000, where neighbours' odds are at most e^1.5: to be absent has a probability of 2·10⁻⁶.
        const often = [...from].filter(([, count]) => count > 60);
        expect(often.length).toBeGreaterThan(8);
        expect(often.filter(([value]) => !to.has(value))).toEqual([]);
      }
    },
  );

  test.each([
    ["exact metric noise", addMetricLaplace],
    ["metric noise on the sphere", addSphereNoise],
  ] as const)("%s: outputs are whole public steps, whatever the record's own digits", (_, noise) => {
    for (const record of [0, 0.1, Math.PI, 1e-9, -1e-9]) {
      const values = new Float64Array(4000).fill(record);
      const { value } = noise({ kind: "record-vector", values, l2Bound: null }, 3e5, random);
      // The sign of a zero would be the record's.
      expect([...value.steps].filter((steps) => Object.is(steps, -0))).toEqual([]);
      expect([...value.steps].every(Number.isSafeInteger)).toBe(true);
      expect(value.step).toBe(2 ** Math.round(Math.log2(value.step)));
    }
  });
});
