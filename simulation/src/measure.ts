import { z } from "zod";
import type { RunResult } from "./result.ts";

/** Figures of a run that a plot or table may show. */
export const Measure = z.enum([
  "epsilon",
  "trainingEpsilon",
  "recordEpsilon",
  "idealEpsilon",
  "heldAccuracy",
  "heldAccuracyOfSites",
  "heldAuc",
  "heldBalancedAccuracy",
  "trainAccuracy",
  "trainAuc",
  "attackAuc",
  "heldConcordance",
  "heldConcordanceOfSites",
  "noisedConcordance",
  "noisedAttackAuc",
  "noisedAccuracy",
  "noisedAuc",
  "syntheticOnReal",
  "realOnReal",
  "realOnSynthetic",
  "noisedUtility",
  "seconds",
]);
export type Measure = z.infer<typeof Measure>;

export const MEASURES: Readonly<Record<Measure, { readonly name: string; of(run: RunResult): number | null }>> = {
  epsilon: { name: "ε of a patient", of: ({ epsilon }) => epsilon },
  trainingEpsilon: {
    name: "ε of training alone",
    of: ({ sites }) => (sites.length === 0 ? null : Math.max(...sites.map((site) => site.trainingEpsilon))),
  },
  recordEpsilon: { name: "ε of a sanitized record", of: ({ recordEpsilon }) => recordEpsilon },
  idealEpsilon: { name: "ε of an ideal Gaussian, not proven here", of: (run) => run.idealEpsilon ?? null },
  heldAccuracy: { name: "accuracy, held-out patients", of: ({ exact }) => exact.held.accuracy },
  heldAccuracyOfSites: {
    name: "accuracy, held-out patients, mean over sites",
    of: ({ exact: { heldOfSites } }) => meanOf(heldOfSites.flatMap(({ accuracy }) => accuracy ?? [])),
  },
  heldConcordance: { name: "c-index, held-out patients", of: ({ exact }) => exact.concordance?.held ?? null },
  heldConcordanceOfSites: {
    name: "c-index, held-out patients, mean over sites",
    of: ({ exact: { concordance } }) => meanOf((concordance?.ofSites ?? []).flatMap(({ held }) => held ?? [])),
  },
  noisedConcordance: { name: "c-index, as noised", of: ({ noised }) => noised.concordance?.value ?? null },
  heldAuc: { name: "AUC, held-out patients", of: ({ exact }) => exact.held.auc },
  heldBalancedAccuracy: {
    name: "balanced accuracy, held-out patients",
    of: ({ exact }) => exact.held.balancedAccuracy ?? null,
  },
  trainAccuracy: { name: "accuracy, training patients", of: ({ exact }) => exact.train.accuracy },
  trainAuc: { name: "AUC, training patients", of: ({ exact }) => exact.train.auc },
  attackAuc: { name: "best attack's AUC", of: ({ exact }) => exact.bestAttackAuc },
  noisedAttackAuc: { name: "best attack's AUC, as noised", of: ({ noised }) => noised.bestAttackAuc?.value ?? null },
  noisedAccuracy: { name: "accuracy, as noised", of: ({ noised }) => noised.accuracy?.value ?? null },
  noisedAuc: { name: "AUC, as noised", of: ({ noised }) => noised.auc?.value ?? null },
  syntheticOnReal: {
    name: "AUC, taught by synthetic",
    of: ({ exact }) => exact.synthetic?.syntheticOnReal.auc ?? null,
  },
  realOnReal: {
    name: "AUC, taught by real",
    of: ({ exact }) => exact.synthetic?.realOnReal.auc ?? null,
  },
  realOnSynthetic: {
    name: "AUC on synthetic records",
    of: ({ exact }) => exact.synthetic?.realOnSynthetic.auc ?? null,
  },
  noisedUtility: {
    name: "the same, as noised",
    of: ({ noised }) => noised.utility?.value ?? null,
  },
  seconds: { name: "seconds", of: ({ seconds }) => seconds },
};

function meanOf(values: readonly number[]): number | null {
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}

/** Of several repetitions. */
export interface Spread {
  readonly median: number;
  readonly low: number;
  readonly high: number;
  readonly count: number;
}

/** Null where no run has the figure. */
export function spreadOf(measure: Measure, runs: readonly RunResult[]): Spread | null {
  const values = runs.flatMap((run) => MEASURES[measure].of(run) ?? []).sort((a, b) => a - b);
  const [low, high] = [values[0], values.at(-1)];
  if (low === undefined || high === undefined) return null;
  return { median: medianOf(values), low, high, count: values.length };
}

/** NaN of nothing. */
export function medianOf(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length / 2;
  const [below = Number.NaN, above = Number.NaN] = [sorted[Math.ceil(middle) - 1], sorted[Math.floor(middle)]];
  return (below + above) / 2;
}
