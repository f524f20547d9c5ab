import { logFactorial, logOnePlusExp } from "./poissonGaussian.ts";

/**
 * Rényi divergence of one release of a Gaussian-noised sum over a batch drawn without replacement, q =
 * batch/population, for neighbours that differ in one patient's data (replace-one, σ over what that moves): Wang, Balle
 * & Kasiviswanathan 2019, arXiv:1808.00087, Theorem 9 with the ternary terms of its Theorem 27 up to order 256.
 * Fractional orders by convexity of the moments' logarithm (their Corollary 10). Order ∞ is infinite.
 */
export function rdpWithoutReplacement(rate: number, noiseMultiplier: number, orders: Float64Array): Float64Array {
  if (rate === 1) return orders.map((order) => order / (2 * noiseMultiplier ** 2));
  const ternary = ternaryTerms(noiseMultiplier);
  const known = new Map<number, number>([[1, 0]]);
  const logMoment = (order: number): number => {
    const found = known.get(order);
    if (found !== undefined) return found;
    const made = integerMoment(rate, noiseMultiplier, order, ternary);
    known.set(order, made);
    return made;
  };
  return orders.map((order) => {
    if (order === Number.POSITIVE_INFINITY) return order;
    const below = Math.floor(order);
    const share = order - below;
    const value = share === 0 ? logMoment(below) : (1 - share) * logMoment(below) + share * logMoment(below + 1);
    return value / (order - 1);
  });
}

/** log(1 + Σ_{j≥2} q^j C(α,j)·t_j), t_j the smaller of the theorem's bounds. */
function integerMoment(rate: number, noise: number, order: number, ternary: (j: number) => number): number {
  let largest = Number.NEGATIVE_INFINITY;
  const terms = new Float64Array(order + 1);
  for (let j = 2; j <= order; j++) {
    const logBinomial = logFactorial(order) - logFactorial(j) - logFactorial(order - j);
    const plain = Math.LN2 + (j * (j - 1)) / (2 * noise ** 2);
    const term = j * Math.log(rate) + logBinomial + Math.min(plain, j <= TERNARY_MAX ? ternary(j) : plain);
    terms[j] = term;
    if (term > largest) largest = term;
  }
  let sum = 0;
  for (let j = 2; j <= order; j++) sum += Math.exp((terms[j] ?? 0) - largest);
  return logOnePlusExp(largest + Math.log(sum));
}

const TERNARY_MAX = 256;
/** With less noise the plain bound 2·exp(j(j−1)/2σ²) is the smaller one at every j. */
const TERNARY_NOISE_MIN = 0.3;

/** log of 4·√(B(2⌊j/2⌋)·B(2⌈j/2⌉)), B(l) = E[(P/Q − 1)^l] under Q. */
function ternaryTerms(noise: number): (j: number) => number {
  if (noise < TERNARY_NOISE_MIN) return () => Number.POSITIVE_INFINITY;
  const central = new Map<number, number>();
  const logCentral = (l: number): number => {
    const found = central.get(l);
    if (found !== undefined) return found;
    const made = logCentralMoment(noise, l);
    central.set(l, made);
    return made;
  };
  return (j) => Math.log(4) + (logCentral(2 * Math.floor(j / 2)) + logCentral(2 * Math.ceil(j / 2))) / 2;
}

/**
 * log E[(e^X − 1)^l], X = T/σ − 1/(2σ²), T standard normal, l even: a positive integrand, so the trapezoidal rule loses
 * nothing to the alternating sum's cancellation. At step h its relative error is below (2π/h)^l e^(−2π²/h²) / (l−1)!!,
 * at h = 0.1 below 1e-600.
 */
function logCentralMoment(noise: number, l: number): number {
  const step = 0.1 * Math.min(1, noise);
  const reach = 14 + Math.sqrt(l) * 2;
  const logs: number[] = [];
  for (let t = -reach; t < reach + l / noise; t += step) {
    const base = Math.abs(Math.expm1(t / noise - 1 / (2 * noise ** 2)));
    if (base > 0) logs.push(l * Math.log(base) - (t * t) / 2);
  }
  const largest = logs.reduce((most, log) => Math.max(most, log), Number.NEGATIVE_INFINITY);
  const sum = logs.reduce((total, log) => total + Math.exp(log - largest), 0);
  return largest + Math.log((sum * step) / Math.sqrt(2 * Math.PI));
}
