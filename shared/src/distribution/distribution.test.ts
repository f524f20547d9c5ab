import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { betaCdf, betaQuantile } from "./beta.ts";
import { logBinomialMass } from "./binomialMass.ts";
import { logNormalCdf, logNormalDensity, normalCdf } from "./normal.ts";

const relative = (ours: number, theirs: number) => Math.abs(ours / theirs - 1);

/** mpmath 1.3.0, 30 digits. */
const NORMAL = [
  [-40, -804.6084420137538],
  [-8.5, -39.19739642821767],
  [-5.1, -15.588487091871466],
  [-2.9, -6.284058234947419],
  [-2.82, -6.031793965384981],
  [-2, -3.783184333682032],
  [-0.5, -1.1759117615936185],
  [-0.001, -0.6939453834669652],
  [0, -Math.LN2],
  [0.3, -0.4814101615884812],
  [1.5, -0.06914345561223398],
  [2.9, -0.0018675560981809218],
  [6, -9.865876455243758e-10],
  [9, -1.1285884059538405e-19],
] as const;

/** C(n, k) pᵏ qⁿ⁻ᵏ for p = of / out, exactly, then one division. */
function exactMass(k: number, n: number, of: number, out: number): number {
  let [numerator, denominator] = [1n, BigInt(out) ** BigInt(n)];
  for (let i = 1; i <= k; i++) [numerator, denominator] = [numerator * BigInt(n - k + i), denominator * BigInt(i)];
  numerator *= BigInt(of) ** BigInt(k) * BigInt(out - of) ** BigInt(n - k);
  return Number((numerator << 900n) / denominator) * 2 ** -900;
}

describe("[AUD24] distributions that bounds and attacks stand on", () => {
  test.each(NORMAL)("Φ and log Φ at %d", (z, logCdf) => {
    expect(Math.abs(logNormalCdf(z) - logCdf)).toBeLessThan(2e-14 * Math.max(1, Math.abs(logCdf)) + 1e-15);
    if (logCdf > -600) expect(relative(normalCdf(z), Math.exp(logCdf))).toBeLessThan(1e-12);
  });

  test("Φ at infinities and NaN", () => {
    expect([normalCdf(-Infinity), normalCdf(0), normalCdf(Infinity)]).toEqual([0, 0.5, 1]);
    expect([logNormalCdf(-Infinity), logNormalCdf(Infinity)]).toEqual([-Infinity, -0]);
    expect([normalCdf(Number.NaN), logNormalCdf(Number.NaN)]).toEqual([Number.NaN, Number.NaN]);
  });

  test("the normal density is Φ's slope", () => {
    fc.assert(
      fc.property(fc.double({ min: -4, max: 4, noNaN: true }), (x) => {
        const slope = (normalCdf((x + 1e-5 - 1) / 2) - normalCdf((x - 1e-5 - 1) / 2)) / 2e-5;
        expect(relative(Math.exp(logNormalDensity(x, 1, 2)), slope)).toBeLessThan(1e-6);
      }),
    );
  });

  test("the binomial mass against whole numbers of any size", () => {
    const cases = fc.record({
      n: fc.integer({ min: 1, max: 300 }),
      k: fc.nat(300),
      of: fc.integer({ min: 1, max: 99 }),
    });
    fc.assert(
      fc.property(cases, ({ n, k, of }) => {
        fc.pre(k <= n);
        const exact = exactMass(k, n, of, 100);
        fc.pre(exact > 1e-250);
        const mass = Math.exp(logBinomialMass(k, n, { success: of / 100, failure: (100 - of) / 100 }));
        expect(relative(mass, exact)).toBeLessThan(1e-12);
      }),
    );
  });

  test("the incomplete beta function is the binomial's tail: I_p(k, n − k + 1) = P[X ≥ k]", () => {
    const cases = fc.record({
      n: fc.integer({ min: 1, max: 120 }),
      k: fc.nat(120),
      of: fc.integer({ min: 1, max: 99 }),
    });
    fc.assert(
      fc.property(cases, ({ n, k, of }) => {
        fc.pre(k >= 1 && k <= n);
        let tail = 0;
        for (let hits = k; hits <= n; hits++) tail += exactMass(hits, n, of, 100);
        expect(Math.abs(betaCdf(of / 100, k, n - k + 1) - tail)).toBeLessThan(1e-13);
      }),
    );
  });

  test("its quantile is its inverse, also where it is nearly all or nothing", () => {
    const size = fc.double({ min: 0.5, max: 5000, noNaN: true });
    fc.assert(
      fc.property(size, size, fc.double({ min: 1e-6, max: 1 - 1e-6, noNaN: true }), (a, b, probability) => {
        const x = betaQuantile(probability, a, b);
        fc.pre(x > 1e-300 && x < 1 - 1e-9);
        expect(Math.abs(betaCdf(x, a, b) - probability)).toBeLessThan(1e-9);
      }),
    );
    expect([betaCdf(0, 2, 3), betaCdf(1, 2, 3)]).toEqual([0, 1]);
  });
});
