import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { dct2, dct3 } from "./dct.ts";

const numbers = z.array(z.number());
const whole = z.object({ values: numbers, dct2: numbers, dct3: numbers, truncated: numbers });
const generated = z.object({
  firstDct2: numbers,
  at: numbers,
  valuesAt: numbers,
  dct2At: numbers,
  truncatedAt: numbers,
});
const Vectors = z.object({
  source: z.string(),
  dct: z.array(
    z.object({ length: z.number(), kept: z.number(), energyKept: z.number() }).and(z.union([whole, generated])),
  ),
});
const vectors = Vectors.parse(JSON.parse(readFileSync("test/vectors/dct.json", "utf8")));

/** As it is defined. */
function slowDct2(values: Float64Array): Float64Array {
  const n = values.length;
  return Float64Array.from({ length: n }, (_, k) => {
    let sum = 0;
    for (let j = 0; j < n; j++) sum += (values[j] ?? 0) * Math.cos((Math.PI * (2 * j + 1) * k) / (2 * n));
    return sum * Math.sqrt((k === 0 ? 1 : 2) / n);
  });
}

function expectNear(actual: Iterable<number>, expected: Iterable<number>, within = 1e-9): void {
  const [a, b] = [[...actual], [...expected]];
  expect(a.length).toBe(b.length);
  expect(Math.max(0, ...a.map((value, i) => Math.abs(value - (b[i] ?? Number.NaN))))).toBeLessThan(within);
}

describe(`[SAN1] orthonormal DCT-II and DCT-III, against ${vectors.source}`, () => {
  test.each(vectors.dct)("rows of $length values, $kept coefficients kept", (vector) => {
    const { length, kept } = vector;
    if ("values" in vector) {
      const values = Float64Array.from(vector.values);
      expectNear(dct2(values, length, length), vector.dct2);
      expectNear(dct3(values, length, length), vector.dct3);
      expectNear(dct3(dct2(values, length, kept), kept, length), vector.truncated);
      return;
    }
    const values = Float64Array.from({ length }, (_, i) => (((i * 7 * 7919 + 7 * 104729) % 20011) / 20011) * 2 - 1);
    const at = (of: Float64Array) => vector.at.map((place) => of[place] ?? Number.NaN);
    expectNear(at(values), vector.valuesAt);
    expectNear(dct2(values, length, kept), vector.firstDct2);
    expectNear(at(dct2(values, length, length)), vector.dct2At);
    expectNear(at(dct3(dct2(values, length, kept), kept, length)), vector.truncatedAt);
  });

  const row = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 200 });
  /** Above 256 coefficients a row is transformed, up to it they are summed. */
  const long = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 257, maxLength: 500 });

  test("equals the definition at any length; all coefficients give the row back; lengths stay", () => {
    fc.assert(
      fc.property(fc.oneof(row, long), (values) => {
        const [x, n] = [Float64Array.from(values), values.length];
        const c = dct2(x, n, n);
        expectNear(c, slowDct2(x));
        expectNear(dct3(c, n, n), x);
        expect(Math.hypot(...c)).toBeCloseTo(Math.hypot(...x), 8);
      }),
    );
  });

  test("few coefficients by sums are the first of all by a transform, and go back the same way", () => {
    for (const n of [257, 1000, 5003, 25_160]) {
      const x = Float64Array.from({ length: 2 * n }, (_, i) => Math.sin(i * i));
      const all = dct2(x, n, n);
      const few = dct2(x, n, 256);
      const more = dct2(x, n, 257);
      for (const r of [0, 1]) {
        expectNear(few.subarray(256 * r, 256 * (r + 1)), all.subarray(n * r, n * r + 256));
        expectNear(more.subarray(257 * r, 257 * (r + 1)), all.subarray(n * r, n * r + 257));
      }
      const padded = new Float64Array(2 * 257);
      for (const r of [0, 1]) padded.set(few.subarray(256 * r, 256 * (r + 1)), 257 * r);
      expectNear(dct3(few, 256, n), dct3(padded, 257, n));
    }
  });

  test("25,160 values: coefficients that the definition gives, and the row again", () => {
    const n = 25_160;
    const x = Float64Array.from({ length: n }, (_, i) => Math.sin(i * i));
    const c = dct2(x, n, n);
    for (const k of [0, 1, 49, 12_580, n - 1]) {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += (x[j] ?? 0) * Math.cos((Math.PI * (((2 * j + 1) * k) % (4 * n))) / (2 * n));
      expect(Math.abs((c[k] ?? 0) - sum * Math.sqrt((k === 0 ? 1 : 2) / n))).toBeLessThan(1e-9);
    }
    expectNear(dct3(c, n, n), x);
  });

  test("a row's coefficients are the same bits whatever stands in the rows beside it", () => {
    const x = Float64Array.from({ length: 37 }, (_, i) => Math.cos(3 * i));
    const x2 = Float64Array.from({ length: 300 }, (_, i) => Math.cos(3 * i));
    for (const [values, kept] of [[x, 9] as const, [x2, 280] as const]) {
      const n = values.length;
      const alone = dct2(values, n, kept);
      for (const other of [0, 1e300, Number.NaN, Number.POSITIVE_INFINITY]) {
        const rows = new Float64Array(3 * n).fill(other);
        rows.set(values, n);
        expect(dct2(rows, n, kept).subarray(kept, 2 * kept)).toEqual(alone);
      }
    }
  });

  test("several rows go back as they would alone, odd numbers of them too", () => {
    for (const rows of [0, 1, 2, 5]) {
      for (const [k, n] of [[4, 11] as const, [259, 280] as const]) {
        const c = Float64Array.from({ length: rows * k }, (_, i) => Math.sin(7 * i));
        const alone = Array.from({ length: rows }, (_, r) => [...dct3(c.slice(k * r, k * r + k), k, n)]).flat();
        expectNear(dct3(c, k, n), alone, 1e-12);
      }
    }
  });

  test("a row of nothing, or more coefficients than values, is refused", () => {
    expect(() => dct2(new Float64Array(0), 0, 0)).toThrow("values");
    expect(() => dct2(new Float64Array(4), 4, 5)).toThrow("kept");
    expect(() => dct3(new Float64Array(5), 5, 4)).toThrow("no more");
  });
});
