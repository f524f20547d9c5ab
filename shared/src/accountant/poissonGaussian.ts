import { ORDER_MAX } from "./orders.ts";

/**
 * Rényi divergence of one release of a Gaussian-noised sum over a Poisson sample, at each order:
 * D_α = log A_α / (α − 1), A_α = E[((1 − q) + q·exp(X))^α], X = T/σ − 1/(2σ²), T standard normal.
 * Mironov, Talwar & Zhang 2019, arXiv:1908.10530, §3.3; by their Theorem 5 it bounds both directions of add-or-remove.
 * A_α − 1 is summed from non-negative terms alone, so a small divergence keeps its relative accuracy (about 1e-11).
 * Order ∞ is infinite: a Gaussian has no pure ε. Orders are > 1.
 */
export function rdpPoissonGaussian(samplingRate: number, noiseMultiplier: number, orders: Float64Array): Float64Array {
  if (samplingRate === 1) return orders.map((order) => order / (2 * noiseMultiplier ** 2));
  const integers = integerMoments(samplingRate, noiseMultiplier);
  const fractions =
    noiseMultiplier < INTEGRATED_NOISE_MIN
      ? interpolatedMoments(integers)
      : integratedMoments(samplingRate, noiseMultiplier, largestFraction(orders));
  return divergences(orders, integers, fractions);
}

/**
 * The same for noise on the integers: a discrete Gaussian of standard deviation σΔ on each coordinate of an integer
 * sum with L2 sensitivity Δ.
 *
 * At integer orders the bound is the same number. A_α expands into E[(P(x − v)/P(x))^k], k ≤ α, for an integer shift v
 * with ‖v‖ ≤ Δ; completing the square leaves a sum over the lattice shifted by kv, which is the lattice again, so this
 * is exp(k(k−1)‖v‖²/(2σ²Δ²)) exactly, in any dimension (as Canonne, Kamath & Steinke 2020 prove their Theorem 4). The
 * reflection x → v − x maps the lattice to itself and swaps the two, so Theorem 5 of Mironov, Talwar & Zhang 2019
 * covers both directions here too. At fractional orders nobody has proven the integral: log A_α is convex in α for any
 * two distributions (Hölder's inequality), so the chord between the neighbouring integers bounds it. Without sampling
 * every order has the Gaussian's (their Theorem 4).
 */
export function rdpPoissonDiscreteGaussian(
  samplingRate: number,
  noiseMultiplier: number,
  orders: Float64Array,
): Float64Array {
  if (samplingRate === 1) return orders.map((order) => order / (2 * noiseMultiplier ** 2));
  const integers = integerMoments(samplingRate, noiseMultiplier);
  return divergences(orders, integers, interpolatedMoments(integers));
}

