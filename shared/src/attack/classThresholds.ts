/** A score with the class of its record. */
export interface ClassScore {
  readonly score: number;
  readonly label: number;
}

/** Members and non-members of one model. */
export interface Groups<T> {
  readonly members: readonly T[];
  readonly nonMembers: readonly T[];
}

/**
 * One threshold for each class, chosen on a shadow model: Song & Mittal 2021, arXiv:2003.10595, eq. 5, 7 and 9 (τ_y).
 * It is the shadow score at which TPR + TNR is largest; of equals the first, members before non-members. NaN for a
 * class that lacks shadow members or non-members.
 */
export function classThresholds({ members, nonMembers }: Groups<ClassScore>, classes: number): readonly number[] {
  return Array.from({ length: classes }, (_, label) => {
    const own = ({ label: its }: ClassScore) => its === label;
    return bestThreshold(members.filter(own).map(scoreOf), nonMembers.filter(own).map(scoreOf));
  });
}

/** Rates of "member where the score is at or above its class's threshold". */
export interface ThresholdRates {
  readonly tpr: number;
  readonly tnr: number;
  /** Their mean. */
  readonly accuracy: number;
}

export function ratesUnder(thresholds: readonly number[], { members, nonMembers }: Groups<ClassScore>): ThresholdRates {
  const isAbove = ({ score, label }: ClassScore) => score >= (thresholds[label] ?? Number.NaN);
  const tpr = members.filter(isAbove).length / members.length;
  const tnr = 1 - nonMembers.filter(isAbove).length / nonMembers.length;
  return { tpr, tnr, accuracy: (tpr + tnr) / 2 };
}

function bestThreshold(members: readonly number[], nonMembers: readonly number[]): number {
  const [inside, outside] = [Float64Array.from(members).sort(), Float64Array.from(nonMembers).sort()];
  let best = { threshold: Number.NaN, gain: Number.NEGATIVE_INFINITY };
  if (inside.length === 0 || outside.length === 0) return best.threshold;
  for (const threshold of [...members, ...nonMembers]) {
    // Counts: shares of equal size would be told apart by rounding.
    const truePositives = inside.length - countBelow(inside, threshold);
    const gain = truePositives * outside.length + countBelow(outside, threshold) * inside.length;
    if (gain > best.gain) best = { threshold, gain };
  }
  return best.threshold;
}

/** How many of rising values are below. */
function countBelow(rising: Float64Array, threshold: number): number {
  let [low, high] = [0, rising.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((rising[middle] ?? threshold) < threshold) low = middle + 1;
    else high = middle;
  }
  return low;
}

function scoreOf({ score }: ClassScore): number {
  return score;
}
