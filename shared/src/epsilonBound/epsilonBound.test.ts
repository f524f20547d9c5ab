import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { oneRunTail } from "../canary/oneRun.ts";
import { normalCdf } from "../distribution/normal.ts";
import { publicUniform } from "../model/initial.ts";
import { epsilonApart, federatedCanaryEpsilon, gaussianDpEpsilon, oneRunGaussianEpsilon } from "./gaussian.ts";
import { greatestRejected } from "./greatestRejected.ts";
import { clopperPearsonUpper, epsilonOfRuns } from "./trainingRuns.ts";

describe("[AUD24] ε from independent training runs", () => {
  const counts = fc
    .record({ positives: fc.integer({ min: 1, max: 300 }), negatives: fc.integer({ min: 1, max: 300 }) })
    .chain((sizes) =>
      fc.record({
        positives: fc.constant(sizes.positives),
        negatives: fc.constant(sizes.negatives),
        truePositives: fc.nat(sizes.positives),
        falsePositives: fc.nat(sizes.negatives),
      }),
    );
  const significance = fc.constantFrom(0.2, 0.05, 0.01);
  const delta = fc.constantFrom(0, 1e-5, 0.01);

  test("with true rates of randomised response the bound passes its ε no more often than it says", () => {
    // All outcomes of 40 runs with and 40 without the record: exact, no chance.
    const [runs, epsilon] = [40, 1];
    const hit = Math.exp(epsilon) / (1 + Math.exp(epsilon));
    const mass = (k: number, p: number) => {
      let value = (1 - p) ** runs;
      for (let i = 1; i <= k; i++) value *= ((runs - i + 1) / i) * (p / (1 - p));
      return value;
    };
    for (const alpha of [0.2, 0.05, 0.01]) {
      let wrong = 0;
      for (let tp = 0; tp <= runs; tp++)
        for (let fp = 0; fp <= runs; fp++) {
          const run = { truePositives: tp, positives: runs, falsePositives: fp, negatives: runs };
          if (epsilonOfRuns(run, alpha, 0).twoSided > epsilon) wrong += mass(tp, hit) * mass(fp, 1 - hit);
        }
      expect(wrong).toBeLessThanOrEqual(alpha);
      expect(wrong).toBeGreaterThan(0);
    }
  });

  test("Clopper and Pearson's bound is where so few successes have the probability of being wrong", () => {
    for (const [count, trials] of [
      [0, 20],
      [3, 20],
      [19, 20],
    ] as const) {
      const p = clopperPearsonUpper(count, trials, 0.05);
      let below = 0;
      let mass = (1 - p) ** trials;
      for (let k = 0; k <= count; k++) {
        below += mass;
        mass *= ((trials - k) / (k + 1)) * (p / (1 - p));
      }
      expect(Math.abs(below - 0.05)).toBeLessThan(1e-12);
    }
    expect(clopperPearsonUpper(20, 20, 0.05)).toBe(1);
  });

  test("exchanging members and non-members, and what is said of them, changes the one-sided bound's side alone", () => {
    fc.assert(
      fc.property(counts, significance, delta, (run, alpha, d) => {
        const mirrored = {
          truePositives: run.negatives - run.falsePositives,
          positives: run.negatives,
          falsePositives: run.positives - run.truePositives,
          negatives: run.positives,
        };
        const [own, other] = [epsilonOfRuns(run, alpha, d), epsilonOfRuns(mirrored, alpha, d)];
        expect([other.fnrUpper, other.fprUpper]).toEqual([own.fprUpper, own.fnrUpper]);
        expect([other.twoSided, other.jeffreys]).toEqual([own.twoSided, own.jeffreys]);
        expect(own.twoSided).toBe(Math.max(own.tprOverFpr, other.tprOverFpr));
      }),
    );
  });

  test("more caught, fewer alarms, less confidence or a smaller δ never lower it; it is never below 0", () => {
    fc.assert(
      fc.property(counts, significance, delta, (run, alpha, d) => {
        const bound = epsilonOfRuns(run, alpha, d).tprOverFpr;
        expect(bound).toBeGreaterThanOrEqual(0);
        const better = { ...run, truePositives: Math.min(run.positives, run.truePositives + 1) };
        const quieter = { ...run, falsePositives: Math.max(0, run.falsePositives - 1) };
        for (const more of [better, quieter])
          expect(epsilonOfRuns(more, alpha, d).tprOverFpr).toBeGreaterThanOrEqual(bound);
        expect(epsilonOfRuns(run, 0.3, d).tprOverFpr).toBeGreaterThanOrEqual(bound);
        expect(epsilonOfRuns(run, alpha, 0.02).tprOverFpr).toBeLessThanOrEqual(bound);
      }),
    );
  });
});

