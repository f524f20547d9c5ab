import { valueCount } from "../study/contract.ts";
import type { StudyDocument } from "../study/document.ts";
import type { PartEpsilons, Sanitized } from "./plan.ts";

/** A use that one may want of sanitized records: noise of a tenth of a number's range, nine labels in ten kept. */
const USEFUL_NOISE = 0.1;
const USEFUL_KEPT = 0.9;

/**
 * What it would take to hand out the same records once, each noised by itself, instead of training privately.
 *
 * - The promise: (ε, δ) for one patient more or less is (2ε, (1 + e^ε)δ) for one replaced, which is what noised records
 *   can promise. Two steps: P(x) ≤ e^ε·P(x′) + δ ≤ e^ε·(e^ε·P(x″) + δ) + δ (as in Vadhan 2017, Lemma 2.2).
 * - Its share of each column: a record's columns, each number of an array, and its label compose (Dwork & Roth 2014,
 *   Theorem 3.14), and so do a patient's m records.
 * - A number in a public range gets Laplace noise of scale range / ε₁, hence standard deviation √2·range / ε₁ (Dwork,
 *   McSherry, Nissim & Smith 2006). Pure ε₁.
 * - A category of k values stays what it is with probability e^ε₁ / (e^ε₁ + k − 1), else it becomes another at random
 *   (Warner 1965; Kairouz, Bonawitz & Ramage 2016, arXiv:1602.07387).
 *
 * Both sides then promise a patient the same. What a model learns from either is another question, and no formula's.
 */
export function sanitizedInstead(document: StudyDocument, { train }: Pick<PartEpsilons, "train">): Sanitized {
  const { columns, label, maxRecordsPerPatient: records } = document.data;
  const own = train ?? document.privacy.epsilon;
  const numbers = columns.reduce((sum, column) => sum + (column.type === "category" ? 0 : valueCount(column)), 0);
  const epsilon = 2 * own;
  const classes = label.values.length;
  const odds = USEFUL_KEPT / (1 - USEFUL_KEPT);
  const ofCategory = (values: number): number => Math.log(odds * (values - 1));
  const categories = [
    label.values,
    ...columns.flatMap((column) => (column.type === "category" ? [column.values] : [])),
  ];
  const perColumn = epsilon / (records * (numbers + categories.length));
  const useful =
    (numbers * Math.SQRT2) / USEFUL_NOISE + categories.reduce((sum, { length }) => sum + ofCategory(length), 0);
  return {
    epsilon,
    delta: Math.min(1, (1 + Math.exp(own)) * document.privacy.delta),
    recordsPerPatient: records,
    epsilonPerColumn: perColumn,
    noiseOfNumber: numbers === 0 ? null : Math.SQRT2 / perColumn,
    labelKept: keptOf(perColumn, classes),
    labelGuessed: 1 / classes,
    epsilonForUse: records * useful,
  };
}

/** Randomised response of k values: e^ε / (e^ε + k − 1), without overflow. */
function keptOf(epsilon: number, values: number): number {
  return 1 / (1 + (values - 1) * Math.exp(-epsilon));
}
