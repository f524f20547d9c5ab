import { z } from "zod";
import type { RecordOutput } from "../audit/attacks.ts";
import {
  addCells,
  type Cells,
  cellsOf,
  countScores,
  discreteLaplaceVariance,
  type HistogramShape,
  type NoisedHistogram,
  type ScoreHistogram,
  totalOf,
} from "../audit/histogram.ts";
import { aucInterval, clamp, normalQuantile } from "../audit/interval.ts";
import { Figure } from "../audit/report.ts";
import { distributionsOf } from "../audit/roc.ts";
import { isResolvable } from "../audit/strata.ts";
import type { StudyDocument } from "../study/document.ts";
import { concordanceOf, concordanceShape } from "./concordance.ts";

/**
 * How well a model tells classes apart, from noised histograms alone; no AUC with more than two classes. Of times in
 * intervals: how well it orders patients by risk, and nothing else.
 */
export const Evaluation = z.strictObject({
  auc: Figure.optional(),
  accuracy: Figure.optional(),
  concordance: Figure.optional(),
});
export type Evaluation = z.infer<typeof Evaluation>;

/** Of an evaluation's histogram, as the study has it. */
export function studyEvaluationShape({
  data,
  evaluation: { bins },
}: Pick<StudyDocument, "data" | "evaluation">): HistogramShape {
  if (data.survival !== undefined) return concordanceShape(data.survival.cuts.length, bins);
  return evaluationShape(data.label.values.length, bins);
}

/** What a study's evaluation came to, with intervals of that confidence. */
export function studyEvaluation(
  { data }: Pick<StudyDocument, "data">,
  histograms: readonly NoisedHistogram[],
  confidence: number,
): Evaluation {
  if (data.survival !== undefined)
    return { concordance: concordanceOf(histograms, normalQuantile(1 - (1 - confidence) / 2)) };
  return evaluationOf(histograms, data.label.values.length, confidence);
}

/** Shape of a classifier's histogram: score bins for each of two classes, else wrong and right. */
export function evaluationShape(modelClasses: number, bins: number): { classes: number; bins: number } {
  return modelClasses === 2 ? { classes: 2, bins } : { classes: 1, bins: 2 };
}

/**
 * Counts patients by true class and score (probability of class 1), or by right and wrong where there are more classes.
 * Each patient counts once: records' probabilities are averaged, the class is that of the first record.
 */
export function evaluationHistogram(
  patients: readonly (readonly RecordOutput[])[],
  modelClasses: number,
  bins: number,
): ScoreHistogram {
  const shape = evaluationShape(modelClasses, bins);
  const counted = patients.map((records) => {
    const probabilities = Array.from({ length: modelClasses }, (_, index) => meanProbability(records, index));
    const group = records[0]?.label ?? 0;
    if (modelClasses === 2) return { unit: probabilities[1] ?? 0, group };
    return { unit: probabilities.indexOf(Math.max(...probabilities)) === group ? 1 : 0, group: 0 };
  });
  return countScores(counted, shape.classes, shape.bins);
}

/**
 * AUC and accuracy (class 1 from a score of ½) over all sites' patients, each with an interval of `confidence` that
 * holds sampling, noise and the order inside bins. Throws nothing: what can't be told says so.
 */
export function evaluationOf(
  histograms: readonly NoisedHistogram[],
  modelClasses: number,
  confidence: number,
): Evaluation & { readonly accuracy: Figure } {
  const z = normalQuantile(1 - (1 - confidence) / 2);
  const all = addCells(histograms.map(({ counts, scale }) => ({ counts, variance: discreteLaplaceVariance(scale) })));
  if (modelClasses !== 2)
    return {
      accuracy: accuracyFigure(
        all,
        [
          [0, 0],
          [1, 1],
        ],
        z,
      ),
    };
  const negatives = addCells(histograms.map((histogram) => cellsOf(histogram, 0)));
  const positives = addCells(histograms.map((histogram) => cellsOf(histogram, 1)));
  return { auc: aucFigure(positives, negatives, z), accuracy: accuracyFigure(all, correctShares(negatives), z) };
}

function aucFigure(positives: Cells, negatives: Cells, z: number): Figure {
  if (!isResolvable(positives) || !isResolvable(negatives)) return TOO_FEW;
  const stratum = { sites: [], members: positives, nonMembers: negatives };
  return { state: "resolved", ...aucInterval(distributionsOf([stratum]), z, "binned") };
}

type Share = readonly [least: number, most: number];

/** Least and most share of each cell that is right: negatives below ½, positives from it; a bin over ½: either. */
function correctShares({ counts }: Cells): readonly Share[] {
  const bins = counts.length;
  const negative = counts.map((_, bin): Share => (2 * (bin + 1) <= bins ? [1, 1] : 2 * bin >= bins ? [0, 0] : [0, 1]));
  const positive = counts.map((_, bin): Share => (2 * bin >= bins ? [1, 1] : 2 * (bin + 1) <= bins ? [0, 0] : [0, 1]));
  return [...negative, ...positive];
}

/** Share of right cells in a noised total; its noise by the delta method. */
function accuracyFigure(cells: Cells, shares: readonly Share[], z: number): Figure {
  const total = totalOf(cells);
  if (!isResolvable(cells)) return TOO_FEW;
  const rate = (weight: (share: Share) => number) =>
    cells.counts.reduce((sum, value, index) => sum + value * weight(shares[index] ?? [0, 0]), 0) / total;
  const [least, most] = [rate(([low]) => low), rate(([, high]) => high)];
  const value = (least + most) / 2;
  const inside = clamp(value);
  const samplingVariance = (inside * (1 - inside)) / total;
  const noiseVariance =
    (shares.reduce((sum, [low, high]) => sum + ((low + high) / 2 - value) ** 2, 0) * cells.variance) / total ** 2;
  const margin = z * Math.sqrt(samplingVariance + noiseVariance);
  return {
    state: "resolved",
    low: clamp(Math.min(least, value) - margin),
    value: inside,
    high: clamp(Math.max(most, value) + margin),
    samplingStdDev: Math.sqrt(samplingVariance),
    noiseStdDev: Math.sqrt(noiseVariance),
    halfBin: Math.max(0, (most - least) / 2),
  };
}

const TOO_FEW: Figure = {
  state: "not-resolvable",
  why: "the noised number of patients is not 5 noise standard deviations above zero",
};

function meanProbability(records: readonly RecordOutput[], index: number): number {
  return records.reduce((sum, record) => sum + (record.probabilities[index] ?? Number.NaN), 0) / records.length;
}
