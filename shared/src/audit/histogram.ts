import { z } from "zod";
import type { AttackName, Audit, OutputAttack } from "../study/audit.ts";
import { patientScore, type RecordOutput, unitScore } from "./attacks.ts";

/** Counts that a discrete Laplace mechanism may noise: one patient moves exactly one of them by one. */
export interface ScoreHistogram {
  readonly kind: "histogram";
  /** Class by class, each class's bins from the lowest score up: cell = class · bins + bin. */
  readonly counts: number[];
  readonly l1Sensitivity: 1;
}

/** What left a site: integers with discrete Laplace noise of this scale, P(k) ∝ exp(−|k| / scale); may be negative. */
export const NoisedHistogram = z
  .strictObject({
    classes: z.number().int().min(1).max(1000),
    bins: z.number().int().min(1).max(1000),
    counts: z.array(z.number().int()),
    scale: z.number().positive(),
  })
  .refine(({ classes, bins, counts }) => counts.length === classes * bins, "counts: one for each class and bin");
export type NoisedHistogram = z.infer<typeof NoisedHistogram>;

/** Shape of a histogram: a count for each class and bin. */
export const HistogramShape = z.strictObject({
  classes: z.number().int().min(1).max(1000),
  bins: z.number().int().min(2).max(1000),
});
export type HistogramShape = z.infer<typeof HistogramShape>;

/** What of a study its audit's shapes follow from. */
interface Shaping {
  readonly audit: Pick<Audit, "bins" | "classes">;
  readonly data: { readonly label: { readonly values: readonly unknown[] } };
}

/**
 * Shape of one attack's histograms, fixed by the study: two bins for yes or no. Classes are pooled unless the study
 * wants them apart: then the same ε puts as much noise on each class's bins as on all together, and widens the interval
 * that the gate looks at.
 */
export function auditShape({ audit, data }: Shaping, attack: AttackName): HistogramShape {
  const classes = audit.classes === "apart" ? data.label.values.length : 1;
  return { classes, bins: attack === "correctness" ? 2 : audit.bins };
}

/** One counted patient: a score in [0, 1] and a class. */
export interface Counted {
  readonly unit: number;
  readonly group: number;
}

/**
 * Counts patients by class and equal bins of [0, 1]; the last bin is closed. `classes = 1` pools all classes.
 * Scores outside [0, 1] fall in the outer bins and NaN in the lowest, so that each patient counts exactly once.
 */
export function countScores(patients: readonly Counted[], classes: number, bins: number): ScoreHistogram {
  const counts = new Array<number>(classes * bins).fill(0);
  for (const { unit, group } of patients) {
    const bin = Math.max(0, Math.min(bins - 1, Math.floor(unit * bins) || 0));
    const cell = (classes === 1 ? 0 : group) * bins + bin;
    counts[cell] = (counts[cell] ?? 0) + 1;
  }
  return { kind: "histogram", counts, l1Sensitivity: 1 };
}

/**
 * One attack's histogram over patients, members or non-members; each patient with all of its records is one count, in
 * the class of its first record. Scores depend on the model and that patient alone, so the sensitivity is 1.
 */
export function attackHistogram(
  attack: OutputAttack,
  patients: readonly (readonly RecordOutput[])[],
  modelClasses: number,
  { classes, bins }: HistogramShape,
): ScoreHistogram {
  const counted = patients.map((records) => ({
    unit: unitScore(attack, patientScore(attack, records), modelClasses),
    group: records[0]?.label ?? 0,
  }));
  return countScores(counted, classes, bins);
}

/** Counts over bins, possibly averaged, with the variance that noise gave each. */
export interface Cells {
  readonly counts: readonly number[];
  /** Noise variance of each count, the same for all. */
  readonly variance: number;
}

/** Scales may differ from 1 / ε by the sampler's tick (`discreteLaplace.ts`), and by a share for what is kept as text. */
const SCALE_TOLERANCE = 1e-5;
const SCALE_STEP = 2 ** -20;

export function isScaleOf(scale: number, epsilon: number): boolean {
  return Math.abs(scale * epsilon - 1) <= SCALE_TOLERANCE || Math.abs(scale - 1 / epsilon) <= SCALE_STEP;
}

/** Where noise is all but absent (ε above 27 a histogram), so that precisions stay finite. */
const VARIANCE_FLOOR = 1e-12;

/** Variance of discrete Laplace noise: 2r / (1 − r)², r = exp(−1 / scale); Ghosh, Roughgarden & Sundararajan 2012. */
export function discreteLaplaceVariance(scale: number): number {
  const ratio = Math.exp(-1 / scale);
  return Math.max((2 * ratio) / Math.expm1(-1 / scale) ** 2, VARIANCE_FLOOR);
}

/** All classes together, or one of them. */
export function cellsOf(histogram: NoisedHistogram, group?: number): Cells {
  const { classes, bins, counts, scale } = histogram;
  const variance = discreteLaplaceVariance(scale);
  if (group !== undefined) return { counts: counts.slice(group * bins, (group + 1) * bins), variance };
  const summed = Array.from({ length: bins }, (_, bin) =>
    Array.from({ length: classes }, (_, index) => counts[index * bins + bin] ?? 0).reduce((a, b) => a + b, 0),
  );
  return { counts: summed, variance: variance * classes };
}

/** Best mean of independently noised looks at the same counts: weighted by inverse variance. */
export function averageCells(looks: readonly Cells[]): Cells {
  const precision = looks.reduce((sum, look) => sum + 1 / look.variance, 0);
  const bins = looks[0]?.counts.length ?? 0;
  const counts = Array.from({ length: bins }, (_, bin) =>
    looks.reduce((sum, look) => sum + (look.counts[bin] ?? 0) / look.variance / precision, 0),
  );
  return { counts, variance: 1 / precision };
}

/** Sum over disjoint groups of patients: counts and variances add. */
export function addCells(groups: readonly Cells[]): Cells {
  const bins = groups[0]?.counts.length ?? 0;
  const counts = Array.from({ length: bins }, (_, bin) =>
    groups.reduce((sum, group) => sum + (group.counts[bin] ?? 0), 0),
  );
  return { counts, variance: groups.reduce((sum, group) => sum + group.variance, 0) };
}

/** Patients in all bins together; noised, so it may be off by a few standard deviations √(bins · variance). */
export function totalOf(cells: Cells): number {
  return cells.counts.reduce((sum, value) => sum + value, 0);
}
