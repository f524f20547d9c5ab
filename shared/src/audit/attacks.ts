import { AttackName, type OutputAttack } from "../study/audit.ts";

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
 * - `entropy`: −H of the output, whatever the label; the same, eq. 6 and 7.
 * - `correctness`: 1 where the likeliest class is the label (the first of equals), else 0; the same, eq. 4.
 * NaN where the output is.
 */
export function attackScore(attack: OutputAttack, output: RecordOutput): number {
  switch (attack) {
    case "loss":
      return log(trueClass(output));
    case "confidence":
      return trueClass(output);
    case "modified-entropy":
      return -modifiedEntropy(output);
    case "entropy":
      return -entropy(output);
    case "correctness":
      return correctness(output);
  }
}

/**
 * One score a patient, so that each patient counts once: the mean over the patient's records (at least one); of
 * correctness, whether most of them are right: it stays a matter of yes or no.
 */
export function patientScore(attack: OutputAttack, records: readonly RecordOutput[]): number {
  const mean = records.reduce((sum, record) => sum + attackScore(attack, record), 0) / records.length;
  return attack === "correctness" && mean >= 0 ? Number(mean > 0.5) : mean;
}

/**
 * The score on a public scale in [0, 1] on which equal bins serve all attacks: c², where c is the confidence that a
 * two-class record with this score has. A calibrated classifier whose scores are uniform spreads its records evenly
 * over c², and even bins leave the fewest ties. It is strictly increasing, so it changes no ROC; it depends on no data.
 * NaN becomes 0: an output that is no number must not change what a site sends but by one count.
 * Entropy has no confidence: e^−H, which lies in [1 / classes, 1], is spread over [0, 1]. Correctness is 0 or 1.
 */
export function unitScore(attack: OutputAttack, score: number, classes: number): number {
  const unit = rawUnit(attack, score, classes);
  return unit > 0 ? Math.min(1, unit) : 0;
}

function rawUnit(attack: OutputAttack, score: number, classes: number): number {
  switch (attack) {
    case "confidence":
      return score ** 2;
    case "loss":
      return Math.exp(score) ** 2;
    case "modified-entropy":
      return confidenceOf(-score) ** 2;
    case "entropy":
      return (classes * Math.exp(score) - 1) / (classes - 1);
    case "correctness":
      return score;
  }
}

/**
 * Attacks that order all records alike have one ROC: their histograms are looks at the same counts, so their noise may
 * be averaged and they are one trial, not several. The loss is a function of the confidence; with two classes the
 * modified entropy is too (−2(1 − c) ln c, falling in c). All others order records in their own ways.
 */
export function orderingsOf<Name extends AttackName>(
  attacks: readonly Name[],
  classes: number,
): readonly (readonly Name[])[] {
  const orderingOf = (attack: AttackName): AttackName =>
    attack === "loss" || (attack === "modified-entropy" && classes === 2) ? "confidence" : attack;
  const orderings = AttackName.options.map((name) => attacks.filter((attack) => orderingOf(attack) === name));
  return orderings.filter((ordering) => ordering.length > 0);
}

/**
 * What patients in one bin are to an attacker: of `binned` scores any order may hide inside a bin; scores that are
 * `exact` tie in truth.
 */
export type Ties = "binned" | "exact";

export function tiesOf(ordering: readonly AttackName[]): Ties {
  return ordering.every((attack) => attack === "correctness") ? "exact" : "binned";
}

function modifiedEntropy({ probabilities, label }: RecordOutput): number {
  let entropy = 0;
  for (let index = 0; index < probabilities.length; index++) {
    const p = probabilities[index] ?? Number.NaN;
    entropy -= index === label ? (1 - p) * log(p) : p * log(1 - p);
  }
  return entropy;
}

function entropy({ probabilities }: RecordOutput): number {
  let sum = 0;
  for (let index = 0; index < probabilities.length; index++) {
    const p = probabilities[index] ?? Number.NaN;
    sum -= p * log(p);
  }
  return sum;
}

function correctness({ probabilities, label }: RecordOutput): number {
  const own = probabilities[label] ?? Number.NaN;
  if (Number.isNaN(own)) return own;
  for (let index = 0; index < probabilities.length; index++) {
    const other = probabilities[index] ?? Number.NaN;
    if (Number.isNaN(other)) return other;
    if (other > own || (other === own && index < label)) return 0;
  }
  return 1;
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