describe("[AUD24] estimates that assume a Gaussian mechanism", () => {
  /** δ(ε) of two normal distributions by adding up max(0, p − e^ε q) over a fine grid: slow and obvious. */
  function slowDelta(mean: number, stdDev: number, epsilon: number): number {
    const density = (x: number, m: number, s: number) =>
      Math.exp(-0.5 * ((x - m) / s) ** 2) / s / Math.sqrt(2 * Math.PI);
    let sum = 0;
    for (let x = -20; x < 20; x += 1e-3)
      sum += Math.max(0, density(x, mean, stdDev) - Math.exp(epsilon) * density(x, 0, 1)) * 1e-3;
    return sum;
  }

  const pairs = [
    [1, 1],
    [1, 1.3],
    [-0.7, 0.6],
    [0, 2],
    [0, 0.4],
    [0.5, 1 + 1e-9],
  ] as const;
  const deltas = [1e-3, 0.05, 0.2];
  test.each(pairs.flatMap(([mean, stdDev]) => deltas.map((delta) => [mean, stdDev, delta] as const)))(
    "N(%d, %d²) against N(0, 1) at δ = %d: ε is where the summed δ of one side is the given one, and the other's is no more",
    (mean, stdDev, delta) => {
      const epsilon = epsilonApart({ mean, stdDev }, { mean: 0, stdDev: 1 }, delta);
      const reached = Math.max(slowDelta(mean, stdDev, epsilon), slowDelta(-mean / stdDev, 1 / stdDev, epsilon));
      if (epsilon === 0) expect(reached).toBeLessThanOrEqual(delta);
      else expect(Math.abs(reached - delta)).toBeLessThan(1e-6);
    },
  );

  test("where both lie, and in what unit, changes nothing; nor which is the first", () => {
    const distribution = fc.record({
      mean: fc.double({ min: -3, max: 3, noNaN: true }),
      stdDev: fc.double({ min: 0.3, max: 2, noNaN: true }),
    });
    fc.assert(
      fc.property(distribution, distribution, fc.constantFrom(...deltas), (one, other, delta) => {
        const moved = ({ mean, stdDev }: typeof one) => ({ mean: 3 * mean + 4, stdDev: 3 * stdDev });
        const epsilon = epsilonApart(one, other, delta);
        fc.pre(epsilon < 100);
        expect(Math.abs(epsilonApart(moved(one), moved(other), delta) - epsilon)).toBeLessThan(1e-7);
        expect(epsilonApart(other, one, delta)).toBe(epsilon);
      }),
    );
  });

  test("the same distribution, or one that δ covers, is ε = 0", () => {
    expect(gaussianDpEpsilon(0, 1e-5)).toBe(0);
    expect(gaussianDpEpsilon(2e-6, 1e-5)).toBe(0);
    expect(federatedCanaryEpsilon({ mean: 0, stdDev: 0.01, dimension: 10_000 }, 1e-5)).toBe(0);
  });

  test("μ-GDP: δ(ε) = Φ(−ε/μ + μ/2) − e^ε Φ(−ε/μ − μ/2), rising in μ and falling in δ", () => {
    const mus = fc.double({ min: 0.05, max: 6, noNaN: true });
    fc.assert(
      fc.property(mus, fc.constantFrom(1e-2, 1e-4), (mu, delta) => {
        const epsilon = gaussianDpEpsilon(mu, delta);
        fc.pre(epsilon > 0);
        const found = normalCdf(-epsilon / mu + mu / 2) - Math.exp(epsilon) * normalCdf(-epsilon / mu - mu / 2);
        expect(Math.abs(found - delta)).toBeLessThan(1e-9);
        expect(gaussianDpEpsilon(mu * 1.01, delta)).toBeGreaterThan(epsilon);
        expect(gaussianDpEpsilon(mu, delta * 2)).toBeLessThan(epsilon);
      }),
    );
  });

  test("a canary's cosine counts on either side of zero, in units of 1/√d", () => {
    const at = (mean: number, stdDev: number, dimension: number) =>
      federatedCanaryEpsilon({ mean, stdDev, dimension }, 1e-5);
    expect(at(0.03, 0.012, 10_000)).toBe(at(-0.03, 0.012, 10_000));
    expect(Math.abs(at(0.03, 0.01, 10_000) - gaussianDpEpsilon(3, 1e-5))).toBeLessThan(1e-9);
    expect(Math.abs(at(0.3, 0.1, 100) - gaussianDpEpsilon(3, 1e-5))).toBeLessThan(1e-9);
  });

  test("one run by the Gaussian curve: rises with right guesses, and a guesser with μ = 1 seldom refutes it", () => {
    const of = (correct: number) => oneRunGaussianEpsilon({ count: 200, guesses: 50, correct }, 0.05, 1e-5);
    const bounds = Array.from({ length: 51 }, (_, correct) => of(correct));
    bounds.slice(1).forEach((bound, index) => {
      expect(bound).toBeGreaterThanOrEqual(bounds[index] ?? Number.NaN);
    });
    expect(bounds[0]).toBe(0);
    expect(bounds[50]).toBeGreaterThan(2);
    expect(wrongShare()).toBeLessThanOrEqual(0.05);
  });

  /**
   * How often canaries that each show N(±½, 1), the sharpest test between μ = 1 neighbours, refute μ = 1. Fixed seed.
   */
  function wrongShare(): number {
    const next = publicUniform(7);
    const normal = () => Math.sqrt(-2 * Math.log(1 - next())) * Math.cos(2 * Math.PI * next());
    let wrong = 0;
    for (let trial = 0; trial < 400; trial++) {
      const shown = Array.from({ length: 200 }, () => {
        const isIn = next() < 0.5;
        return { isIn, score: normal() + (isIn ? 0.5 : -0.5) };
      });
      const surest = shown.sort((a, b) => Math.abs(b.score) - Math.abs(a.score)).slice(0, 50);
      const correct = surest.filter(({ isIn, score }) => isIn === score > 0).length;
      const bound = oneRunGaussianEpsilon({ count: 200, guesses: 50, correct }, 0.05, 1e-5);
      if (bound > gaussianDpEpsilon(1, 1e-5)) wrong++;
    }
    return wrong / 400;
  }
});

