import { describe, expect, test } from "vitest";
import { aesCtrStream } from "../random/aesCtrStream.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { sampleDiscreteGaussian } from "./discreteGaussian.ts";
import { addDiscreteLaplace, sampleDiscreteLaplace } from "./discreteLaplace.ts";
import { bernoulliExp, uniformBelow } from "./exactBernoulli.ts";
import { fillWideGaussian } from "./wideGaussian.ts";

/**
 * A fixed stream, so that a run's verdict never changes; with other seeds a true sampler fails one in 10⁶ of the
 * checks.
 */
const seeded = (seed: number): RandomSource =>
  aesCtrStream({ origin: "seeded", bytes: (count) => new Uint8Array(count).fill(seed) });

const FALSE_ALARM_NORMAL = 4.76;

/**
 * Pearson's statistic as a standard normal (Wilson & Hilferty 1931); outcomes expected less than 10 times are pooled.
 */
function fitScore(observed: ReadonlyMap<number, number>, expected: ReadonlyMap<number, number>, draws: number): number {
  let statistic = 0;
  let cells = 0;
  let restObserved = draws;
  let restExpected = draws;
  for (const [value, probability] of expected) {
    if (probability * draws < 10) continue;
    const count = observed.get(value) ?? 0;
    statistic += (count - probability * draws) ** 2 / (probability * draws);
    restObserved -= count;
    restExpected -= probability * draws;
    cells++;
  }
  if (restExpected >= 10) statistic += (restObserved - restExpected) ** 2 / restExpected;
  else expect(restObserved).toBeLessThan(60);
  const freedom = cells - (restExpected >= 10 ? 0 : 1);
  return ((statistic / freedom) ** (1 / 3) - (1 - 2 / (9 * freedom))) / Math.sqrt(2 / (9 * freedom));
}

