import { epsilonOf } from "../accountant/convert.ts";
import { addCurves, curveOf, type RdpCurve, ZERO_CURVE } from "../accountant/rdp.ts";
import { ofEachPart, Part } from "../ledger/entry.ts";
import { chargesAfter } from "../study/charges.ts";
import type { StudyDocument } from "../study/document.ts";
import type { CurvePoint, PartEpsilons } from "./plan.ts";

/** What was done to each part of a data set before, by its cost. */
export type SpentCurves = Readonly<Record<Part, RdpCurve>>;
export const NOTHING_BEFORE: SpentCurves = ofEachPart(() => ZERO_CURVE);

/** More points than a plot has columns of pixels tell nobody more. */
const POINTS_MAX = 120;

/**
 * ε(t): what each part has paid after so many rounds, by the very charges that both ledgers will book; from 0 rounds,
 * over at most some hundred of them, to all rounds with the audit.
 */
export function epsilonCurve(document: StudyDocument, delta: number, spent = NOTHING_BEFORE): readonly CurvePoint[] {
  const { rounds } = document.training;
  const at = epsilonsAfter(document, delta, spent);
  const points = shownRounds(rounds, document.evaluation.everyRounds).map((round) => ({ round, audited: false }));
  return [...points, { round: rounds, audited: true }].map(({ round, audited }) => ({
    round,
    audited,
    epsilon: at(round, audited),
  }));
}

/** The same after any number of rounds. */
export function epsilonsAfter(
  document: StudyDocument,
  delta: number,
  spent = NOTHING_BEFORE,
): (rounds: number, audited: boolean) => PartEpsilons {
  const chargesOf = chargesAfter(document);
  return (rounds, audited) => {
    const charges = chargesOf(rounds, audited);
    const cost = (part: Part): number | null => {
      const own = charges.flatMap((charge) => (charge.part === part ? [curveOf(charge.event)] : []));
      return bounded(epsilonOf(own.reduce(addCurves, spent[part]), delta));
    };
    return ofEachPart(cost);
  };
}

/** ε of the part that pays most: a data set's figure. Null where one part has no bound. */
export function largest(epsilons: PartEpsilons): number | null {
  const values = Part.options.map((part) => epsilons[part]);
  return values.includes(null) ? null : Math.max(...values.map((value) => value ?? 0));
}

/** JSON knows no ∞. */
export function bounded(epsilon: number): number | null {
  return Number.isFinite(epsilon) ? epsilon : null;
}

/** 0, the last round, those between at even distances, and the evaluations where there is room for them. */
function shownRounds(rounds: number, everyRounds: number): readonly number[] {
  const step = Math.max(1, Math.ceil(rounds / (POINTS_MAX / 2)));
  const evaluationStep = everyRounds * Math.max(1, Math.ceil(rounds / everyRounds / (POINTS_MAX / 2)));
  const shown = new Set([0, rounds]);
  for (let round = step; round < rounds; round += step) shown.add(round);
  for (let round = evaluationStep; round < rounds; round += evaluationStep) shown.add(round);
  return [...shown].sort((a, b) => a - b);
}