describe("[CAN1] one run's tail", () => {
  test("rises with ε wherever it can refute anything, so that one bisection finds the only crossing", () => {
    const runs = fc
      .record({ count: fc.integer({ min: 1, max: 400 }), share: fc.double({ min: 0, max: 1, noNaN: true }) })
      .chain(({ count, share }) => {
        const guesses = Math.max(1, Math.round(count * share));
        return fc.record({ count: fc.constant(count), guesses: fc.constant(guesses), correct: fc.nat(guesses) });
      });
    fc.assert(
      fc.property(
        runs,
        fc.constantFrom(0, 1e-6, 1e-3),
        fc.double({ min: 0, max: 6, noNaN: true }),
        (run, delta, epsilon) => {
          const tail = oneRunTail(run, epsilon, delta);
          fc.pre(tail < 0.5);
          expect(oneRunTail(run, epsilon + 0.01, delta)).toBeGreaterThanOrEqual(tail - 1e-12);
        },
      ),
    );
  });
});

describe("[AUD24] the greatest value that a test rejects", () => {
  test("is found to the last bit, below and above 1; 0 where nothing is rejected", () => {
    for (const edge of [1e-3, 0.7, 1, 5.3, 900])
      expect(Math.abs(greatestRejected((value) => value < edge) / edge - 1)).toBeLessThan(1e-15);
    expect(greatestRejected(() => false)).toBe(0);
    expect(Number.isFinite(greatestRejected(() => true))).toBe(true);
  });
});
