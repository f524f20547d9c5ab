import type { AttackName } from "../study/document.ts";

/** A released model's output on one record, beside the label that the record bears. */
export interface RecordOutput {
  /** Probability of each class; sums to 1. A one-logit model gives [1 − p, p]. */
  readonly probabilities: ArrayLike<number>;
  /** Index of the true class. */
  readonly label: number;
}

/** Logarithms' arguments are never below this: Song & Mittal's own code, so that a sure model has finite entropies. */
const LOG_FLOOR = 1e-30;

/**
 * Membership score of one record from the model's output alone; natural logarithms; higher means "rather a member".
 * - `loss`: −cross-entropy; Yeom et al. 2018, arXiv:1709.01604, §3.2 (a threshold on the loss).
 * - `confidence`: probability of the true class; Song & Mittal 2021, arXiv:2003.10595, eq. 5.
 * - `modified-entropy`: −Mentr; the same, eq. 8 and 9.
 * NaN where the output is.
 */
export function attackScore(attack: AttackName, output: RecordOutput): number {
  switch (attack) {
    case "loss":
      return log(trueClass(output));
    case "confidence":
      return trueClass(output);
    case "modified-entropy":
      return -modifiedEntropy(output);
  }
}

/** One score a patient, so that each patient counts once: the mean over the patient's records (at least one). */
export function patientScore(attack: AttackName, records: readonly RecordOutput[]): number {
  return records.reduce((sum, record) => sum + attackScore(attack, record), 0) / records.length;
}

/**
 * The score on a public scale in [0, 1] on which equal bins serve all attacks: c², where c is the confidence that a
 * two-class record with this score has. A calibrated classifier whose scores are uniform spreads its records evenly
 * over c², and even bins leave the fewest ties. It is strictly increasing, so it changes no ROC; it depends on no data.
 * NaN becomes 0: an output that is no number must not change what a site sends but by one count.
 */
export function unitScore(attack: AttackName, score: number): number {
  const confidence = attack === "confidence" ? score : attack === "loss" ? Math.exp(score) : confidenceOf(-score);
  return confidence > 0 ? Math.min(1, confidence * confidence) : 0;
}

/** Public edges of the bins on the attack's own score scale; `bins + 1` of them, rising; for reports and plots. */
export function binEdges(attack: AttackName, bins: number): readonly number[] {
  return Array.from({ length: bins + 1 }, (_, index) => {
    const confidence = Math.sqrt(index / bins);
    if (attack === "confidence") return confidence;
    return attack === "loss" ? log(confidence) : -twoClassModifiedEntropy(confidence);
  });
}

/**
 * Attacks that order all records alike have one ROC: their histograms are looks at the same counts, so their noise may
 * be averaged and they are one trial, not several. The loss is a function of the confidence; with two classes the
 * modified entropy is too (−2(1 − c) ln c, falling in c).
 */
export function orderingsOf(attacks: readonly AttackName[], classes: number): readonly (readonly AttackName[])[] {
  const entropyApart = (attack: AttackName) => classes > 2 && attack === "modified-entropy";
  const byConfidence = attacks.filter((attack) => !entropyApart(attack));
  const byEntropy = attacks.filter(entropyApart);
  return [byConfidence, byEntropy].filter((ordering) => ordering.length > 0);
}

function modifiedEntropy({ probabilities, label }: RecordOutput): number {
  let entropy = 0;
  for (let index = 0; index < probabilities.length; index++) {
    const p = probabilities[index] ?? Number.NaN;
    entropy -= index === label ? (1 - p) * log(p) : p * log(1 - p);
  }
  return entropy;
}

function trueClass({ probabilities, label }: RecordOutput): number {
  return probabilities[label] ?? Number.NaN;
}

function twoClassModifiedEntropy(confidence: number): number {
  return -2 * (1 - confidence) * log(confidence);
}

const BISECTIONS = 60;

/**
 * Inverse of the two-class modified entropy, which falls from 138 at c = 0 to 0 at c = 1; beyond 138 (more classes):
 * 0.
 */
function confidenceOf(entropy: number): number {
  if (!(entropy > 0)) return Number.isNaN(entropy) ? Number.NaN : 1;
  let low = 0;
  let high = 1;
  for (let step = 0; step < BISECTIONS; step++) {
    const middle = (low + high) / 2;
    if (twoClassModifiedEntropy(middle) > entropy) low = middle;
    else high = middle;
  }
  return low;
}

/** NaN stays NaN: Math.max passes it on. */
function log(value: number): number {
  return Math.log(Math.max(value, LOG_FLOOR));
}
