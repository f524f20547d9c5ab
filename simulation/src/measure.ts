import { z } from "zod";
import type { RunResult } from "./result.ts";

/** Figures of a run that a plot or table may show. */
export const Measure = z.enum([
  "epsilon",
  "trainingEpsilon",
  "recordEpsilon",
  "heldAccuracy",
  "heldAccuracyOfSites",
  "heldAuc",
  "trainAccuracy",
  "trainAuc",
  "attackAuc",
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
  heldAccuracy: { name: "accuracy, held-out patients", of: ({ exact }) => exact.held.accuracy },
  heldAccuracyOfSites: {
    name: "accuracy, held-out patients, mean over sites",
    of: ({ exact: { heldOfSites } }) => {
      const known = heldOfSites.flatMap(({ accuracy }) => accuracy ?? []);
      return known.length === 0 ? null : known.reduce((sum, accuracy) => sum + accuracy, 0) / known.length;
    },
  },
  heldAuc: { name: "AUC, held-out patients", of: ({ exact }) => exact.held.auc },
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
  const middle = values.length / 2;
  const [below, above] = [values[Math.ceil(middle) - 1] ?? low, values[Math.floor(middle)] ?? high];
  return { median: (below + above) / 2, low, high, count: values.length };
}
