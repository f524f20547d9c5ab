import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { quantile } from "./quantile.ts";

describe("quantile", () => {
  test.each([
    // numpy 2.4: quantile(values, share), its usual method.
    { values: [7], share: 0.9, expected: 7 },
    { values: [4, 1, 3, 2], share: 0.5, expected: 2.5 },
    { values: [5, 1, 4, 2, 3], share: 0.1, expected: 1.4 },
    { values: [1, 2, 3, 4, 5, 6, 7, 8, 9, 100], share: 0.9, expected: 18.1 },
  ])("of $values at $share is $expected", ({ values, share, expected }) => {
    expect(quantile(values, share)).toBeCloseTo(expected, 12);
  });

  test("lies between smallest and largest, grows with its share, and leaves the values as they were", () => {
    const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 30 });
    const share = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(values, share, share, (all, one, other) => {
        const before = [...all];
        const [low, high] = [quantile(all, Math.min(one, other)), quantile(all, Math.max(one, other))];
        // Interpolation rounds: equal neighbours may come out one bit apart.
        const rounding = 1e-9;
        expect(low).toBeLessThanOrEqual(high + rounding);
        expect(low).toBeGreaterThanOrEqual(Math.min(...all) - rounding);
        expect(high).toBeLessThanOrEqual(Math.max(...all) + rounding);
        expect(all).toEqual(before);
      }),
    );
  });

  test("of nothing is refused: a zero would be a figure", () => {
    expect(() => quantile([], 0.5)).toThrow("at least one value");
  });
});
