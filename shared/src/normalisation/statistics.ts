import type { PrivacyEvent } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import { type IntegerSum, wholeGaussian } from "../mechanism/discreteGaussian.ts";
import { type NormalisationRule, statisticsCount } from "./rule.ts";

/**
 * Steps of a unit: means and their squares are rounded to them, patient by patient. A rounded number is never above
 * this, so rounding adds nothing to the sensitivity.
 */
export const STATISTIC_STEPS = 2 ** 16;

/** One patient's mean of each normalised column over its records, in [−1, 1]: the public range, scaled. */
export type PatientMeans = readonly number[];

/**
 * Sums over patients, each of whom counts once however many its records are. Adding or removing one moves
 * (1, u₁, u₁², …, u_k, u_k²), |u| ≤ 1, or one bin of each of k columns: by at most √(1 + 2k) units or √k counts in L2.
 * The count is summed too, and not taken from the study: a few patients more or less than the public number would move
 * a variance by as much as their share of the squared mean, which is most of it where a range is far too wide.
 */
export function sumStatistics(rule: NormalisationRule, columns: number, patients: Iterable<PatientMeans>): IntegerSum {
  const values = new Array<number>(statisticsCount(rule, columns)).fill(0);
  const add = (at: number, what: number): void => {
    values[at] = (values[at] ?? 0) + what;
  };
  for (const means of patients) {
    assert(means.length === columns, "a patient has one mean a column");
    for (const [at, what] of patientStatistics(rule, means)) add(at, what);
  }
  return { kind: "integer-sum", values, l2Sensitivity: statisticsSensitivity(rule, columns) };
}

/** What one patient adds, by place. */
function* patientStatistics(rule: NormalisationRule, means: PatientMeans): Generator<readonly [number, number]> {
  if (rule.by === "mean-and-deviation") yield [0, STATISTIC_STEPS];
  for (const [column, mean] of means.entries()) {
    // Whatever a prepared file may hold, nobody adds more than the sensitivity says.
    const value = Number.isFinite(mean) ? Math.min(1, Math.max(-1, mean)) : 0;
    if (rule.by === "quantiles") {
      const bin = Math.min(rule.bins - 1, Math.floor(((value + 1) / 2) * rule.bins));
      yield [column * rule.bins + bin, 1];
    } else {
      yield [1 + 2 * column, Math.round(value * STATISTIC_STEPS)];
      yield [2 + 2 * column, Math.round(value * value * STATISTIC_STEPS)];
    }
  }
}

/** Of the integers; never below the true one, which is the root of an integer. */
export function statisticsSensitivity(rule: NormalisationRule, columns: number): number {
  return rule.by === "quantiles" ? rootAbove(columns) : STATISTIC_STEPS * rootAbove(1 + 2 * columns);
}

/** What the round does to a site's training patients: one Gaussian on the whole part, exactly drawn. */
export function normalisationEvent({ noiseMultiplier }: NormalisationRule): PrivacyEvent {
  return wholeGaussian(noiseMultiplier);
}

/** Exact for squares; else a little more than the root, whose float64 may lie half a last place below it. */
function rootAbove(square: number): number {
  const root = Math.sqrt(square);
  return Number.isInteger(root) ? root : root * (1 + 2 ** -50);
}
