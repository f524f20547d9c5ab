import { evaluationOf, evaluationShape } from "../metric/evaluation.ts";
import type { StudyDocument } from "../study/document.ts";
import { isScaleOf, type NoisedHistogram } from "./histogram.ts";
import type { UtilityReport } from "./report.ts";

const CONFIDENCE = 0.95;

/** Deterministic, so that anyone can compute it again. */
export function utilityReport(
  made: UtilityReport["made"],
  sites: UtilityReport["sites"],
  classes: number,
): UtilityReport {
  const sorted = [...sites].sort((a, b) => (a.site < b.site ? -1 : 1));
  const histograms = sorted.map(({ histogram }) => histogram);
  return { made, sites: sorted, evaluation: evaluationOf(histograms, classes, CONFIDENCE) };
}

/** Whether a histogram has the signed study's shape and noise. */
export function isUtilityOf({ evaluation, data, audit }: StudyDocument, histogram: NoisedHistogram): boolean {
  const shape = evaluationShape(data.label.values.length, evaluation.bins);
  const isShaped = histogram.classes === shape.classes && histogram.bins === shape.bins;
  return isShaped && isScaleOf(histogram.scale, audit.epsilon.nonMembers);
}
