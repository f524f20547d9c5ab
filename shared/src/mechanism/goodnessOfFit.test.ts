import { describe, expect, test } from "vitest";
import { NoiseMultiplier } from "../units/privacy.ts";
import { addDiscreteGaussian, fractionOf, gaussianStdDev, sampleDiscreteGaussian } from "./discreteGaussian.ts";
import { addDiscreteLaplace, sampleDiscreteLaplace } from "./discreteLaplace.ts";
import { bernoulliExp, uniformBelow } from "./exactBernoulli.ts";
import {
  FALSE_ALARM_NORMAL,
  FALSE_ALARM_TAIL,
  fitScore,
  gaussianPmf,
  normalised,
  normalMass,
  seeded,
  tailScore,
  tally,
} from "./fit.test-support.ts";
import { addRoundedGaussian, sampleRoundedGaussian } from "./roundedGaussian.ts";
import { fillWideGaussian } from "./wideGaussian.ts";

const MILLION = 1_000_000;
const WHOLE_GAUSSIAN = { kind: "poisson-gaussian", adjacency: "add-remove", samplingRate: 1, count: 1 };

/** On either side, at 3 to 6 standard deviations: as many as the law says. Beyond 6 that is one in 10⁹. */
function expectTails(draws: readonly number[] | Int32Array, stdDev: number, massFrom: (least: number) => number): void {
  for (const reach of [3, 4, 5, 6]) {
    const least = Math.ceil(reach * stdDev);
    let [above, below] = [0, 0];
    for (const draw of draws) {
      if (draw >= least) above++;
      else if (draw <= -least) below++;
    }
    const expected = draws.length * massFrom(least);
    for (const count of [above, below]) expect(tailScore(count, expected)).toBeGreaterThan(FALSE_ALARM_TAIL / 8);
  }
}

/** Of a discrete Gaussian, from this integer on. */
function discreteMassFrom(stdDev: number): (least: number) => number {
  const masses = gaussianPmf(stdDev);
  return (least) => [...masses].reduce((sum, [k, mass]) => (k >= least ? sum + mass : sum), 0);
}

