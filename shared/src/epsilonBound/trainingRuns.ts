import { betaQuantile } from "../distribution/beta.ts";

/** What a distinguisher said of *independent training runs*: those with the record in, and those without it. */
export interface RunCounts {
  readonly truePositives: number;
  readonly positives: number;
  readonly falsePositives: number;
  readonly negatives: number;
}

export interface RunBounds {
  /**
   * Upper confidence bounds of both error rates, each at 1 − significance / 2, so that both hold at 1 − significance.
   */
  readonly fnrUpper: number;
  readonly fprUpper: number;
  /** Lower bound on ε from both inequalities of (ε, δ)-DP. */
  readonly twoSided: number;
  /** From TPR ≤ e^ε FPR + δ alone. */
  readonly tprOverFpr: number;
  /** `twoSided` from Jeffreys' intervals: shorter, and without the guarantee that they cover. */
  readonly jeffreys: number;
}

/**
 * Lower bounds on ε from the error rates of a distinguisher over independent training runs: Kairouz, Oh & Viswanath
 * 2015, arXiv:1311.0776, Theorem 2.1 (TPR ≤ e^ε FPR + δ, TNR ≤ e^ε FNR + δ), with rates bounded by Clopper & Pearson
 * 1934, as Nasr et al. 2021, arXiv:2101.04535. The members of one run are no independent trials: this does not hold for
 * them.
 */
export function epsilonOfRuns(counts: RunCounts, significance: number, delta: number): RunBounds {
  const { truePositives, positives, falsePositives, negatives } = counts;
  const falseNegatives = positives - truePositives;
  const fnrUpper = clopperPearsonUpper(falseNegatives, positives, significance / 2);
  const fprUpper = clopperPearsonUpper(falsePositives, negatives, significance / 2);
  const fnrJeffreys = jeffreysUpper(falseNegatives, positives, significance / 2);
  const fprJeffreys = jeffreysUpper(falsePositives, negatives, significance / 2);
  return {
    fnrUpper,
    fprUpper,
    twoSided: Math.max(epsilonOfRates(fnrUpper, fprUpper, delta), epsilonOfRates(fprUpper, fnrUpper, delta)),
    tprOverFpr: epsilonOfRates(fnrUpper, fprUpper, delta),
    jeffreys: Math.max(
      epsilonOfRates(fnrJeffreys, fprJeffreys, delta),
      epsilonOfRates(fprJeffreys, fnrJeffreys, delta),
    ),
  };
}

/** The rate at which `count` or fewer of `trials` have probability `significance`; 1 where all failed. */
export function clopperPearsonUpper(count: number, trials: number, significance: number): number {
  return count >= trials ? 1 : betaQuantile(1 - significance, count + 1, trials - count);
}

/** Quantile of the posterior under Jeffreys' prior, Beta(½, ½); 1 where all failed. */
function jeffreysUpper(count: number, trials: number, significance: number): number {
  return count >= trials ? 1 : betaQuantile(1 - significance, count + 0.5, trials - count + 0.5);
}

/** log((1 − miss − δ) / alarm), 0 where that says nothing. */
function epsilonOfRates(miss: number, alarm: number, delta: number): number {
  const caught = 1 - miss - delta;
  return caught > alarm ? Math.log(caught / alarm) : 0;
}
