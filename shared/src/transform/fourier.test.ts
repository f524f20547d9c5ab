import { describe, expect, test } from "vitest";
import { forward, inverse, oppositeOf, transformError } from "./fourier.ts";

const LENGTH = 64;
const signal = Float64Array.from({ length: LENGTH }, (_, j) => Math.sin(j * j) + (j === 5 ? 2 : 0));

/** By the definition. */
function slow(values: Float64Array, k: number): { re: number; im: number } {
  let [re, im] = [0, 0];
  values.forEach((value, j) => {
    re += value * Math.cos((2 * Math.PI * j * k) / values.length);
    im -= value * Math.sin((2 * Math.PI * j * k) / values.length);
  });
  return { re, im };
}

const reversed = (position: number): number =>
  Number.parseInt(position.toString(2).padStart(6, "0").split("").reverse().join(""), 2);

describe("the discrete Fourier transform", () => {
  test("is the definition's, in bit-reversed order, and comes back", () => {
    const spectrum = { re: signal.slice(), im: new Float64Array(LENGTH) };
    forward(spectrum);
    for (let position = 0; position < LENGTH; position++) {
      const { re, im } = slow(signal, reversed(position));
      expect(spectrum.re[position]).toBeCloseTo(re, 11);
      expect(spectrum.im[position]).toBeCloseTo(im, 11);
    }
    inverse(spectrum);
    const wrong = Math.hypot(...spectrum.re.map((value, j) => value - (signal[j] ?? 0)), ...spectrum.im);
    expect(wrong).toBeLessThan(2 * transformError(LENGTH) * Math.hypot(...signal));
  });

  test("the opposite frequency is where it is said to be", () => {
    for (let position = 0; position < LENGTH; position++) {
      expect(reversed(oppositeOf(position))).toBe((LENGTH - reversed(position)) % LENGTH);
    }
  });
});
