import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PricedEvent } from "../event/pricedEvent.ts";
import { epsilonOfEvents } from "./convert.ts";
import { continuousKin, roundingLogRatio } from "./integerNoise.ts";
import { pldEpsilon, pldUpperEpsilon } from "./pld.ts";

interface Noise {
  readonly samplingRate: number;
  readonly noiseMultiplier: number;
  readonly count: number;
  readonly gridStdDev?: number;
  readonly maxLogRatio?: number;
  readonly totalVariation?: number;
}

function onIntegers({ maxLogRatio = 0, totalVariation = 0, ...noise }: Noise): PricedEvent {
  const samplerDistance = { maxLogRatio, totalVariation };
  return PricedEvent.parse({ kind: "poisson-gaussian", adjacency: "add-remove", ...noise, samplerDistance });
}

const bell = (x: number, stdDev: number): number => Math.exp(-(x * x) / (2 * stdDev ** 2));

describe("[ACC36] noise on the integers is a continuous Gaussian, rounded at random", () => {
  test("the rounded one's law is within the stated ratio of the discrete Gaussian, and not by far", () => {
    for (const [r, s] of [
      [0.5, 2],
      [0.6, 1.5],
      [0.7, 3],
    ] as const) {
      const w = Math.sqrt(s * s - r * r);
      const integers = Array.from({ length: 81 }, (_, i) => i - 40);
      const normaliser = integers.reduce((sum, k) => sum + bell(k, s), 0);
      let worst = 0;
      for (const y of integers.filter((k) => Math.abs(k) <= 3 * s)) {
        let mass = 0;
        for (let x = -12 * w; x < 12 * w; x += w / 200) {
          const rounded = bell(y - x, r) / integers.reduce((sum, k) => sum + bell(k - x, r), 0);
          mass += ((bell(x, w) * rounded) / (w * Math.sqrt(2 * Math.PI))) * (w / 200);
        }
        worst = Math.max(worst, Math.abs(Math.log((mass * normaliser) / bell(y, s))));
      }
      expect(worst).toBeLessThanOrEqual(roundingLogRatio(r));
      // A bound for half as much more rounding noise would be too small.
      expect(worst).toBeGreaterThan(roundingLogRatio(1.5 * r));
    }
  });

  /** δ at ε of one step that adds (15, 20) to noise in the plane, summed over the plane: patient removed, and added. */
  function exactDelta(q: number, s: number, epsilon: number): number {
    const reach = Math.ceil(9 * s);
    const total = Array.from({ length: 2 * reach + 1 }, (_, i) => bell(i - reach, s)).reduce((a, b) => a + b, 0) ** 2;
    let [remove, add] = [0, 0];
    for (let x = -reach; x <= reach + 15; x++) {
      for (let y = -reach; y <= reach + 20; y++) {
        const without = (bell(x, s) * bell(y, s)) / total;
        const mixed = (1 - q) * without + (q * bell(x - 15, s) * bell(y - 20, s)) / total;
        remove += Math.max(0, mixed - Math.exp(epsilon) * without);
        add += Math.max(0, without - Math.exp(epsilon) * mixed);
      }
    }
    return Math.max(remove, add);
  }

  test("two coordinates at once: δ summed over the plane is what ε was proven for, and hardly less", () => {
    for (const [q, s, delta] of [
      [1, 40, 1e-4],
      [0.2, 30, 1e-5],
    ] as const) {
      const step = onIntegers({ samplingRate: q, noiseMultiplier: s / 25, count: 1, gridStdDev: s });
      const epsilon = pldUpperEpsilon([step], delta);
      expect(exactDelta(q, s, epsilon)).toBeLessThanOrEqual(delta);
      expect(exactDelta(q, s, 0.97 * epsilon)).toBeGreaterThan(delta);
    }
  });

  test("wide noise loses nothing that one could see", () => {
    const step = { samplingRate: 0.05, noiseMultiplier: 1.1, count: 200 };
    const ideal = pldUpperEpsilon(continuous(step), 1e-5);
    const integers = pldUpperEpsilon([onIntegers({ ...step, gridStdDev: 2 ** 15 })], 1e-5);
    expect(integers).toBeGreaterThanOrEqual(ideal);
    expect(integers / ideal - 1).toBeLessThan(1e-6);
    const narrow = pldUpperEpsilon([onIntegers({ ...step, gridStdDev: 8 })], 1e-5);
    expect(narrow / ideal - 1).toBeGreaterThan(0.02);
  });

  test("samplers' distances are charged to ε and δ, and no figure is above the RDP accountant's", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.02, max: 0.5, noNaN: true }),
        fc.double({ min: 0.8, max: 4, noNaN: true }),
        fc.integer({ min: 1, max: 50 }),
        fc.double({ min: 0, max: 0.01, noNaN: true }),
        fc.double({ min: 0, max: 1e-8, noNaN: true }),
        (samplingRate, noiseMultiplier, count, maxLogRatio, totalVariation) => {
          const plain = { samplingRate, noiseMultiplier, count, gridStdDev: 2 ** 16 };
          const events = [onIntegers({ ...plain, maxLogRatio, totalVariation })];
          const epsilon = pldUpperEpsilon(events, 1e-5);
          const most = epsilonOfEvents(events, 1e-5);
          expect(epsilon).toBeLessThanOrEqual(most);
          // The claim itself: the ideal step's δ at ε − 2η, times e^η, with (1 + e^ε)·τ, is within δ.
          const left = (1e-5 - (1 + Math.exp(epsilon)) * count * totalVariation) * Math.exp(-count * maxLogRatio);
          if (epsilon < most)
            expect(epsilon + 1e-9).toBeGreaterThanOrEqual(
              2 * count * maxLogRatio + pldUpperEpsilon(continuous(plain), left),
            );
        },
      ),
      { numRuns: 15 },
    );
  });

  test("where the grid is not told or too coarse, nothing is proven", () => {
    const step = { samplingRate: 0.1, noiseMultiplier: 1, count: 1 };
    for (const event of [onIntegers(step), onIntegers({ ...step, gridStdDev: 5 })]) {
      expect(continuousKin([event]).events).toEqual([event]);
      expect(() => pldUpperEpsilon([event], 1e-5)).toThrow("many dimensions");
    }
    // A lower bound on what integers cost isn't proven at all.
    expect(() => pldEpsilon([onIntegers({ ...step, gridStdDev: 2 ** 15 })], 1e-5)).toThrow("many dimensions");
  });

  const continuous = ({ samplingRate, noiseMultiplier, count }: Noise): PricedEvent[] => [
    PricedEvent.parse({ kind: "poisson-gaussian", adjacency: "add-remove", samplingRate, noiseMultiplier, count }),
  ];
});
