import type { Ties } from "./attacks.ts";
import { areaUnderRoc, type Distributions, type Estimate, rateAbove } from "./roc.ts";

/** An interval with its parts, each in the figure's own unit. */
export interface Interval {
  readonly low: number;
  readonly value: number;
  readonly high: number;
  /** Standard deviation from which patients were drawn. */
  readonly samplingStdDev: number;
  /** Standard deviation from the noise on counts. */
  readonly noiseStdDev: number;
  /** How far the order inside bins could move the value; already in `low` and `high`. */
  readonly halfBin: number;
}

/** Normal quantile for `count` two-sided intervals that hold together with probability `confidence` (Bonferroni). */
export function simultaneousQuantile(confidence: number, count: number): number {
  return normalQuantile(1 - (1 - confidence) / (2 * count));
}

/**
 * Interval of the AUC: noise and sampling at z standard deviations on either side of its half-bin bounds, which fall
 * together where ties are exact.
 */
export function aucInterval(distributions: Distributions, z: number, ties: Ties): Interval {
  const half = areaUnderRoc(distributions, 0.5);
  const [lost, won] =
    ties === "exact" ? [half, half] : [areaUnderRoc(distributions, 0), areaUnderRoc(distributions, 1)];
  return {
    low: clamp(Math.min(lost.value, half.value) - z * stdDev(lost)),
    value: clamp(half.value),
    high: clamp(Math.max(won.value, half.value) + z * stdDev(won)),
    samplingStdDev: Math.sqrt(half.samplingVariance),
    noiseStdDev: Math.sqrt(half.noiseVariance),
    halfBin: Math.max(0, (won.value - lost.value) / 2),
  };
}

/**
 * Advantage (Yeom et al. 2018): the largest TPR − FPR over thresholds. Its value, a maximum of noisy figures, is biased
 * upward; its interval is not: it holds for all thresholds at once, also for those inside a bin.
 */
export function advantageInterval(
  distributions: Distributions,
  ties: Ties,
  { confidence, count }: { readonly confidence: number; readonly count: number },
): Interval {
  const bins = distributions.p.length;
  const z = simultaneousQuantile(confidence, count * bins);
  const edges = Array.from({ length: bins + 1 }, (_, from) => rateAbove(distributions, from));
  const gaps = edges.slice(1, -1).map(({ gap }) => gap);
  const best = gaps.reduce((a, b) => (b.value > a.value ? b : a), NO_GAP);
  const inBins = edges.slice(1).map((upper, bin) => [edges[bin] ?? upper, upper] as const);
  const brackets = ties === "exact" ? edges.map((edge) => [edge, edge] as const) : inBins;
  // A threshold inside a bin has at most the TPR of the bin's lower edge and at least the FPR of its upper one.
  const highs = brackets.map(
    ([lower, upper]) => lower.tpr.value - upper.fpr.value + z * Math.max(stdDev(lower.gap), stdDev(upper.gap)),
  );
  const inside = brackets.map(([lower, upper]) => lower.tpr.value - upper.fpr.value);
  return {
    low: Math.max(0, ...gaps.map((gap) => gap.value - z * stdDev(gap))),
    value: clamp(best.value),
    high: clamp(Math.max(0, ...highs)),
    samplingStdDev: Math.sqrt(best.samplingVariance),
    noiseStdDev: Math.sqrt(best.noiseVariance),
    halfBin: Math.max(0, Math.max(0, ...inside) - best.value) / 2,
  };
}

const NO_GAP: Estimate = { value: 0, samplingVariance: 0, noiseVariance: 0 };

export function stdDev(estimate: Estimate): number {
  return Math.sqrt(estimate.samplingVariance + estimate.noiseVariance);
}

export function clamp(rate: number): number {
  return Math.max(0, Math.min(1, rate));
}

/**
 * Standard normal quantile for 0 < probability < 1: Wichura 1988, Applied Statistics 37, algorithm AS 241 (PPND16),
 * relative error about 1e-16.
 */
export function normalQuantile(probability: number): number {
  const centred = probability - 0.5;
  if (Math.abs(centred) <= 0.425) {
    const r = 0.180625 - centred * centred;
    return (centred * polynomial(CENTRE[0], r)) / polynomial(CENTRE[1], r);
  }
  const tail = Math.sqrt(-Math.log(Math.min(probability, 1 - probability)));
  const [numerator, denominator] = tail <= 5 ? MIDDLE : FAR;
  const r = tail <= 5 ? tail - 1.6 : tail - 5;
  return Math.sign(centred) * (polynomial(numerator, r) / polynomial(denominator, r));
}

function polynomial(coefficients: readonly number[], x: number): number {
  return coefficients.reduceRight((sum, coefficient) => sum * x + coefficient, 0);
}

/** AS 241's rational approximations: numerator and denominator, constant term first. */
const CENTRE = [
  [
    3.3871328727963665, 133.14166789178438, 1971.5909503065513, 13731.69376550946, 45921.95393154987, 67265.7709270087,
    33430.57558358813, 2509.0809287301227,
  ],
  [
    1, 42.31333070160091, 687.1870074920579, 5394.196021424751, 21213.794301586597, 39307.89580009271,
    28729.085735721943, 5226.495278852854,
  ],
] as const;
const MIDDLE = [
  [
    1.4234371107496835, 4.630337846156546, 5.769497221460691, 3.6478483247632045, 1.2704582524523684,
    0.2417807251774506, 0.022723844989269184, 0.0007745450142783414,
  ],
  [
    1, 2.053191626637759, 1.6763848301838038, 0.6897673349851, 0.14810397642748008, 0.015198666563616457,
    0.0005475938084995345, 1.0507500716444169e-9,
  ],
] as const;
const FAR = [
  [
    6.657904643501103, 5.463784911164114, 1.7848265399172913, 0.29656057182850487, 0.026532189526576124,
    0.0012426609473880784, 0.000027115555687434876, 2.0103343992922881e-7,
  ],
  [
    1, 0.599832206555888, 0.1369298809227358, 0.014875361290850615, 0.0007868691311456133, 0.000018463183175100548,
    1.421511758316446e-7, 2.0442631033899397e-15,
  ],
] as const;
