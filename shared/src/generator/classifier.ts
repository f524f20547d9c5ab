import type { MadeRecords } from "./made.ts";

/** Traditional classifier, trained on synthetic records alone: multinomial logistic regression. */
export interface SyntheticClassifier {
  readonly classes: number;
  readonly features: number;
  /** [classes, features + 1], the last of each row its intercept. */
  readonly weights: Float32Array;
}

/** Of ‖w‖², per record: keeps classes that are told apart without fault at finite weights. */
const RIDGE = 1e-3;
const ITERATIONS = 300;

/**
 * Fits it by Nesterov's accelerated gradient from zero (Nesterov 2004, constant step 1/L), a fixed number of times: no
 * randomness, so whoever has the records has the classifier.
 */
export function fitClassifier({ features, labels }: MadeRecords, classes: number): SyntheticClassifier {
  const records = labels.length;
  const width = features.length / records;
  const step = 1 / lipschitz(features, records);
  const weights = new Float64Array(classes * (width + 1));
  const ahead = new Float64Array(weights.length);
  let momentum = 1;
  for (let iteration = 0; iteration < ITERATIONS; iteration++) {
    const gradient = gradientAt(ahead, features, labels, classes);
    const next = (1 + Math.sqrt(1 + 4 * momentum ** 2)) / 2;
    for (let i = 0; i < weights.length; i++) {
      const before = weights[i] ?? 0;
      const now = (ahead[i] ?? 0) - step * (gradient[i] ?? 0);
      weights[i] = now;
      ahead[i] = now + ((momentum - 1) / next) * (now - before);
    }
    momentum = next;
  }
  return { classes, features: width, weights: Float32Array.from(weights) };
}

/** Of the mean loss' gradient: half the mean squared length of a record with its 1 (Böhning 1992), and the ridge. */
function lipschitz(features: Float32Array, records: number): number {
  let squares = 0;
  for (const value of features) squares += value ** 2;
  return 0.5 * (squares / records + 1) + 2 * RIDGE;
}

function gradientAt(weights: Float64Array, features: Float32Array, labels: Uint8Array, classes: number): Float64Array {
  const records = labels.length;
  const width = features.length / records;
  const gradient = weights.map((weight) => 2 * RIDGE * weight);
  const scores = new Float64Array(classes);
  for (let record = 0; record < records; record++) {
    const own = features.subarray(record * width, (record + 1) * width);
    softmaxInto(scores, weights, own);
    for (let c = 0; c < classes; c++) {
      const delta = ((scores[c] ?? 0) - (labels[record] === c ? 1 : 0)) / records;
      const row = c * (width + 1);
      for (let i = 0; i < width; i++) gradient[row + i] = (gradient[row + i] ?? 0) + delta * (own[i] ?? 0);
      gradient[row + width] = (gradient[row + width] ?? 0) + delta;
    }
  }
  return gradient;
}

/** Probability of each class for one record, into `out`. */
function softmaxInto(out: Float64Array, weights: ArrayLike<number>, own: Float32Array): void {
  const width = own.length;
  let top = Number.NEGATIVE_INFINITY;
  for (let c = 0; c < out.length; c++) {
    const row = c * (width + 1);
    let score = weights[row + width] ?? 0;
    for (let i = 0; i < width; i++) score += (weights[row + i] ?? 0) * (own[i] ?? 0);
    out[c] = score;
    top = Math.max(top, score);
  }
  let sum = 0;
  for (let c = 0; c < out.length; c++) {
    out[c] = Math.exp((out[c] ?? 0) - top);
    sum += out[c] ?? 0;
  }
  for (let c = 0; c < out.length; c++) out[c] = (out[c] ?? 0) / sum;
}

/** Probability of each class for each record, row by row. */
export function classify(
  { classes, features: width, weights }: SyntheticClassifier,
  features: Float32Array,
): Float64Array {
  const records = features.length / width;
  const probabilities = new Float64Array(records * classes);
  for (let record = 0; record < records; record++) {
    const out = probabilities.subarray(record * classes, (record + 1) * classes);
    softmaxInto(out, weights, features.subarray(record * width, (record + 1) * width));
  }
  return probabilities;
}
