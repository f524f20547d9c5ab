import { forward, inverse, oppositeOf, type Spectrum, transformError } from "../transform/fourier.ts";
import { BLOCK, type Centre, type LossMasses, logMoments, momentError, tailMass, tilted } from "./tilt.ts";

/**
 * Tilted law of the loss of all releases together, within a window, with bounds on everything that the computation
 * got wrong. `values[j]` is the tilted probability of the loss (bottom + j)·step.
 */
export interface ComposedLoss {
  readonly step: number;
  readonly bottom: number;
  readonly values: Float64Array;
  readonly centre: Centre;
  /** log E[e^{λ·loss}], by which the tilt is undone. */
  readonly logMoment: number;
  /** Bound on ‖error of values‖₂. */
  readonly error: number;
  /** Tilted probabilities of the losses above and below the window, which the transform folds into it. */
  readonly above: number;
  readonly below: number;
  /** Bound on |log| of the factor by which all probabilities together may be off. */
  readonly logFactor: number;
  /** Probability of an infinite loss, of all releases together. */
  readonly infinite: number;
}

/** What to compose: releases, how tilted, and the least loss of the window. */
export interface Composition {
  readonly parts: readonly LossMasses[];
  readonly centre: Centre;
  readonly from: number;
}

/**
 * Composes two sequences of releases with one complex transform of the given length: one is its real part, the other
 * its imaginary one. Convolution of tilted laws (Koskela, Jälkö & Honkela 2020, arXiv:1906.03049, with the shift of the
 * saddle-point accountant, Alghamdi et al. 2023, arXiv:2208.09595): the tilt makes the wanted tail the middle of what
 * is computed, so that rounding is small beside any δ, however small.
 */
export function composeTwo(
  one: Composition,
  other: Composition,
  length: number,
): readonly [ComposedLoss, ComposedLoss] {
  const results = [one, other].map(({ parts, centre }) => parts.map((part) => tilted(part, centre.tilt).masses));
  const [ofOne = [], ofOther = []] = results;
  const product: Spectrum = { re: new Float64Array(length).fill(1), im: new Float64Array(length) };
  // Both spectra as those of real signals: kept at positions and their opposites, one's in `product`, other's beside.
  const second: Spectrum = { re: new Float64Array(length).fill(1), im: new Float64Array(length) };
  let transformed = 0;
  one.parts.forEach((part, s) => {
    const packed: Spectrum = { re: new Float64Array(length), im: new Float64Array(length) };
    const [a = new Float64Array(), b = new Float64Array()] = [ofOne[s], ofOther[s]];
    wrapInto(packed.re, part.first, a);
    wrapInto(packed.im, other.parts[s]?.first ?? 0, b);
    transformed += part.count * (norm(packed.re) + norm(packed.im));
    forward(packed);
    multiplyPowers(product, second, packed, part.count);
  });
  for (let i = 0; i < length; i++) {
    const [re, im] = [(product.re[i] ?? 0) - (second.im[i] ?? 0), (product.im[i] ?? 0) + (second.re[i] ?? 0)];
    product.re[i] = re;
    product.im[i] = im;
  }
  inverse(product);
  const count = one.parts.reduce((sum, part) => sum + part.count, 0);
  const both = norm(product.re) + norm(product.im);
  // A power T multiplies an error by T at most (1.01 T, as T·u is far below 1: `RELEASES_MAX`); repeated squaring rounds
  // 2T products of 3 u each.
  const error = transformError(length) * (transformed + 1.01 * both) + 6.1 * 2 ** -53 * (count + 4) * both;
  return [unwrap(one, product.re, error), unwrap(other, product.im, error)];
}

function unwrap({ parts, centre, from }: Composition, wrapped: Float64Array, error: number): ComposedLoss {
  const step = parts[0]?.step ?? 1;
  const length = wrapped.length;
  const bottom = Math.floor(from / step);
  const offset = ((bottom % length) + length) % length;
  const values = new Float64Array(length);
  values.set(wrapped.subarray(offset), 0);
  values.set(wrapped.subarray(0, offset), length - offset);
  const [least, most] = [bottom * step, (bottom + length) * step];
  return {
    step,
    bottom,
    values,
    centre,
    logMoment: logMoments(parts, centre.tilt),
    error,
    above: tailMass(parts, centre, most, 1),
    below: tailMass(parts, centre, least, -1),
    logFactor: 1e-12 + momentError(parts, centre.tilt),
    infinite: parts.reduce((sum, part) => sum + part.count * part.infinite, 0),
  };
}

