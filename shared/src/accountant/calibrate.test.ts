import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { PrivacyEvent } from "../event/event.ts";
import { affordableCount, epsilonByCount, leastNoiseMultiplier } from "./calibrate.ts";
import { epsilonOf, epsilonOfEvents } from "./convert.ts";
import { curveOf, curveOfEvents, ZERO_CURVE } from "./rdp.ts";

const Vectors = z.object({
  calibration: z.array(
    z.object({
      source: z.string(),
      delta: z.number(),
      samplingRate: z.number(),
      steps: z.number(),
      epsilon: z.number(),
      noiseMultiplier: z.number(),
    }),
  ),
});
const { calibration } = Vectors.parse(
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
const histograms = PrivacyEvent.parse({
  kind: "discrete-laplace",
  adjacency: "add-remove",
  sensitivity: 1,
  scale: 1 / 0.3,
  count: 3,
});

describe("[ACC6] the least noise that fits", () => {
  test.each(calibration)("q=$samplingRate T=$steps ε=$epsilon: $source", (v) => {
    const noise = leastNoiseMultiplier({ ...v, fixed: [] });
    if (v.source.endsWith("PLDAccountant")) expect(noise).toBeGreaterThanOrEqual(v.noiseMultiplier * 0.9999);
    else expect(noise).toBeLessThanOrEqual(v.noiseMultiplier + 2e-4);
  });

  test("fits with everything fixed beside it, and a tick less would not", () => {
    const plan = { fixed: [histograms], samplingRate: 0.2, steps: 60, epsilon: 4, delta: 1e-4 };
    const noise = leastNoiseMultiplier(plan);
    expect(epsilonOfEvents([gaussian(0.2, noise, 60), histograms], 1e-4)).toBeLessThanOrEqual(4);
    expect(epsilonOfEvents([gaussian(0.2, noise - 1e-4, 60), histograms], 1e-4)).toBeGreaterThan(4);
    expect(Number(noise.toFixed(4))).toBe(noise);
  });

  test("says so when the rest alone costs too much", () => {
    const plan = { fixed: [histograms], samplingRate: 0.2, steps: 60, epsilon: 0.5, delta: 1e-4 };
    expect(() => leastNoiseMultiplier(plan)).toThrow(expect.objectContaining({ code: "accounting/unaffordable" }));
  });
});

describe("[ACC7] the last affordable round is computed", () => {
  test("one more would pass the cap", () => {
    fc.assert(
      fc.property(
        fc.double({ min: 0.01, max: 1, noNaN: true }),
        fc.double({ min: 0.6, max: 9, noNaN: true }),
        fc.double({ min: 0.3, max: 9, noNaN: true }),
        (rate, noise, cap) => {
          const spent = curveOf(histograms);
          const count = affordableCount(spent, gaussian(rate, noise, 1), cap, 1e-5);
          const after = (times: number): number =>
            epsilonOf(curveOfEvents([histograms, gaussian(rate, noise, times)]), 1e-5);
          if (count > 0) expect(after(count)).toBeLessThanOrEqual(cap * (1 + 1e-12));
          expect(after(count + 1)).toBeGreaterThan(cap * (1 - 1e-12));
        },
      ),
      { numRuns: 40 },
    );
  });

  test("0 when the cap is passed already", () => {
    expect(affordableCount(curveOf(gaussian(0.5, 0.5, 100)), gaussian(0.5, 0.5, 7), 1, 1e-5)).toBe(0);
  });

  test("ε(t) is what the accountant says of t releases", () => {
    const [first, last] = epsilonByCount(ZERO_CURVE, gaussian(0.01, 1, 99), [0, 1000], 1e-5);
    expect(first).toBe(0);
    expect(last).toBeCloseTo(epsilonOfEvents([gaussian(0.01, 1, 1000)], 1e-5), 12);
  });
});
