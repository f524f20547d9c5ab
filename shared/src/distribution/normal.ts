const SQRT2 = Math.SQRT2;
const LOG_SQRT_PI = 0.5 * Math.log(Math.PI);

/** Below this erf's series has positive terms only and few of them; above, erfc's continued fraction is quick. */
const SERIES_MAX = 2;
const TERMS_MAX = 300;

/** Φ(z): probability that a standard normal variable is at most z; relative error about 1e-13 in both tails. */
export function normalCdf(z: number): number {
  return 0.5 * erfc(-z / SQRT2);
}

/** log Φ(z), finite however far z lies below zero. */
export function logNormalCdf(z: number): number {
  if (Number.isNaN(z)) return z;
  const x = -z / SQRT2;
  if (x > SERIES_MAX) return -x * x + Math.log(scaledErfc(x)) - Math.LN2;
  return z > 0 ? Math.log1p(-normalCdf(-z)) : Math.log(normalCdf(z));
}

/** log of the normal density at x. */
export function logNormalDensity(x: number, mean: number, stdDev: number): number {
  return -0.5 * ((x - mean) / stdDev) ** 2 - Math.log(stdDev) - 0.5 * Math.LN2 - LOG_SQRT_PI;
}

function erfc(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x < 0) return 2 - erfc(-x);
  if (x > SERIES_MAX) return Math.exp(-x * x) * scaledErfc(x);
  return 1 - erf(x);
}

/** erf x = 2/√π · e^−x² · Σ 2ⁿ x²ⁿ⁺¹ / (1·3·…·(2n+1)); Abramowitz & Stegun 7.1.6. */
function erf(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 1; n < TERMS_MAX && term > sum * 1e-17; n++) {
    term *= (2 * x * x) / (2 * n + 1);
    sum += term;
  }
  return 2 * sum * Math.exp(-x * x - LOG_SQRT_PI);
}

/** e^x² erfc x for x > 0 by its continued fraction, from its tail to its head; Abramowitz & Stegun 7.1.14. */
function scaledErfc(x: number): number {
  if (x === Number.POSITIVE_INFINITY) return 0;
  let fraction = x;
  for (let n = TERMS_MAX; n >= 1; n--) fraction = x + n / 2 / fraction;
  return Math.exp(-LOG_SQRT_PI) / fraction;
}