function tally(values: Iterable<number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

function normalised(weight: (k: number) => number, reach: number): Map<number, number> {
  const weights = new Map<number, number>();
  for (let k = -reach; k <= reach; k++) weights.set(k, weight(k));
  const total = [...weights.values()].reduce((sum, value) => sum + value, 0);
  return new Map([...weights].map(([k, value]) => [k, value / total]));
}
const gaussianPmf = (stdDev: number): Map<number, number> =>
  normalised((k) => Math.exp(-(k * k) / (2 * stdDev * stdDev)), Math.ceil(9 * stdDev) + 2);

describe("exact Bernoulli draws", () => {
  test("uniform below a bound that is no power of two", () => {
    const random = seeded(1);
    const draws = Array.from({ length: 70_000 }, () => Number(uniformBelow(7n, random)));
    expect(fitScore(tally(draws), new Map(Array.from({ length: 7 }, (_, k) => [k, 1 / 7])), 70_000)).toBeLessThan(
      FALSE_ALARM_NORMAL,
    );
  });

  test.each([
    [0n, 1n],
    [1n, 3n],
    [1n, 1n],
    [7n, 2n],
  ])("exp(−%d/%d)", (numerator, denominator) => {
    const random = seeded(2);
    const probability = Math.exp(-Number(numerator) / Number(denominator));
    let hits = 0;
    for (let i = 0; i < 30_000; i++) if (bernoulliExp(numerator, denominator, random)) hits++;
    const spread = Math.sqrt(30_000 * probability * (1 - probability));
    expect(Math.abs(hits - 30_000 * probability)).toBeLessThanOrEqual(FALSE_ALARM_NORMAL * spread);
  });
});

describe("[ACC8] discrete Laplace noise", () => {
  test.each([
    [7n, 10n],
    [10n, 3n],
    [25n, 1n],
  ])("scale %d/%d", (numerator, denominator) => {
    const random = seeded(3);
    const rate = Number(denominator) / Number(numerator);
    const draws = Array.from({ length: 30_000 }, () => sampleDiscreteLaplace(numerator, denominator, random));
    expect(
      fitScore(
        tally(draws),
        normalised((k) => Math.exp(-Math.abs(k) * rate), 800),
        30_000,
      ),
    ).toBeLessThan(FALSE_ALARM_NORMAL);
  });

  test("the event states the scale that was drawn, with ε′ ≤ ε as close as 1e-6", () => {
    for (const epsilon of [0.01, 0.3, 1 / 3, 1, 7]) {
      const { noisy, event } = addDiscreteLaplace(
        { kind: "histogram", counts: [0, 5, 800], l1Sensitivity: 1 },
        epsilon,
        seeded(4),
      );
      if (event.kind !== "discrete-laplace") throw new Error("wrong event");
      expect(event.sensitivity / event.scale).toBeLessThanOrEqual(epsilon);
      expect(event.sensitivity / event.scale / epsilon).toBeGreaterThan(1 - 1e-5);
      expect(noisy.counts).toHaveLength(3);
      expect(noisy.counts.every(Number.isSafeInteger)).toBe(true);
    }
  });

  test("an empty histogram is one too; fractional counts and ε = 0 are refused", () => {
    expect(addDiscreteLaplace({ kind: "histogram", counts: [], l1Sensitivity: 1 }, 1, seeded(5)).noisy.counts).toEqual(
      [],
    );
    expect(() => addDiscreteLaplace({ kind: "histogram", counts: [0.5], l1Sensitivity: 1 }, 1, seeded(5))).toThrow(
      "integers",
    );
    expect(() => addDiscreteLaplace({ kind: "histogram", counts: [1], l1Sensitivity: 1 }, 0, seeded(5))).toThrow(
      "positive",
    );
  });

  test("noise is centred on the counts: mean of 20,000 noisy fives at scale 2", () => {
    const { noisy } = addDiscreteLaplace(
      { kind: "histogram", counts: new Array<number>(20_000).fill(5), l1Sensitivity: 1 },
      0.5,
      seeded(6),
    );
    const mean = noisy.counts.reduce((sum, count) => sum + count, 0) / 20_000;
    const variance = (2 * Math.exp(-0.5)) / (1 - Math.exp(-0.5)) ** 2;
    expect(Math.abs(mean - 5)).toBeLessThan(FALSE_ALARM_NORMAL * Math.sqrt(variance / 20_000));
  });
});

describe("[ACC9] exact discrete Gaussian noise", () => {
  test.each([0.3, 1, 2.5, 17.3])("standard deviation %d", (stdDev) => {
    const random = seeded(7);
    const draws = Array.from({ length: 12_000 }, () => sampleDiscreteGaussian(stdDev, random));
    expect(fitScore(tally(draws), gaussianPmf(stdDev), 12_000)).toBeLessThan(FALSE_ALARM_NORMAL);
  });
});

describe("[ACC10] fast discrete Gaussian noise", () => {
  test.each([0.28, 0.8, 3.7, 40, 333.3])("from one table, standard deviation %d", (stdDev) => {
    const draws = new Int32Array(1_000_000);
    fillWideGaussian(draws, stdDev, seeded(8));
    expect(fitScore(tally(draws), gaussianPmf(stdDev), draws.length)).toBeLessThan(FALSE_ALARM_NORMAL);
  });

  test.each([1300, 229_376.5, 3e6])("by convolution, standard deviation %d", (stdDev) => {
    const draws = new Int32Array(1_000_000);
    fillWideGaussian(draws, stdDev, seeded(9));
    const bins = tally(draws.map((value) => Math.floor((value / stdDev) * 8 + 0.5 * (8 / stdDev))));
    const expected = new Map<number, number>();
    for (let bin = -48; bin < 48; bin++) expected.set(bin, normalMass(bin / 8, (bin + 1) / 8));
    expect(fitScore(bins, expected, draws.length)).toBeLessThan(FALSE_ALARM_NORMAL);
    for (const modulus of [7, 64, 331]) {
      const residues = tally(draws.map((value) => ((value % modulus) + modulus) % modulus));
      const uniform = new Map(Array.from({ length: modulus }, (_, k) => [k, 1 / modulus]));
      expect(fitScore(residues, uniform, draws.length)).toBeLessThan(FALSE_ALARM_NORMAL);
    }
  });

  test.each([0.8, 17, 229_376, 2e6])(
    "moments at standard deviation %d; neighbours and the two halves are independent",
    (stdDev) => {
      const draws = new Int32Array(1_000_000);
      fillWideGaussian(draws, stdDev, seeded(10));
      const z = Float64Array.from(draws, (value) => value / stdDev);
      const n = z.length;
      const mean = (f: (value: number, index: number) => number): number =>
        z.reduce((sum, value, i) => sum + f(value, i), 0) / n;
      const root = Math.sqrt(n);
      expect(Math.abs(mean((v) => v)) * root).toBeLessThan(FALSE_ALARM_NORMAL);
      const secondSlack = stdDev < 1 ? 0.001 : 0;
      expect(Math.abs(mean((v) => v * v) - 1)).toBeLessThan((FALSE_ALARM_NORMAL * Math.SQRT2) / root + secondSlack);
      expect(Math.abs(mean((v) => v ** 3)) * root).toBeLessThan(FALSE_ALARM_NORMAL * Math.sqrt(15));
      expect(Math.abs(mean((v) => v ** 4) - 3)).toBeLessThan(
        (FALSE_ALARM_NORMAL * Math.sqrt(96)) / root + 10 * secondSlack,
      );
      expect(Math.abs(mean((v, i) => v * (z[i ^ 1] ?? 0))) * root).toBeLessThan(FALSE_ALARM_NORMAL * Math.SQRT2);
    },
  );

  test("blocks of any length are filled to the last value, and two fills differ", () => {
    for (const length of [0, 1, 5, 32_768, 32_769, 70_001]) {
      const draws = new Int32Array(length);
      fillWideGaussian(draws, 1e5, seeded(11));
      expect(draws.filter((value) => value === 0).length).toBeLessThan(8);
      const again = new Int32Array(length);
      fillWideGaussian(again, 1e5, seeded(12));
      if (length > 4) expect(again).not.toEqual(draws);
    }
  });
});

/** Φ(b) − Φ(a) by Simpson's rule in 200 steps. */
function normalMass(a: number, b: number): number {
  const steps = 200;
  const h = (b - a) / steps;
  let sum = 0;
  for (let i = 0; i <= steps; i++) {
    const weight = i === 0 || i === steps ? 1 : i % 2 === 1 ? 4 : 2;
    sum += weight * Math.exp(-((a + i * h) ** 2) / 2);
  }
  return (sum * h) / 3 / Math.sqrt(2 * Math.PI);
}
