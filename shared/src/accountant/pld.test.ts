import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PricedEvent } from "../event/pricedEvent.ts";
import { type BaseLoss, baseLossOf } from "./baseLoss.ts";
import { epsilonOfEvents } from "./convert.ts";
import { dotMasses } from "./dotMasses.ts";
import { gridOf } from "./lossGrid.ts";
import { mergedMasses } from "./mergedMasses.ts";
import { pldEpsilon, pldUpperEpsilon } from "./pld.ts";

const gaussian = (samplingRate: number, noiseMultiplier: number, count: number): PricedEvent =>
  PricedEvent.parse({ kind: "poisson-gaussian", adjacency: "add-remove", samplingRate, noiseMultiplier, count });
const laplace = (samplingRate: number, scale: number, sensitivity: number, count: number): PricedEvent =>
  PricedEvent.parse({ kind: "poisson-laplace", adjacency: "add-remove", samplingRate, scale, sensitivity, count });
const counts = (samplingRate: number, scale: number, sensitivity: number, count: number): PricedEvent =>
  PricedEvent.parse({
    kind: "poisson-discrete-laplace",
    adjacency: "add-remove",
    samplingRate,
    scale,
    sensitivity,
    count,
  });

/** Hockey-stick divergences at ε, by a plain sum of steps of 1/400 of noise: [with ‖ without, without ‖ with]. */
function slowDeltas(
  weight: (x: number) => number,
  shifted: (x: number) => number,
  q: number,
  epsilon: number,
  [from, to, step]: readonly [number, number, number],
): [remove: number, add: number] {
  let [remove, add] = [0, 0];
  for (let x = from; x < to; x += step) {
    const without = weight(x) * step;
    const mixed = (1 - q) * without + q * shifted(x) * step;
    remove += Math.max(0, mixed - Math.exp(epsilon) * without);
    add += Math.max(0, without - Math.exp(epsilon) * mixed);
  }
  return [remove, add];
}

/** The same of masses on a grid. */
function gridDeltas(base: BaseLoss, step: number, kind: "dots" | "merged", epsilon: number): [number, number] {
  const grid = gridOf(base, step);
  const massesOf = (toAdd: boolean): Float64Array =>
    kind === "dots" ? dotMasses(base, grid) : mergedMasses(base, grid, toAdd);
  const removed = massesOf(false).reduce(
    (sum, mass, i) => sum + mass * Math.max(0, Math.exp((grid.first + i) * step) - Math.exp(epsilon)),
    0,
  );
  const added = massesOf(true).reduce(
    (sum, mass, i) => sum + mass * Math.max(0, 1 - Math.exp(epsilon + (grid.first + i) * step)),
    0,
  );
  return [removed, added];
}

