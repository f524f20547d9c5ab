import { assert } from "../failure/failure.ts";
import { forward, inverse, type Spectrum } from "./fourier.ts";

/**
 * The first `kept` coefficients of each row under the orthonormal DCT-II, for rows of any length:
 * c_k = s_k·Σ_j x_j·cos(π(2j + 1)k / 2n), s_0 = √(1/n), else √(2/n). Takes O(n log n) a row (Makhoul 1980), and
 * O(n·kept) where few are kept.
 * Each row is transformed by itself: where two shared a transform, one's rounding would hang on the other's values, and
 * noise that is drawn for one record would answer for two. Returns [rows, kept].
 */
export function dct2(values_RN: Float64Array, length: number, kept: number): Float64Array {
  const rows = rowsOf(values_RN, length);
  assert(Number.isInteger(kept) && kept >= 1 && kept <= length, "one coefficient is kept, and none that isn't there");
  if (kept <= FEW) return fewDct2(values_RN, length, kept);
  const plan = planOf(length);
  const coefficients_RK = new Float64Array(rows * kept);
  const re = new Float64Array(length);
  const im = new Float64Array(length);
  for (let row = 0; row < rows; row++) {
    im.fill(0);
    for (let j = 0; j < length; j++) re[placeOf(j, length)] = values_RN[row * length + j] ?? Number.NaN;
    transform(plan, re, im);
    for (let k = 0; k < kept; k++) {
      const real = (re[k] ?? 0) * (plan.cos[k] ?? 0) + (im[k] ?? 0) * (plan.sin[k] ?? 0);
      coefficients_RK[row * kept + k] = real * scaleOf(k, length);
    }
  }
  return coefficients_RK;
}

/**
 * The way back, the orthonormal DCT-III: rows of `length` values from their first `kept` coefficients, the others zero.
 * For what is noised already: two rows share a transform here. Returns [rows, length].
 */
export function dct3(coefficients_RK: Float64Array, kept: number, length: number): Float64Array {
  const rows = rowsOf(coefficients_RK, kept);
  assert(kept <= length, "no more coefficients than values");
  if (kept <= FEW) return fewDct3(coefficients_RK, kept, length);
  const plan = planOf(length);
  const values_RN = new Float64Array(rows * length);
  const re = new Float64Array(length);
  const im = new Float64Array(length);
  for (let row = 0; row < rows; row += 2) {
    const at = (offset: number, k: number): number => {
      if (k >= kept || row + offset >= rows) return 0;
      return (coefficients_RK[(row + offset) * kept + k] ?? Number.NaN) / scaleOf(k, length);
    };
    for (let k = 0; k < length; k++) {
      const [c, s] = [plan.cos[k] ?? 0, plan.sin[k] ?? 0];
      const [a, b, p, q] = [at(0, k), at(0, length - k), at(1, k), at(1, length - k)];
      // e^{iπk/2n}·((a − ib) + i(p − iq)), conjugated: a transform of the conjugate is the inverse's.
      re[k] = (a + q) * c - (p - b) * s;
      im[k] = -((a + q) * s + (p - b) * c);
    }
    transform(plan, re, im);
    for (let j = 0; j < length; j++) {
      const place = placeOf(j, length);
      values_RN[row * length + j] = (re[place] ?? 0) / length;
      if (row + 1 < rows) values_RN[(row + 1) * length + j] = -(im[place] ?? 0) / length;
    }
  }
  return values_RN;
}

/** So few coefficients are quicker as plain sums than by a transform of all. */
const FEW = 256;

function fewDct2(values_RN: Float64Array, length: number, kept: number): Float64Array {
  const cosines_J = cosinesOf(length);
  const rows = values_RN.length / length;
  const coefficients_RK = new Float64Array(rows * kept);
  // One place more: coefficients are summed in pairs.
  const sums_K = new Float64Array(kept + 1);
  for (let row = 0; row < rows; row++) {
    const [first, last] = [row * length, (row + 1) * length - 1];
    sums_K.fill(0);
    for (let j = 0; j < cosines_J.length; j++) {
      const cosine = cosines_J[j] ?? 0;
      const value = values_RN[first + j] ?? Number.NaN;
      const mirrored = 2 * j === length - 1 ? 0 : (values_RN[last - j] ?? Number.NaN);
      const [even, odd] = [value + mirrored, value - mirrored];
      let [before, now] = [1, cosine];
      for (let k = 0; k < kept; k += 2) {
        sums_K[k] = (sums_K[k] ?? 0) + even * before;
        sums_K[k + 1] = (sums_K[k + 1] ?? 0) + odd * now;
        before = 2 * cosine * now - before;
        now = 2 * cosine * before - now;
      }
    }
    for (let k = 0; k < kept; k++) coefficients_RK[row * kept + k] = (sums_K[k] ?? 0) * scaleOf(k, length);
  }
  return coefficients_RK;
}