/** Of a rounded or a very wide Gaussian. */
function roundedMassFrom(stdDev: number): (least: number) => number {
  return (least) => normalMass((least - 0.5) / stdDev, (least - 0.5) / stdDev + 8);
}

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

  test("a million noisy zeros at ε = 0.8, and those beyond 6 standard deviations", () => {
    const counts = new Array<number>(MILLION).fill(0);
    const noisy = addDiscreteLaplace({ kind: "histogram", counts, l1Sensitivity: 2 }, 0.8, seeded(13)).value;
    const ratio = Math.exp(-1 / noisy.scale);
    expect(
      fitScore(
        tally(noisy.counts),
        normalised((k) => ratio ** Math.abs(k), 100),
        MILLION,
      ),
    ).toBeLessThan(FALSE_ALARM_NORMAL);
    const far = Math.ceil((6 * Math.sqrt(2 * ratio)) / (1 - ratio));
    const beyond = noisy.counts.filter((count) => Math.abs(count) >= far).length;
    expect(tailScore(beyond, (MILLION * 2 * ratio ** far) / (1 + ratio))).toBeGreaterThan(FALSE_ALARM_TAIL);
    expect(beyond).toBeGreaterThan(100);
  });

  test("the event states the scale that was drawn, with ε′ ≤ ε as close as 1e-6", () => {
    for (const epsilon of [0.01, 0.3, 1 / 3, 1, 7]) {
      const { value: noisy, events } = addDiscreteLaplace(
        { kind: "histogram", counts: [0, 5, 800], l1Sensitivity: 1 },
        epsilon,
        seeded(4),
      );
      const [event] = events;
      if (event?.kind !== "discrete-laplace") throw new Error("wrong event");
      expect(noisy.scale).toBe(event.scale);
      expect(event.sensitivity / event.scale).toBeLessThanOrEqual(epsilon);
      expect(event.sensitivity / event.scale / epsilon).toBeGreaterThan(1 - 1e-5);
      expect(noisy.counts).toHaveLength(3);
      expect(noisy.counts.every(Number.isSafeInteger)).toBe(true);
    }
  });

  test("an empty histogram is one too; fractional counts and ε = 0 are refused", () => {
    expect(addDiscreteLaplace({ kind: "histogram", counts: [], l1Sensitivity: 1 }, 1, seeded(5)).value.counts).toEqual(
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
    const { value: noisy } = addDiscreteLaplace(
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
  test.each([0.3, 1, 17.3])("standard deviation %d", (stdDev) => {
    const random = seeded(7);
    const draws = Array.from({ length: 12_000 }, () => sampleDiscreteGaussian(stdDev, random));
    expect(fitScore(tally(draws), gaussianPmf(stdDev), 12_000)).toBeLessThan(FALSE_ALARM_NORMAL);
  });

  test("a million noisy zeros at σ = 1.25 and sensitivity 2", () => {
    const sum = { kind: "integer-sum", values: new Array<number>(MILLION).fill(0), l2Sensitivity: 2 } as const;
    const { value, events } = addDiscreteGaussian(sum, NoiseMultiplier.parse(1.25), seeded(14));
    expect(fitScore(tally(value.values), gaussianPmf(2.5), MILLION)).toBeLessThan(FALSE_ALARM_NORMAL);
    expectTails(value.values, 2.5, discreteMassFrom(2.5));
    expect(events).toEqual([
      { ...WHOLE_GAUSSIAN, noiseMultiplier: 1.25, samplerDistance: { maxLogRatio: 0, totalVariation: 0 } },
    ]);
  });
});

describe("[ACC30] exact Gaussian noise, rounded to integers", () => {
  test("a million noisy fives at σ = 1.25 and sensitivity 2", () => {
    const sum = { kind: "integer-sum", values: new Array<number>(MILLION).fill(5), l2Sensitivity: 2 } as const;
    const { value, events } = addRoundedGaussian(sum, NoiseMultiplier.parse(1.25), seeded(15));
    const noise = value.values.map((noisy) => noisy - 5);
    const expected = new Map<number, number>();
    for (let k = -20; k <= 20; k++) expected.set(k, normalMass((k - 0.5) / 2.5, (k + 0.5) / 2.5));
    expect(fitScore(tally(noise), expected, MILLION)).toBeLessThan(FALSE_ALARM_NORMAL);
    expectTails(noise, 2.5, roundedMassFrom(2.5));
    expect(events).toEqual([{ ...WHOLE_GAUSSIAN, noiseMultiplier: 1.25 }]);
  });

  test.each([0.2, 1.5e13])("standard deviation %d, where most draws need more bits than the first", (stdDev) => {
    const random = seeded(16);
    const draws = Array.from({ length: 40_000 }, () => sampleRoundedGaussian(stdDev, random));
    const width = Math.max(1, stdDev / 8);
    const expected = new Map<number, number>();
    for (let bin = -48; bin <= 48; bin++) {
      expected.set(bin, normalMass(((bin - 0.5) * width) / stdDev, ((bin + 0.5) * width) / stdDev));
    }
    expect(fitScore(tally(draws.map((draw) => Math.round(draw / width))), expected, 40_000)).toBeLessThan(
      FALSE_ALARM_NORMAL,
    );
    const odd = draws.filter((draw) => draw % 2 !== 0).length;
    if (stdDev > 1) expect(Math.abs(odd - 20_000)).toBeLessThan(FALSE_ALARM_NORMAL * 100);
  });

  test("a multiplier's noise is never less than its product with the sensitivity", () => {
    for (const [noiseMultiplier, l2Sensitivity] of [
      [0.1, 0.3],
      [1 / 3, 7],
      [1.1, 1e9 / 3],
    ] as const) {
      const stdDev = gaussianStdDev(
        { kind: "integer-sum", values: [1], l2Sensitivity },
        NoiseMultiplier.parse(noiseMultiplier),
      );
      const [asked, drawn] = [fractionOf(noiseMultiplier), fractionOf(stdDev)];
      const over = fractionOf(l2Sensitivity);
      expect(
        drawn.numerator * asked.denominator * over.denominator >= asked.numerator * over.numerator * drawn.denominator,
      ).toBe(true);
      expect(stdDev / (noiseMultiplier * l2Sensitivity)).toBeLessThan(1 + 2 ** -19);
    }
  });
});

describe("[ACC10] fast discrete Gaussian noise", () => {
  test.each([0.28, 0.8, 3.7, 40, 333.3])("from one table, standard deviation %d", (stdDev) => {
    const draws = new Int32Array(1_000_000);
    fillWideGaussian(draws, stdDev, seeded(8));
    expect(fitScore(tally(draws), gaussianPmf(stdDev), draws.length)).toBeLessThan(FALSE_ALARM_NORMAL);
  });

  test.each([
    [17, discreteMassFrom(17)],
    [229_376.5, roundedMassFrom(229_376.5)],
  ])("ten million, beyond 3, 4, 5 and 6 standard deviations of %d", (stdDev, massFrom) => {
    const draws = new Int32Array(10_000_000);
    fillWideGaussian(draws, stdDev, seeded(17));
    expectTails(draws, stdDev, massFrom);
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
