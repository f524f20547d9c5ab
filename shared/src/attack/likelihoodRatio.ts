import { logNormalCdf, logNormalDensity } from "../distribution/normal.ts";

/**
 * Logits φ = log(p / (1 − p)) of the true class's probability: Carlini et al. 2022, arXiv:2112.03570, "logit scaling";
 * of the model under attack for each record, and of each shadow model for each record, with whether it was trained on
 * it.
 */
export interface ShadowLogits {
  readonly target: readonly number[];
  /** [shadow model][record] */
  readonly shadow: readonly (readonly number[])[];
  readonly isIn: readonly (readonly boolean[])[];
}

/** Each record's normal distributions of φ, over the shadow models trained with it and those trained without it. */
export interface ShadowParameters {
  readonly medianIn: readonly number[];
  readonly medianOut: readonly number[];
  readonly stdDevIn: readonly number[];
  readonly stdDevOut: readonly number[];
  /** Of all residuals from the medians: the paper's "fixed variance", for few shadow models. */
  readonly globalStdDevIn: number;
  readonly globalStdDevOut: number;
}

/** A spread of zero (shadow models that all agree) still has a density: the research code's own constant. */
const LEAST_STD_DEV = 1e-30;

/** Needs at least one shadow model with and one without each record. */
export function shadowParameters({ target, shadow, isIn }: ShadowLogits): ShadowParameters {
  const of = (wanted: boolean) => target.map((_, record) => logitsOf({ shadow, isIn }, record, wanted));
  const [inside, outside] = [of(true), of(false)];
  return {
    medianIn: inside.map(median),
    medianOut: outside.map(median),
    stdDevIn: inside.map(stdDevOf),
    stdDevOut: outside.map(stdDevOf),
    globalStdDevIn: stdDevOf(inside.flatMap(residuals)),
    globalStdDevOut: stdDevOf(outside.flatMap(residuals)),
  };
}

/** Whether each record has a variance of its own or all share one. */
export type Variance = "own" | "fixed";

/** LiRA, online: log of the likelihood of φ with the record over that without it (Algorithm 1). */
export function onlineScores(target: readonly number[], parameters: ShadowParameters, variance: Variance): number[] {
  return target.map((logit, record) => {
    const inside = normalOf(parameters, "in", record, variance);
    const outside = normalOf(parameters, "out", record, variance);
    return logNormalDensity(logit, inside.mean, inside.stdDev) - logNormalDensity(logit, outside.mean, outside.stdDev);
  });
}

/**
 * LiRA, offline: log P[Z ≤ φ] for Z ~ N(μ_out, σ_out²), one-sided (the same, Algorithm 1 without "in"): a record on
 * which the model is surer than models without it is rather a member.
 */
export function offlineScores(target: readonly number[], parameters: ShadowParameters, variance: Variance): number[] {
  return target.map((logit, record) => {
    const { mean, stdDev } = normalOf(parameters, "out", record, variance);
    return logNormalCdf((logit - mean) / stdDev);
  });
}

/**
 * What the paper's research code computes in the offline attack's place: −log density, which is two-sided and takes a
 * record on which the model is unusually *un*sure for a member too. A fault of that code, kept only to be compared
 * with.
 */
export function offlineDensityScores(target: readonly number[], parameters: ShadowParameters): number[] {
  return target.map((logit, record) => {
    const { mean, stdDev } = normalOf(parameters, "out", record, "own");
    return -logNormalDensity(logit, mean, stdDev);
  });
}

function normalOf(parameters: ShadowParameters, side: "in" | "out", record: number, variance: Variance) {
  const isIn = side === "in";
  const means = isIn ? parameters.medianIn : parameters.medianOut;
  const own = isIn ? parameters.stdDevIn : parameters.stdDevOut;
  const global = isIn ? parameters.globalStdDevIn : parameters.globalStdDevOut;
  const spread = variance === "fixed" ? global : (own[record] ?? Number.NaN);
  return { mean: means[record] ?? Number.NaN, stdDev: spread + LEAST_STD_DEV };
}

function logitsOf({ shadow, isIn }: Omit<ShadowLogits, "target">, record: number, wanted: boolean): readonly number[] {
  return shadow.flatMap((logits, model) => (isIn[model]?.[record] === wanted ? [logits[record] ?? Number.NaN] : []));
}

export function median(values: readonly number[]): number {
  const rising = Float64Array.from(values).sort();
  const at = (index: number) => rising[index] ?? Number.NaN;
  const middle = rising.length >> 1;
  return rising.length % 2 === 1 ? at(middle) : (at(middle - 1) + at(middle)) / 2;
}

/** Population standard deviation (divided by the count), as the research code's. */
function stdDevOf(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

function residuals(values: readonly number[]): readonly number[] {
  const centre = median(values);
  return values.map((value) => value - centre);
}
