import { logBinomialMass } from "./binomialMass.ts";

const STEPS_MAX = 100_000;
const BISECTIONS = 200;
/** Instead of a denominator of zero (Lentz's method). */
const TINY = 1e-300;

/** I_x(a, b): probability that a Beta(a, b) variable is at most x; a, b > 0. */
export function betaCdf(x: number, a: number, b: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  // The continued fraction is quick below the mean.
  if (x < (a + 1) / (a + b + 2)) return (front(x, a, b) * fraction(x, a, b)) / a;
  return 1 - (front(x, a, b) * fraction(1 - x, b, a)) / b;
}

/** x with I_x(a, b) = probability, by bisection to the last bit. */
export function betaQuantile(probability: number, a: number, b: number): number {
  let low = 0;
  let high = 1;
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2;
    if (middle <= low || middle >= high) break;
    if (betaCdf(middle, a, b) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** xᵃ (1 − x)ᵇ / B(a, b), from the binomial mass at a of a + b. */
function front(x: number, a: number, b: number): number {
  const mass = logBinomialMass(a, a + b, { success: x, failure: 1 - x });
  return Math.exp(mass) * ((a * b) / (a + b));
}

/** Continued fraction of the incomplete beta function (DLMF 8.17.22), by Lentz's method. */
function fraction(x: number, a: number, b: number): number {
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1));
  let value = d;
  for (let m = 1; m <= STEPS_MAX; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d);
    c = away(1 + even / c);
    value *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d);
    c = away(1 + odd / c);
    const factor = d * c;
    value *= factor;
    if (Math.abs(factor - 1) < 1e-16) break;
  }
  return value;
}

function away(denominator: number): number {
  return Math.abs(denominator) < TINY ? TINY : denominator;
}