describe("[ACC14] one release on a grid: dots are never below its curve, merged losses never above, either way", () => {
  const normal =
    (mean: number, stdDev: number) =>
    (x: number): number =>
      Math.exp(-((x - mean) ** 2) / (2 * stdDev ** 2)) / (stdDev * Math.sqrt(2 * Math.PI));
  const rates = fc.double({ min: 0.01, max: 1, noNaN: true });
  const noises = fc.double({ min: 0.4, max: 5, noNaN: true });
  const epsilons = fc.double({ min: -0.5, max: 2, noNaN: true });

  test("Gaussian noise", () => {
    fc.assert(
      fc.property(rates, noises, epsilons, (q, noise, epsilon) => {
        const base = baseLossOf(gaussian(q, noise, 1), 1e-16);
        const slow = slowDeltas(normal(0, noise), normal(1, noise), q, epsilon, [
          -12 * noise,
          1 + 12 * noise,
          noise / 400,
        ]);
        const [above, below] = [gridDeltas(base, 0.03, "dots", epsilon), gridDeltas(base, 0.03, "merged", epsilon)];
        for (const way of [0, 1] as const) {
          expect(above[way]).toBeGreaterThanOrEqual(slow[way] - 1e-6);
          expect(below[way]).toBeLessThanOrEqual(slow[way] + 1e-6);
          // Second order in the step: straight pieces of a curve whose second derivative is a density.
          expect(above[way] - below[way]).toBeLessThan(0.04);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("Laplace noise, with its two point masses", () => {
    const density = (mean: number) => (x: number) => Math.exp(-Math.abs(x - mean)) / 2;
    fc.assert(
      fc.property(rates, fc.double({ min: 0.05, max: 3, noNaN: true }), epsilons, (q, sensitivity, epsilon) => {
        const base = baseLossOf(laplace(q, 1, sensitivity, 1), 0);
        const slow = slowDeltas(density(0), density(sensitivity), q, epsilon, [-30, 30 + sensitivity, 1 / 800]);
        const [above, below] = [gridDeltas(base, 0.01, "dots", epsilon), gridDeltas(base, 0.01, "merged", epsilon)];
        for (const way of [0, 1] as const) {
          expect(above[way]).toBeGreaterThanOrEqual(slow[way] - 1e-3);
          expect(below[way]).toBeLessThanOrEqual(slow[way] + 1e-3);
          expect(above[way] - below[way]).toBeLessThan(0.02);
          expect(above[way]).toBeGreaterThanOrEqual(below[way] - 1e-14);
        }
      }),
      { numRuns: 30 },
    );
  });
});

describe("[ACC15] the true ε of a composition lies between the PLD's bounds", () => {
  /** δ of randomised response n times: losses (2k − n)·ε₀, k binomial. */
  function binomialDelta(each: number, times: number, epsilon: number): number {
    const likely = 1 / (1 + Math.exp(-each));
    let [delta, choose] = [0, 1];
    for (let k = 0; k <= times; k++) {
      const loss = (2 * k - times) * each;
      delta += choose * likely ** k * (1 - likely) ** (times - k) * Math.max(0, 1 - Math.exp(epsilon - loss));
      choose *= (times - k) / (k + 1);
    }
    return delta;
  }

  test("discrete Laplace noise on sensitivity 1 is randomised response: the binomial's δ, to 1e-6 of ε", () => {
    for (const [scale, times] of [
      [2, 1],
      [2, 7],
      [0.5, 3],
      [10, 60],
    ] as const) {
      for (const delta of [1e-3, 1e-6, 1e-9, 1e-15]) {
        const { lower, upper } = pldEpsilon([counts(1, scale, 1, times)], delta);
        expect(binomialDelta(1 / scale, times, upper)).toBeLessThanOrEqual(delta);
        expect(binomialDelta(1 / scale, times, lower)).toBeGreaterThanOrEqual(delta);
        expect(upper - lower).toBeLessThan(1e-6 * upper);
      }
    }
  });

  test("one sampled Laplace answer: δ = P(top)·(1 − e^(ε − top)) near the largest loss, but for 1e-8 below it", () => {
    const [q, s, delta] = [0.3, 1, 1e-5];
    const ratio = 1 - q + q * Math.exp(s);
    const exact = Math.log(ratio) + Math.log1p((-delta * 2 * Math.exp(s)) / ratio);
    const { lower, upper } = pldEpsilon([laplace(q, 1, s, 1)], delta);
    expect(upper).toBeGreaterThanOrEqual(exact);
    expect(lower).toBeLessThanOrEqual(exact * (1 + 1e-8));
    expect(upper - lower).toBeLessThan(2e-4);
  });

  test("order and grouping of segments don't matter, and full batches are one Gaussian together", () => {
    const parts = [gaussian(0.02, 0.8, 40), gaussian(0.2, 3, 25), laplace(0.1, 2, 1, 10), gaussian(1, 9, 2)];
    const one = pldEpsilon(parts, 1e-6);
    const other = pldEpsilon([...parts].reverse(), 1e-6);
    expect(Math.abs(one.upper / other.upper - 1)).toBeLessThan(1e-9);
    const split = pldEpsilon([...parts.slice(0, 3), gaussian(1, 9, 1), gaussian(1, 9, 1)], 1e-6);
    expect(Math.abs(split.upper / one.upper - 1)).toBeLessThan(1e-9);
    expect(pldUpperEpsilon(parts, 1e-6)).toBeCloseTo(one.upper, 9);
    expect(one.upper - one.lower).toBeLessThan(1e-3 * one.upper);
  });

  test("bounds in order, never above RDP's, monotone in δ and in steps; at ε below 1e-4 and above 10", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 1e-3, max: 1, noNaN: true }),
        fc.double({ min: 0.4, max: 15, noNaN: true }),
        fc.integer({ min: 1, max: 500 }),
        fc.double({ min: -40, max: -5, noNaN: true }),
        (q, noise, steps, logDelta) => {
          const delta = Math.exp(logDelta);
          const { lower, upper } = pldEpsilon([gaussian(q, noise, steps)], delta);
          expect(lower).toBeLessThanOrEqual(upper);
          expect(upper - lower).toBeLessThanOrEqual(1e-3 * upper + 1e-7);
          expect(upper).toBeLessThanOrEqual(epsilonOfEvents([gaussian(q, noise, steps)], delta) * (1 + 1e-4));
          const more = pldEpsilon([gaussian(q, noise, 2 * steps)], delta / 10);
          expect(more.upper).toBeGreaterThanOrEqual(lower);
        },
      ),
      { numRuns: 6 },
    );
    expect(pldEpsilon([gaussian(0.001, 10, 1)], 1e-5).upper).toBeLessThan(1e-4);
    expect(pldEpsilon([gaussian(0.5, 0.5, 10_000)], 1e-5).lower).toBeGreaterThan(7299);
  });

  test("a δ so small that losses leave float64's range is refused", () => {
    expect(() => pldEpsilon([gaussian(0.9, 0.05, 1)], 1e-150)).toThrow(
      expect.objectContaining({ code: "accountant/unsupported" }),
    );
  });

  test("losses of hundreds are still computed", () => {
    const { lower, upper } = pldEpsilon([laplace(1, 1, 590, 1)], 1e-5);
    expect(lower).toBeGreaterThan(588);
    expect(upper).toBeLessThanOrEqual(590 * (1 + 1e-9));
  });

  test("nothing costs nothing; what has no loss distribution is refused", () => {
    expect(pldEpsilon([], 1e-5)).toEqual({ lower: 0, upper: 0 });
    const samplerDistance = { maxLogRatio: 0, totalVariation: 0 };
    const refused = [
      { kind: "zcdp", adjacency: "add-remove", xi: 0, rho: 0.1, count: 1 },
      {
        kind: "gaussian-without-replacement",
        adjacency: "replace",
        batch: 1,
        population: 9,
        noiseMultiplier: 1,
        count: 1,
      },
      { ...gaussian(0.1, 1, 1), samplerDistance },
      gaussian(0.5, 1e-3, 1),
      gaussian(0.5, 100, 1e9),
      ...[720, 1500, Number.MAX_VALUE].flatMap((loss) => [laplace(0.5, 1, loss, 1), laplace(1, 1, loss, 1)]),
      ...[720, 1500].flatMap((loss) => [counts(0.5, 1, loss, 1), counts(1, 1, loss, 1)]),
    ];
    for (const event of refused) {
      expect(() => pldEpsilon([PricedEvent.parse(event)], 1e-5)).toThrow(
        expect.objectContaining({ code: "accountant/unsupported" }),
      );
    }
  });
});
