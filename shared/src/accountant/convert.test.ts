import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { PrivacyEvent } from "../event/event.ts";
import { deltaOf, epsilonOf, epsilonOfEvents } from "./convert.ts";
import { curveOf, curveOfEvents, scaleCurve, ZERO_CURVE } from "./rdp.ts";

const row = z.object({ source: z.string(), delta: z.number(), epsilon: z.number() });
const segments = z.array(z.tuple([z.number(), z.number(), z.number()]));
const Vectors = z.object({
  exact: z.array(row.extend({ segments })),
  grid: z.array(row.extend({ segments })),
  discreteLaplace: z.array(row.extend({ inverseScale: z.number(), sensitivity: z.number(), count: z.number() })),
});
const vectors = Vectors.parse(
  JSON.parse(readFileSync(new URL("../../../test/vectors/dp-epsilon.json", import.meta.url), "utf8")),
);

function gaussian(samplingRate: number, noiseMultiplier: number, count: number): PrivacyEvent {
  return PrivacyEvent.parse({
    kind: "poisson-gaussian",
    adjacency: "add-remove",
    samplingRate,
    noiseMultiplier,
    count,
  });
}
function laplace(scale: number, sensitivity: number, count: number): PrivacyEvent {
  return PrivacyEvent.parse({ kind: "discrete-laplace", adjacency: "add-remove", sensitivity, scale, count });
}
const epsilonOfSegments = (rows: readonly (readonly [number, number, number])[], delta: number): number =>
  epsilonOfEvents(
    rows.map(([rate, noise, steps]) => gaussian(rate, noise, steps)),
    delta,
  );

describe("[ACC4] ε against other accountants", () => {
  test(`never below the exact figure (${vectors.exact.length} closed forms)`, () => {
    for (const v of vectors.exact) expect(epsilonOfSegments(v.segments, v.delta)).toBeGreaterThanOrEqual(v.epsilon);
  });

  const pld = vectors.grid.filter((v) => v.source.endsWith("PLDAccountant"));
  test(`never below dp_accounting's PLD, itself at most 8 % above the exact figure (${pld.length})`, () => {
    for (const v of pld) {
      expect(epsilonOfSegments(v.segments, v.delta)).toBeGreaterThanOrEqual(
        v.epsilon * (v.epsilon > 0.01 ? 0.999 : 0.92),
      );
    }
  });

  const rdp = vectors.grid.filter((v) => v.source.includes("Rdp") || v.source.includes("RDP"));
  test(`never above an RDP accountant's of dp_accounting or Opacus (${rdp.length})`, () => {
    expect(rdp.length).toBeGreaterThan(300);
    for (const v of rdp) expect(epsilonOfSegments(v.segments, v.delta)).toBeLessThanOrEqual(v.epsilon * (1 + 1e-9));
  });

  test("discrete Laplace: never below dp_accounting's PLD, never above the sum of pure ε", () => {
    for (const v of vectors.discreteLaplace) {
      const event = laplace(1 / v.inverseScale, v.sensitivity, v.count);
      expect(epsilonOfEvents([event], v.delta)).toBeGreaterThanOrEqual(v.epsilon * 0.999);
      expect(epsilonOfEvents([event], v.delta)).toBeLessThanOrEqual(
        v.inverseScale * v.sensitivity * v.count * (1 + 1e-12),
      );
    }
  });
});

describe("[ACC5] conversion", () => {
  test("nothing done costs nothing, at any δ", () => {
    expect(epsilonOf(ZERO_CURVE, 1e-9)).toBe(0);
    expect(deltaOf(ZERO_CURVE, 0)).toBe(0);
  });

  test("one pure release costs its own ε exactly, and δ = 0 there", () => {
    const curve = curveOf(laplace(4, 1, 1));
    expect(epsilonOf(curve, 1e-12)).toBeCloseTo(0.25, 14);
    expect(deltaOf(curve, 0.25)).toBe(0);
  });

  test("δ and ε are inverse, and ε falls as δ grows", () => {
    const logDeltas = fc.double({ min: -25, max: -3, noNaN: true });
    fc.assert(
      fc.property(
        fc.double({ min: 0.005, max: 1, noNaN: true }),
        fc.double({ min: 0.4, max: 8, noNaN: true }),
        fc.integer({ min: 1, max: 3000 }),
        logDeltas,
        (rate, noise, steps, logDelta) => {
          const curve = curveOf(gaussian(rate, noise, steps));
          const delta = Math.exp(logDelta);
          const epsilon = epsilonOf(curve, delta);
          expect(deltaOf(curve, epsilon)).toBeLessThanOrEqual(delta * (1 + 1e-6));
          expect(epsilonOf(curve, delta * 2)).toBeLessThanOrEqual(epsilon);
          expect(epsilonOf(scaleCurve(curve, 2), delta)).toBeGreaterThanOrEqual(epsilon);
        },
      ),
      { numRuns: 50 },
    );
  });

  test("δ is never below the exact figure of one Gaussian release: Φ(1/2σ − εσ) − e^ε Φ(−1/2σ − εσ)", () => {
    // Balle & Wang 2018, arXiv:1805.06530, Theorem 8, at σ = 1, ε = 1: 0.126936737507
    expect(deltaOf(curveOf(gaussian(1, 1, 1)), 1)).toBeGreaterThanOrEqual(0.126936737507);
    expect(deltaOf(curveOf(gaussian(1, 1, 1)), 1)).toBeLessThanOrEqual(0.3);
  });

  test("samplers' distances are charged: 2η to ε, (1 + e^ε)τ to δ", () => {
    const ideal = gaussian(0.1, 2, 100);
    const off = (maxLogRatio: number, totalVariation: number): PrivacyEvent =>
      PrivacyEvent.parse({ ...ideal, samplerDistance: { maxLogRatio, totalVariation } });
    const epsilon = epsilonOfEvents([off(0, 0)], 1e-5);
    expect(epsilonOfEvents([off(1e-4, 0)], 1e-5)).toBeGreaterThanOrEqual(epsilon + 2 * 100 * 1e-4);
    expect(epsilonOfEvents([off(1e-4, 0)], 1e-5)).toBeLessThan(epsilon + 0.025);
    const charged = epsilonOfEvents([off(0, 1e-9)], 1e-5);
    expect(charged).toBeGreaterThanOrEqual(
      epsilonOfEvents([ideal], 1e-5 - (1 + Math.exp(charged)) * 1e-7) * (1 - 1e-9),
    );
    expect(charged).toBeLessThan(epsilon * 1.02);
    expect(epsilonOfEvents([off(0, 1e-6)], 1e-5)).toBe(Number.POSITIVE_INFINITY);
    expect(epsilonOfEvents([off(1e-30, 1e-30)], 1e-5) / epsilon - 1).toBeLessThan(1e-9);
  });

  test("the demo's plan: 60 rounds at q = .2, σ = 2.2, three histograms at ε = .3: below 4 at δ = 1e-4", () => {
    expect(epsilonOfEvents([gaussian(0.2, 2.2, 60)], 1e-4)).toBeCloseTo(3.21, 2);
    expect(epsilonOf(curveOfEvents([gaussian(0.2, 2.2, 60), laplace(1 / 0.3, 1, 3)]), 1e-4)).toBeCloseTo(3.758, 3);
  });
});
