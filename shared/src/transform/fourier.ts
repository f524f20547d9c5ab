import { assert } from "../failure/failure.ts";

/** Complex numbers side by side; a transform's length is a power of two. */
export interface Spectrum {
  readonly re: Float64Array;
  readonly im: Float64Array;
}

/**
 * Discrete Fourier transform in place, its result in bit-reversed order (decimation in frequency). What is done to it
 * value by value needs no order: `inverse` takes it back.
 */
export function forward({ re, im }: Spectrum): void {
  const { cos, sin } = twiddles(re.length);
  for (let half = re.length / 2; half >= 1; half /= 2) {
    for (let start = 0; start < re.length; start += 2 * half) {
      for (let j = 0; j < half; j++) {
        const a = start + j;
        const b = a + half;
        const [ar, ai, br, bi] = [re[a] ?? 0, im[a] ?? 0, re[b] ?? 0, im[b] ?? 0];
        const [dr, di] = [ar - br, ai - bi];
        const [c, s] = [cos[half + j] ?? 0, sin[half + j] ?? 0];
        re[a] = ar + br;
        im[a] = ai + bi;
        re[b] = dr * c + di * s;
        im[b] = di * c - dr * s;
      }
    }
  }
}

/** The way back from bit-reversed order (decimation in time), divided by the length. */
export function inverse({ re, im }: Spectrum): void {
  const { cos, sin } = twiddles(re.length);
  for (let half = 1; half < re.length; half *= 2) {
    for (let start = 0; start < re.length; start += 2 * half) {
      for (let j = 0; j < half; j++) {
        const a = start + j;
        const b = a + half;
        const [c, s] = [cos[half + j] ?? 0, sin[half + j] ?? 0];
        const [xr, xi] = [re[b] ?? 0, im[b] ?? 0];
        const [br, bi] = [xr * c - xi * s, xi * c + xr * s];
        const [ar, ai] = [re[a] ?? 0, im[a] ?? 0];
        re[a] = ar + br;
        im[a] = ai + bi;
        re[b] = ar - br;
        im[b] = ai - bi;
      }
    }
  }
  const scale = 1 / re.length;
  for (let i = 0; i < re.length; i++) {
    re[i] = (re[i] ?? 0) * scale;
    im[i] = (im[i] ?? 0) * scale;
  }
}

/** Where the value of the opposite frequency of that at `position` is, in bit-reversed order. */
export function oppositeOf(position: number): number {
  if (position < 2) return position;
  return 3 * 2 ** (31 - Math.clz32(position)) - 1 - position;
}

/**
 * Bound on ‖computed − true‖₂ / ‖true‖₂ of one transform: log₂N stages of 7.2 u each (Higham 2002, Theorem 24.2, with
 * twiddles right to 1.2 u), one stage more for good measure.
 */
export function transformError(length: number): number {
  return (Math.log2(length) + 1) * 7.2 * 2 ** -53;
}

/** Per stage of half-length h: angles πj/h at h + j. Both last tables are kept. */
let table: { readonly cos: Float64Array; readonly sin: Float64Array } | undefined;

function twiddles(length: number): { readonly cos: Float64Array; readonly sin: Float64Array } {
  assert(length >= 2 && Number.isInteger(Math.log2(length)), "a transform's length is a power of two");
  // Stages of shorter transforms are the first ones of longer ones'.
  if (table !== undefined && table.cos.length >= length) return table;
  const cos = new Float64Array(length);
  const sin = new Float64Array(length);
  for (let half = 1; half < length; half *= 2) {
    for (let j = 0; j < half; j++) {
      cos[half + j] = Math.cos((Math.PI * j) / half);
      sin[half + j] = Math.sin((Math.PI * j) / half);
    }
  }
  table = { cos, sin };
  return table;
}
