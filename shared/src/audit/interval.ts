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

/** Interval of the AUC: noise and sampling at z standard deviations on either side of its half-bin bounds. */
export function aucInterval(distributions: Distributions, z: number): Interval {
  const [lost, half, won] = [
    areaUnderRoc(distributions, 0),
    areaUnderRoc(distributions, 0.5),
    areaUnderRoc(distributions, 1),
  ];
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
export function advantageInterval(distributions: Distributions, confidence: number, orderings: number): Interval {
  const bins = distributions.p.length;
  const z = simultaneousQuantile(confidence, orderings * bins);
  const edges = Array.from({ length: bins + 1 }, (_, from) => rateAbove(distributions, from));
  let best: Interval = { low: 0, value: 0, high: 0, samplingStdDev: 0, noiseStdDev: 0, halfBin: 0 };
  edges.forEach(({ gap }, from) => {
    // A threshold inside the bin under this edge has at most the TPR of the bin's lower edge, at least the FPR of its upper.
    const lowerEdge = edges[from - 1] ?? edges[from];
    const inside = Math.max(gap.value, (lowerEdge?.tpr.value ?? 0) - (edges[from]?.fpr.value ?? 0));
    const higher = gap.value > best.value;
    best = {
      low: Math.max(best.low, gap.value - z * stdDev(gap)),
      value: Math.max(best.value, gap.value),
      high: Math.max(best.high, Math.min(1, inside + z * stdDev(gap))),
      samplingStdDev: higher ? Math.sqrt(gap.samplingVariance) : best.samplingStdDev,
      noiseStdDev: higher ? Math.sqrt(gap.noiseVariance) : best.noiseStdDev,
      halfBin: higher ? inside - gap.value : best.halfBin,
    };
  });
  return best;
}

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
    3.387132872796366608, 1.3314166789178437745e2, 1.9715909503065514427e3, 1.3731693765509461125e4,
    4.5921953931549871457e4, 6.7265770927008700853e4, 3.3430575583588128105e4, 2.5090809287301226727e3,
  ],
  [
    1, 4.2313330701600911252e1, 6.871870074920579083e2, 5.3941960214247511077e3, 2.1213794301586595867e4,
    3.930789580009271061e4, 2.8729085735721942674e4, 5.226495278852854561e3,
  ],
] as const;
const MIDDLE = [
  [
    1.42343711074968357734, 4.6303378461565452959, 5.7694972214606914055, 3.64784832476320460504,
    1.27045825245236838258, 2.4178072517745061177e-1, 2.27238449892691845833e-2, 7.7454501427834140764e-4,
  ],
  [
    1, 2.05319162663775882187, 1.6763848301838038494, 6.8976733498510000455e-1, 1.4810397642748007459e-1,
    1.51986665636164571966e-2, 5.475938084995344946e-4, 1.05075007164441684324e-9,
  ],
] as const;
const FAR = [
  [
    6.6579046435011037772, 5.4637849111641143699, 1.7848265399172913358, 2.9656057182850489123e-1,
    2.6532189526576123093e-2, 1.2426609473880784386e-3, 2.71155556874348757815e-5, 2.01033439929228813265e-7,
  ],
  [
    1, 5.9983220655588793769e-1, 1.3692988092273580531e-1, 1.48753612908506148525e-2, 7.868691311456132591e-4,
    1.8463183175100546818e-5, 1.4215117583164458887e-7, 2.04426310338993978564e-15,
  ],
] as const;
