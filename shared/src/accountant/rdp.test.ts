import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { PrivacyEvent } from "../event/event.ts";
import { ORDERS } from "./orders.ts";
import { rdpPoissonDiscreteGaussian, rdpPoissonGaussian } from "./poissonGaussian.ts";
import { rdpPureDp } from "./pureDp.ts";
import { addCurves, curveOf, curveOfEvents, scaleCurve } from "./rdp.ts";

const RdpVectors = z.object({
  source: z.string(),
  cases: z.array(
    z.object({ samplingRate: z.number(), noiseMultiplier: z.number(), order: z.number(), rdp: z.number() }),
  ),
});
const vectors = RdpVectors.parse(
  JSON.parse(readFileSync(new URL("../../../test/vectors/rdp-poisson-gaussian.json", import.meta.url), "utf8")),
);

const rdp = (samplingRate: number, noiseMultiplier: number, order: number): number =>
  rdpPoissonGaussian(samplingRate, noiseMultiplier, Float64Array.of(order))[0] ?? Number.NaN;

function gaussian(samplingRate: number, noiseMultiplier: number, count: number): PrivacyEvent {
  return PrivacyEvent.parse({
    kind: "poisson-gaussian",
    adjacency: "add-remove",
    samplingRate,
    noiseMultiplier,
    count,
  });
}

/** E[((1−q) + q e^X)^α] − 1 by plain summation of small steps, with no thought for speed: steps of σ/50 over ± 14. */
function slowRdp(samplingRate: number, noiseMultiplier: number, order: number): number {
  const step = Math.min(1, noiseMultiplier) / 50;
  let moment = 0;
  for (let t = -14; t < 14 + order / noiseMultiplier; t += step) {
    const loss = t / noiseMultiplier - 1 / (2 * noiseMultiplier ** 2);
    const logRatio = Math.log(1 - samplingRate + samplingRate * Math.exp(loss));
    moment += Math.exp(order * logRatio - (t * t) / 2);
  }
  return Math.log((moment * step) / Math.sqrt(2 * Math.PI)) / (order - 1);
}

describe(`[ACC1] RDP of the Poisson-subsampled Gaussian, against ${vectors.source}`, () => {
  test.each(vectors.cases)("q=$samplingRate σ=$noiseMultiplier α=$order", (v) => {
    expect(Math.abs(rdp(v.samplingRate, v.noiseMultiplier, v.order) / v.rdp - 1)).toBeLessThan(1e-9);
  });

  test("dp_accounting 0.6.0 at an integer order", () => {
    expect(Math.abs(rdp(0.04, 1.5, 16) / 0.16700927936971344 - 1)).toBeLessThan(1e-12);
  });

  test("a slow sum of the definition", () => {
    for (const [q, sigma, order] of [
      [0.3, 0.8, 1.37],
      [0.05, 1.1, 3.3],
      [0.7, 2.5, 9.9],
      [0.2, 0.6, 5],
    ] as const) {
      expect(Math.abs(rdp(q, sigma, order) / slowRdp(q, sigma, order) - 1)).toBeLessThan(1e-9);
    }
  });

  test("all patients in every step is the plain Gaussian, α / 2σ²", () => {
    expect(rdp(1, 2, 5)).toBe(5 / 8);
    expect(Math.abs(rdp(1 - 1e-12, 2, 5) / (5 / 8) - 1)).toBeLessThan(1e-9);
  });

  test("a vanishing divergence keeps its relative accuracy: α q² (e^{1/σ²} − 1) / 2 as q → 0", () => {
    for (const order of [1.01, 2, 2.5, 8]) {
      const limit = (order * 1e-16 * Math.expm1(1 / 100)) / 2;
      expect(Math.abs(rdp(1e-8, 10, order) / limit - 1)).toBeLessThan(1e-6);
    }
  });

  test("noise too small for the integral is bounded from above, by no more than the next order", () => {
    for (const order of [1.3, 2.7, 6.1]) {
      const small = rdp(0.2, 0.09, order);
      expect(small).toBeGreaterThanOrEqual(rdp(0.2, 0.1, order));
      expect(small).toBeLessThanOrEqual(rdp(0.2, 0.09, Math.ceil(order)));
    }
  });
});

const rates = fc.double({ min: 1e-4, max: 1, noNaN: true });
const noises = fc.double({ min: 0.15, max: 20, noNaN: true });
const increases = (low: Float64Array, high: Float64Array): boolean =>
  low.every((value, index) => value <= (high[index] ?? Number.NaN) * (1 + 1e-10));

/**
 * Both directions' divergence between N and its mixture with N + v at one order, N discrete Gaussian on the integers'
 * plane, by the definition's sum over ± 60.
 */
function slowDiscreteRdp(samplingRate: number, stdDev: number, [v1, v2]: readonly number[], order: number): number {
  const logWeight = (x: number, y: number): number => -(x * x + y * y) / (2 * stdDev ** 2);
  let [total, added, removed] = [0, 0, 0];
  for (let x = -60; x <= 60; x++) {
    for (let y = -60; y <= 60; y++) {
      const logP = logWeight(x, y);
      const loss = logWeight(x - (v1 ?? 0), y - (v2 ?? 0)) - logP;
      const logMixture = logP + Math.log(1 - samplingRate + samplingRate * Math.exp(loss));
      total += Math.exp(logP);
      added += Math.exp(order * logMixture + (1 - order) * logP);
      removed += Math.exp(order * logP + (1 - order) * logMixture);
    }
  }
  return Math.log(Math.max(added, removed) / total) / (order - 1);
}