function divergences(orders: Float64Array, integers: LogExcess, fractions: LogExcess): Float64Array {
  return orders.map((order) => {
    if (order === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
    const logExcess = Number.isInteger(order) ? integers(order) : fractions(order);
    return logOnePlusExp(logExcess) / (order - 1);
  });
}

/** log(A_α − 1) at an order. */
type LogExcess = (order: number) => number;

/** Below this σ fractional orders are bounded by their neighbours: ε is beyond any use there, the integral long. */
const INTEGRATED_NOISE_MIN = 0.1;

/**
 * Integer orders, equation (6): A_α − 1 = Σ_{k=2}^α C(α,k) (1−q)^{α−k} q^k (exp(k(k−1)/2σ²) − 1);
 * the terms k = 0, 1 are exactly the binomial's.
 */
function integerMoments(samplingRate: number, noiseMultiplier: number): LogExcess {
  const logKeep = Math.log1p(-samplingRate);
  const logTake = Math.log(samplingRate);
  const logGrowth = new Float64Array(ORDER_MAX + 1);
  let known = 1;
  const terms = new Float64Array(ORDER_MAX + 1);
  return (order) => {
    for (; known < order; known++) {
      logGrowth[known + 1] = logExpMinusOne(((known + 1) * known) / (2 * noiseMultiplier ** 2));
    }
    let largest = Number.NEGATIVE_INFINITY;
    for (let k = 2; k <= order; k++) {
      const logBinomial = logFactorial(order) - logFactorial(k) - logFactorial(order - k);
      const term = logBinomial + (order - k) * logKeep + k * logTake + at(logGrowth, k);
      terms[k] = term;
      if (term > largest) largest = term;
    }
    let sum = 0;
    for (let k = 2; k <= order; k++) {
      const term = at(terms, k) - largest;
      if (term > NEGLIGIBLE_LOG) sum += Math.exp(term);
    }
    return largest + Math.log(sum);
  };
}

/** Terms below e^−50 of the largest change a sum of at most 2¹⁴ of them by less than 1e-17. */
const NEGLIGIBLE_LOG = -50;

/**
 * Fractional orders where there is no integral to trust: log A_α is convex in α and 0 at α = 1, so the chord between
 * the neighbouring integers bounds it from above.
 */
function interpolatedMoments(integers: LogExcess): LogExcess {
  return (order) => {
    const below = Math.floor(order);
    const logBelow = below === 1 ? 0 : logOnePlusExp(integers(below));
    const logAbove = logOnePlusExp(integers(below + 1));
    return logExpMinusOne(logBelow + (order - below) * (logAbove - logBelow));
  };
}

/**
 * Fractional orders by the trapezoidal rule. With u = q(e^X − 1), E[u] = 0, so A_α − 1 = E[(1+u)^α − 1 − αu], whose
 * integrand is non-negative. It is analytic in |Im t| < πσ (branch points where e^X = −(1−q)/q), so with step h the
 * error falls as exp(−2π·πσ/h): at h = 0.4·min(1, σ) below 1e-18 of the result.
 */
function integratedMoments(samplingRate: number, noiseMultiplier: number, orderMax: number): LogExcess {
  const step = 0.4 * Math.min(1, noiseMultiplier);
  const from = -NORMAL_REACH;
  const count = Math.ceil((2 * NORMAL_REACH + orderMax / noiseMultiplier) / step) + 1;
  const logWeights = new Float64Array(count);
  const excesses = new Float64Array(count);
  const logRatios = new Float64Array(count);
  for (let j = 0; j < count; j++) {
    const t = from + j * step;
    const loss = t / noiseMultiplier - 1 / (2 * noiseMultiplier ** 2);
    logWeights[j] = (-t * t) / 2;
    excesses[j] = samplingRate * Math.expm1(loss);
    logRatios[j] =
      loss < 30
        ? Math.log1p(at(excesses, j))
        : Math.log(samplingRate) + loss + Math.log1p((1 / samplingRate - 1) * Math.exp(-loss));
  }
  const logStep = Math.log(step / Math.sqrt(2 * Math.PI));
  return (order) => {
    let scale = Number.NEGATIVE_INFINITY;
    for (let j = 0; j < count; j++) scale = Math.max(scale, order * at(logRatios, j) + at(logWeights, j));
    let sum = 0;
    for (let j = 0; j < count; j++) {
      sum += scaledTerm(order, at(excesses, j), at(logRatios, j), at(logWeights, j) - scale);
    }
    return scale + Math.log(sum) + logStep;
  };
}

/** Standard normal mass beyond 12.5 is 7e-36. */
const NORMAL_REACH = 12.5;

/** exp(logWeight) · ((1+u)^α − 1 − αu) for u > −1, any α, log(1+u) given; without cancellation or overflow. */
export function scaledTerm(order: number, u: number, logRatio: number, logWeight: number): number {
  const grown = order * logRatio;
  if (grown > 500) return Math.exp(grown + logWeight) * (1 - order * Math.exp((1 - order) * logRatio));
  if (logWeight < -1245) return 0;
  if (Math.abs(order * u) < 0.05 && Math.abs(u) < 0.05) return Math.exp(logWeight) * binomialTail(order, u);
  return Math.exp(logWeight) * ((1 + u) * Math.expm1((order - 1) * logRatio) - (order - 1) * u);
}

/** Σ_{k≥2} C(α,k) u^k, for |αu| < 0.05: each term is below 0.05 of the last. */
function binomialTail(order: number, u: number): number {
  let term = ((order * (order - 1)) / 2) * u * u;
  let sum = term;
  for (let k = 3; k <= 14; k++) {
    term *= ((order - k + 1) / k) * u;
    sum += term;
  }
  return sum;
}

function largestFraction(orders: Float64Array): number {
  return orders.reduce(
    (largest, order) =>
      Number.isInteger(order) || order === Number.POSITIVE_INFINITY ? largest : Math.max(largest, order),
    1,
  );
}

/** log(e^y − 1) for y ≥ 0. */
function logExpMinusOne(y: number): number {
  return y > 37 ? y : Math.log(Math.expm1(y));
}

/** log(1 + e^y). */
export function logOnePlusExp(y: number): number {
  return y > 37 ? y : Math.log1p(Math.exp(y));
}

let logFactorials: Float64Array | undefined;

/** log n! for 0 ≤ n ≤ ORDER_MAX, summed with Neumaier's compensation. */
export function logFactorial(n: number): number {
  logFactorials ??= makeLogFactorials();
  return at(logFactorials, n);
}

function makeLogFactorials(): Float64Array {
  const table = new Float64Array(ORDER_MAX + 1);
  let sum = 0;
  let lost = 0;
  for (let n = 2; n <= ORDER_MAX; n++) {
    const term = Math.log(n);
    const next = sum + term;
    lost += sum >= term ? sum - next + term : term - next + sum;
    sum = next;
    table[n] = sum + lost;
  }
  return table;
}

/** Element of an array whose bounds the caller knows. */
function at(values: Float64Array, index: number): number {
  return values[index] ?? Number.NaN;
}
