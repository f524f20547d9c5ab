import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { countWeight, jointNorm, nextClippingNorm } from "./adaptiveNorm.ts";
import { type AdaptiveClipping, Clipping } from "./clipping.ts";

const adaptive = (fields: object = {}): AdaptiveClipping => {
  const parsed = Clipping.parse({ mode: "adaptive", ...fields });
  if (parsed.mode !== "adaptive") throw new Error("not adaptive");
  return parsed;
};
const finite = (min: number, max: number) => fc.double({ min, max, noNaN: true });

describe("[CLP3] gradient and count are one Gaussian event", () => {
  test("of the multiplier of Andrew et al.'s theorem 1", () => {
    fc.assert(
      fc.property(finite(1e-4, 1), finite(0.3, 20), (countPrice, z) => {
        const rho = countWeight(adaptive({ countPrice }));
        // Noise of z · joint norm on every coordinate, in units of C.
        const stdDev = z * jointNorm(adaptive({ countPrice }), 1);
        const ofGradient = stdDev;
        const ofCount = stdDev / rho;
        expect((z ** -2 - (2 * ofCount) ** -2) ** -0.5 / ofGradient).toBeCloseTo(1, 9);
        // The longest part: a gradient of norm C beside half a count.
        expect(Math.hypot(1, rho / 2) / jointNorm(adaptive({ countPrice }), 1)).toBeCloseTo(1, 12);
      }),
    );
  });
});

describe("[CLP4] the norm follows the quantile", () => {
  test("by exp(−rate · (share − quantile)), the share kept between 0 and 1", () => {
    fc.assert(
      fc.property(finite(0, 1), finite(0.01, 1), finite(-3, 3), (quantile, rate, meanCount) => {
        const share = Math.min(1, Math.max(0, meanCount + 0.5));
        const expected = 2 * Math.exp(-rate * (share - quantile));
        expect(nextClippingNorm(adaptive({ quantile, rate }), 2, meanCount, 2) / expected).toBeCloseTo(1, 13);
      }),
    );
  });

  test("comes to rest where the asked share of fixed norms is below", () => {
    const norms = Array.from({ length: 999 }, (_, i) => 0.01 * (i + 1));
    let norm = 0.05;
    for (let round = 0; round < 400; round++) {
      const below = norms.filter((own) => own <= norm).length;
      norm = nextClippingNorm(adaptive({ quantile: 0.7 }), norm, below / 999 - 0.5, 0.05);
    }
    expect(norm).toBeGreaterThan(6.8);
    expect(norm).toBeLessThan(7.2);
  });

  test("stays within a factor of 1,024 of the signed one", () => {
    let norm = 1;
    for (let round = 0; round < 100; round++) norm = nextClippingNorm(adaptive({ rate: 1 }), norm, -5, 1);
    expect(norm).toBe(1024);
    for (let round = 0; round < 100; round++) norm = nextClippingNorm(adaptive({ rate: 1 }), norm, 5, 1);
    expect(norm).toBe(1 / 1024);
  });
});