describe("[ACC13] noise on the integers costs what is proven for the integers", () => {
  const cases = [
    { q: 0.2, stdDev: 0.9, shift: [1, 0] },
    { q: 0.2, stdDev: 1.6, shift: [1, 1] },
    { q: 0.05, stdDev: 3, shift: [2, -1] },
    { q: 0.6, stdDev: 0.5, shift: [1, 0] },
  ];
  const bound = (q: number, sigma: number, order: number): number =>
    rdpPoissonDiscreteGaussian(q, sigma, Float64Array.of(order))[0] ?? Number.NaN;

  test.each(cases)("exactly the Gaussian's at integer orders, q=$q σ=$stdDev v=$shift", ({ q, stdDev, shift }) => {
    for (const order of [2, 3, 5, 8]) {
      const sigma = stdDev / Math.hypot(...shift);
      expect(bound(q, sigma, order) / slowDiscreteRdp(q, stdDev, shift, order)).toBeCloseTo(1, 9);
    }
  });

  test.each(cases)("never below the definition between them, q=$q σ=$stdDev v=$shift", ({ q, stdDev, shift }) => {
    for (const order of [1.1, 1.5, 2.5, 3.7, 6.2]) {
      const sigma = stdDev / Math.hypot(...shift);
      expect(bound(q, sigma, order)).toBeGreaterThanOrEqual(slowDiscreteRdp(q, stdDev, shift, order) * (1 - 1e-12));
      expect(bound(q, sigma, order)).toBeGreaterThanOrEqual(rdp(q, sigma, order));
    }
  });

  test("an event that names its sampler is accounted so", () => {
    const ideal = gaussian(0.2, 2.2, 60);
    const samplerDistance = { maxLogRatio: 0, totalVariation: 0 };
    const discrete = curveOf(PrivacyEvent.parse({ ...ideal, samplerDistance })).values;
    const at = ORDERS.indexOf(4.5);
    expect(discrete[at]).toBeGreaterThan(curveOf(ideal).values[at] ?? Number.NaN);
    expect(discrete[ORDERS.indexOf(5)]).toBe(curveOf(ideal).values[ORDERS.indexOf(5)]);
  });
});

describe("[ACC2] a curve is monotone and adds", () => {
  test("more noise, or a lower sampling rate, never costs more at any order", () => {
    fc.assert(
      fc.property(rates, noises, fc.double({ min: 1.001, max: 3, noNaN: true }), (rate, noise, factor) => {
        const curve = curveOf(gaussian(rate, noise, 1)).values;
        expect(increases(curveOf(gaussian(rate, noise * factor, 1)).values, curve)).toBe(true);
        expect(increases(curveOf(gaussian(rate / factor, noise, 1)).values, curve)).toBe(true);
      }),
      { numRuns: 30 },
    );
  });

  test("a divergence grows with its order", () => {
    fc.assert(
      fc.property(rates, noises, (rate, noise) => {
        const { values } = curveOf(gaussian(rate, noise, 1));
        expect(values.every((value, index) => index === 0 || value >= (values[index - 1] ?? 0) * (1 - 1e-10))).toBe(
          true,
        );
      }),
      { numRuns: 30 },
    );
  });

  test("releases of one event add up, in one charge or in many", () => {
    const many = curveOfEvents([gaussian(0.1, 1.5, 3), gaussian(0.1, 1.5, 4), gaussian(0.3, 4, 1)]);
    const once = addCurves(scaleCurve(curveOf(gaussian(0.1, 1.5, 1)), 7), curveOf(gaussian(0.3, 4, 1)));
    expect(increases(many.values, once.values) && increases(once.values, many.values)).toBe(true);
  });

  test("samplers' distances add, once for each release", () => {
    const event = PrivacyEvent.parse({
      ...gaussian(0.1, 2, 5),
      samplerDistance: { maxLogRatio: 1e-6, totalVariation: 1e-9 },
    });
    const { maxLogRatio, totalVariation } = curveOfEvents([event, event]);
    expect(maxLogRatio).toBeCloseTo(1e-5, 15);
    expect(totalVariation).toBeCloseTo(1e-8, 18);
  });
});

describe("[ACC3] RDP of pure ε", () => {
  /** Directly from the probabilities of discrete Laplace noise: Σ_k P(k)^α P(k − 1)^{1−α}. */
  function discreteLaplaceRdp(scale: number, order: number): number {
    let moment = 0;
    const norm = Math.tanh(1 / scale / 2);
    for (let k = -2000; k <= 2000; k++) {
      moment += norm * Math.exp((-order * Math.abs(k) - (1 - order) * Math.abs(k - 1)) / scale);
    }
    return Math.log(moment) / (order - 1);
  }

  test.each([0.5, 1, 3.3, 20])("is exact for discrete Laplace noise of scale %d on sensitivity 1", (scale) => {
    for (const order of [1.05, 2, 7.5, 40]) {
      const bound = rdpPureDp(1 / scale, Float64Array.of(order))[0] ?? Number.NaN;
      expect(Math.abs(bound / discreteLaplaceRdp(scale, order) - 1)).toBeLessThan(1e-9);
    }
  });

  test("never exceeds ε, nor αε²/2, and is ε at order ∞", () => {
    for (const epsilon of [1e-6, 0.01, 0.3, 1, 8, 800]) {
      const curve = rdpPureDp(epsilon, ORDERS);
      expect(
        curve.every(
          (value, index) => value <= Math.min(epsilon, ((ORDERS[index] ?? 0) * epsilon ** 2) / 2) * (1 + 1e-9),
        ),
      ).toBe(true);
      expect(curve.at(-1)).toBe(epsilon);
    }
  });
});
