import { describe, expect, test } from "vitest";
import { normalQuantile, simultaneousQuantile } from "./interval.ts";

describe("[AUD4] intervals hold together over what was tried", () => {
  test.each([
    [0.5, 0],
    [0.75, 0.67448975019608],
    [0.975, 1.959963984540054],
    [0.999, 3.090232306167813],
    [0.99999, 4.264890793922825],
    [1e-20, -9.26234008979841],
  ])("normal quantile of %d against mpmath", (probability, quantile) => {
    expect(Math.abs(normalQuantile(probability) - quantile)).toBeLessThan(1e-9);
  });

  test("Bonferroni: three intervals at 95 % together are each at 98.3 %", () => {
    expect(simultaneousQuantile(0.95, 3)).toBeCloseTo(2.3939797998185104, 9);
    expect(simultaneousQuantile(0.95, 1)).toBeCloseTo(1.959963984540054, 12);
  });
});
