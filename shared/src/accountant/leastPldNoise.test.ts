import { describe, expect, test } from "vitest";
import { PricedEvent } from "../event/pricedEvent.ts";
import { leastPldNoise } from "./leastPldNoise.ts";
import { pldUpperEpsilon } from "./pld.ts";

const steps =
  (samplingRate: number, count: number) =>
  (noiseMultiplier: number): readonly PricedEvent[] => [
    PricedEvent.parse({ kind: "poisson-gaussian", adjacency: "add-remove", samplingRate, noiseMultiplier, count }),
  ];

describe("[ACC15] the least noise at PLD tightness", () => {
  test.each([
    // dp_accounting 0.6.0, PLDAccountant, δ = 1e-5
    { q: 0.01, count: 5000, epsilon: 8, theirs: 0.7526832526974025 },
    { q: 0.05, count: 500, epsilon: 1, theirs: 4.299971594399992 },
  ])("q = $q, $count steps, ε = $epsilon", ({ q, count, epsilon, theirs }) => {
    const noise = leastPldNoise(steps(q, count), epsilon, 1e-5);
    expect(noise).toBeGreaterThan(theirs * (1 - 1e-4));
    expect(noise).toBeLessThan(theirs * (1 + 3e-4));
    expect(pldUpperEpsilon(steps(q, count)(noise ?? Number.NaN), 1e-5)).toBeLessThanOrEqual(epsilon);
  });

  test("null where no noise is enough", () => {
    const fixed = steps(1, 1)(0.5);
    expect(leastPldNoise((noise) => [...fixed, ...steps(0.1, 1)(noise)], 1, 1e-5)).toBeNull();
  });
});