/** Adds values from index `first` on, modulo the length. */
function wrapInto(target: Float64Array, first: number, values: Float64Array): void {
  const length = target.length;
  let at = ((first % length) + length) % length;
  for (let i = 0; i < values.length; i++) {
    target[at] = (target[at] ?? 0) + (values[i] ?? 0);
    at = at + 1 === length ? 0 : at + 1;
  }
}

/** Multiplies each of two spectra by the count-th power of its half of a packed one. */
function multiplyPowers(one: Spectrum, other: Spectrum, packed: Spectrum, count: number): void {
  const power = { re: 0, im: 0 };
  for (let p = 0; p < packed.re.length; p++) {
    const o = oppositeOf(p);
    if (o < p) continue;
    const [pr, pi, or, oi] = [packed.re[p] ?? 0, packed.im[p] ?? 0, packed.re[o] ?? 0, packed.im[o] ?? 0];
    powerOf((pr + or) / 2, (pi - oi) / 2, count, power);
    multiplyBoth(one, p, o, power);
    powerOf((pi + oi) / 2, (or - pr) / 2, count, power);
    multiplyBoth(other, p, o, power);
  }
}

/** A real signal's spectrum at the opposite frequency is the conjugate. */
function multiplyBoth({ re, im }: Spectrum, p: number, o: number, by: { re: number; im: number }): void {
  const [a, b] = [re[p] ?? 0, im[p] ?? 0];
  const [c, d] = [a * by.re - b * by.im, a * by.im + b * by.re];
  re[p] = c;
  im[p] = d;
  re[o] = c;
  im[o] = p === o ? d : -d;
}

function powerOf(re: number, im: number, exponent: number, result: { re: number; im: number }): void {
  let [x, y, a, b] = [re, im, 1, 0];
  for (let left = exponent; ; ) {
    if (left % 2 === 1) [a, b] = [a * x - b * y, a * y + b * x];
    left = Math.floor(left / 2);
    if (left === 0) break;
    [x, y] = [x * x - y * y, 2 * x * y];
    // The rest is below 10⁻²⁰⁰: nothing, beside the error that is booked.
    if (Math.abs(x) + Math.abs(y) < 1e-200) {
      result.re = 0;
      result.im = 0;
      return;
    }
  }
  result.re = a;
  result.im = b;
}

function norm(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum) * (1 + 1e-9);
}

/** Bounds on δ at ε: Σ P(loss)·(1 − e^{ε − loss}) over losses above ε, and whatever may have been got wrong. */
export function deltaBounds(composed: ComposedLoss, epsilon: number): { lower: number; upper: number } {
  const { centre, logMoment, error, above, below, logFactor, infinite } = composed;
  const { tilt } = centre;
  const undone = Math.exp(logMoment - tilt * epsilon);
  const sum = weightedTail(composed, epsilon);
  // Largest weight e^{−λt}(1 − e^{−t}), at e^t = 1 + 1/λ, and the weights' ‖·‖₂ on the grid.
  const most = Math.exp(tilt * Math.log(tilt) - (1 + tilt) * Math.log1p(tilt));
  const square = 1 / (2 * tilt) - 2 / (2 * tilt + 1) + 1 / (2 * tilt + 2);
  const wrong = error * Math.sqrt(Math.max(0, square) / composed.step + 2 * most ** 2) + 1e-25;
  return {
    upper: undone * (Math.max(0, sum) + wrong + most * above) * Math.exp(logFactor) + infinite,
    lower: undone * (sum - wrong - most * (above + below)) * Math.exp(-logFactor),
  };
}

function weightedTail({ step, bottom, values, centre }: ComposedLoss, epsilon: number): number {
  const { tilt } = centre;
  const [fallOfTilt, fall] = [Math.exp(-tilt * step), Math.exp(-step)];
  let sum = 0;
  for (let block = Math.max(0, Math.floor(epsilon / step) + 1 - bottom); block < values.length; block += BLOCK) {
    const t = (bottom + block) * step - epsilon;
    let weight = Math.exp(-tilt * t);
    let gain = -Math.expm1(-Math.max(0, t));
    if (weight < 1e-25) break;
    let blockSum = 0;
    const end = Math.min(values.length, block + BLOCK);
    for (let i = block; i < end; i++) {
      blockSum += (values[i] ?? 0) * weight * gain;
      weight *= fallOfTilt;
      gain = gain * fall + (1 - fall);
    }
    sum += blockSum;
  }
  return sum;
}