function fewDct3(coefficients_RK: Float64Array, kept: number, length: number): Float64Array {
  const cosines_J = cosinesOf(length);
  const rows = coefficients_RK.length / kept;
  const values_RN = new Float64Array(rows * length);
  const factors_K = new Float64Array(kept + 1);
  for (let row = 0; row < rows; row++) {
    const [first, last] = [row * length, (row + 1) * length - 1];
    for (let k = 0; k < kept; k++) factors_K[k] = (coefficients_RK[row * kept + k] ?? 0) * scaleOf(k, length);
    for (let j = 0; j < cosines_J.length; j++) {
      const cosine = cosines_J[j] ?? 0;
      let [even, odd, before, now] = [0, 0, 1, cosine];
      for (let k = 0; k < kept; k += 2) {
        even += (factors_K[k] ?? 0) * before;
        odd += (factors_K[k + 1] ?? 0) * now;
        before = 2 * cosine * now - before;
        now = 2 * cosine * before - now;
      }
      // Of an odd length's middle, whose cosine is 0, the odd part is 0 too.
      values_RN[last - j] = even - odd;
      values_RN[first + j] = even + odd;
    }
  }
  return values_RN;
}

/**
 * cos(π(2j + 1)/2n) of a row's first half. The k-th multiple's cosine follows from the two before it (Chebyshev), with
 * an error of at most k²·2⁻⁵³ or so; the other half of the row has the same ones, those of odd k negated. The last
 * table is kept.
 */
let cosines: { readonly length: number; readonly half_J: Float64Array } | undefined;

function cosinesOf(length: number): Float64Array {
  if (cosines?.length === length) return cosines.half_J;
  const half_J = Float64Array.from({ length: Math.ceil(length / 2) }, (_, j) =>
    // The middle's is 0, not what is left of a rounded quarter.
    2 * j === length - 1 ? 0 : Math.cos((Math.PI * (2 * j + 1)) / (2 * length)),
  );
  cosines = { length, half_J };
  return half_J;
}

function rowsOf(values: Float64Array, length: number): number {
  assert(Number.isInteger(length) && length >= 1 && length <= LENGTH_MAX, "a row has 1 to 2²⁴ values");
  const rows = values.length / length;
  assert(Number.isInteger(rows), "rows are whole");
  return rows;
}

const LENGTH_MAX = 2 ** 24;

function scaleOf(k: number, length: number): number {
  return Math.sqrt((k === 0 ? 1 : 2) / length);
}

/** Makhoul's order: even places forward, then odd ones backward. */
function placeOf(j: number, length: number): number {
  return j % 2 === 0 ? j / 2 : length - (j + 1) / 2;
}

/** Of a discrete Fourier transform of any length, as a convolution with a chirp (Bluestein 1970), and of the DCT. */
interface Plan {
  readonly length: number;
  /** e^{−iπj²/n}. */
  readonly chirp: Spectrum;
  /** Transform of the chirp's conjugate, cyclic over a power of two of at least 2n − 1. */
  readonly kernel: Spectrum;
  readonly work: Spectrum;
  /** cos and sin of πk/2n. */
  readonly cos: Float64Array;
  readonly sin: Float64Array;
}

/** A data set's rows have one length: the last plan is kept. */
let kept: Plan | undefined;

function planOf(length: number): Plan {
  if (kept?.length === length) return kept;
  const size = Math.max(2, 2 ** Math.ceil(Math.log2(2 * length - 1)));
  const chirp = spectrum(length);
  const kernel = spectrum(size);
  for (let j = 0; j < length; j++) {
    // e^{−iπj²/n} has period 2n in j²: reduced as integers, its angle is as exact as a float64 is.
    const angle = (Math.PI * ((j * j) % (2 * length))) / length;
    chirp.re[j] = Math.cos(angle);
    chirp.im[j] = -Math.sin(angle);
    for (const place of j === 0 ? [0] : [j, size - j]) {
      kernel.re[place] = Math.cos(angle);
      kernel.im[place] = Math.sin(angle);
    }
  }
  forward(kernel);
  const quarter = (of: (angle: number) => number) =>
    Float64Array.from({ length }, (_, k) => of((Math.PI * k) / (2 * length)));
  kept = { length, chirp, kernel, work: spectrum(size), cos: quarter(Math.cos), sin: quarter(Math.sin) };
  return kept;
}

function spectrum(length: number): Spectrum {
  return { re: new Float64Array(length), im: new Float64Array(length) };
}

/** Discrete Fourier transform in place: X_k = Σ_j x_j·e^{−2πijk/n}. */
function transform({ length, chirp, kernel, work }: Plan, re: Float64Array, im: Float64Array): void {
  work.re.fill(0);
  work.im.fill(0);
  multiply(work, { re, im }, chirp, length);
  forward(work);
  multiply(work, work, kernel, work.re.length);
  inverse(work);
  multiply({ re, im }, work, chirp, length);
}

/** target = a·b, value by value. */
function multiply(target: Spectrum, a: Spectrum, b: Spectrum, count: number): void {
  for (let i = 0; i < count; i++) {
    const [ar, ai, br, bi] = [a.re[i] ?? 0, a.im[i] ?? 0, b.re[i] ?? 0, b.im[i] ?? 0];
    target.re[i] = ar * br - ai * bi;
    target.im[i] = ar * bi + ai * br;
  }
}
