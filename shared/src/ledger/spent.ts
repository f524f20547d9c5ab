import { epsilonOf } from "../accountant/convert.ts";
import { zeroOutCurve, zeroOutCurveOf } from "../accountant/zeroOut.ts";
import type { DatasetId, SiteName, StudyName } from "../units/identity.ts";
import { bookedCurve } from "./budget.ts";
import { ofEachPart, Part } from "./entry.ts";
import { accountOf, capOf, type LedgerState, studiesOn } from "./state.ts";
import { NOTHING_TALLIED, stepsOf } from "./tally.ts";

/**
 * What one site's data set has paid, at its cap's δ. A patient is in one part alone: each figure is the largest over
 * parts.
 */
export interface Spending {
  readonly site: SiteName;
  readonly dataset: DatasetId;
  readonly delta: number;
  /** Cap on ε over all studies. */
  readonly cap: number;
  /** Charges acting or committed: everything ever done to this data set. */
  readonly epsilon: number;
  /** The same with what is reserved; never above the cap unless the cap was lowered or charges were recovered. */
  readonly reservedEpsilon: number;
  /** Training alone: Gaussian steps on the train part. */
  readonly trainingEpsilon: number;
  readonly parts: Readonly<Record<Part, number>>;
  readonly studies: readonly StudySpending[];
}

export interface StudySpending {
  readonly study: StudyName;
  readonly epsilon: number;
  readonly reservedEpsilon: number;
  readonly trainingEpsilon: number;
}

/** What every data set with a cap has spent, in order of site and data set. */
export function allSpending(state: LedgerState): readonly Spending[] {
  return [...state.caps.values()]
    .sort((a, b) => a.site.localeCompare(b.site, "en") || a.dataset.localeCompare(b.dataset, "en"))
    .flatMap(({ site, dataset }) => spendingOf(state, site, dataset) ?? []);
}

/** What one data set has spent; undefined where no cap (hence no δ, and no charge) exists. */
export function spendingOf(state: LedgerState, site: SiteName, dataset: DatasetId): Spending | undefined {
  const cap = capOf(state, site, dataset);
  if (cap === undefined) return undefined;
  const { delta } = cap;
  const spentOn = (part: Part) => accountOf(state, site, dataset, part)?.spent ?? NOTHING_TALLIED;
  const partEpsilon = (part: Part): number => epsilonOf(zeroOutCurve(spentOn(part)), delta);
  const parts = ofEachPart(partEpsilon);
  return {
    site,
    dataset,
    delta,
    cap: cap.epsilon,
    epsilon: Math.max(...Object.values(parts)),
    reservedEpsilon: overParts((part) => epsilonOf(bookedCurve(state, { site, dataset, part }), delta)),
    trainingEpsilon: epsilonOf(zeroOutCurve(stepsOf(spentOn("train"))), delta),
    parts,
    studies: studiesOn(state, site, dataset).map((study) => studySpending(state, site, dataset, study, delta)),
  };
}

function studySpending(
  state: LedgerState,
  site: SiteName,
  dataset: DatasetId,
  study: StudyName,
  delta: number,
): StudySpending {
  const spentIn = (part: Part) => accountOf(state, site, dataset, part)?.spentByStudy.get(study) ?? NOTHING_TALLIED;
  return {
    study,
    epsilon: overParts((part) => epsilonOf(zeroOutCurve(spentIn(part)), delta)),
    reservedEpsilon: overParts((part) => epsilonOf(bookedCurve(state, { site, dataset, part }, study), delta)),
    trainingEpsilon: epsilonOf(zeroOutCurve(stepsOf(spentIn("train"))), delta),
  };
}

/**
 * ε of everything acting or committed on a data set, from the events themselves and nothing else: what an auditor
 * computes, with this accountant or a later one.
 */
export function reaccount(state: LedgerState, site: SiteName, dataset: DatasetId, delta: number): number {
  const whole = [...state.sanitizings.values()].flatMap(({ body }) =>
    body.site === site && body.dataset === dataset ? body.events : [],
  );
  return overParts((part) => {
    const events = [...state.charges.values()]
      .filter(({ body }) => body.site === site && body.dataset === dataset && body.part === part)
      .filter((charge) => charge.state === "acting" || charge.state === "committed")
      .map(({ body }) => body.event);
    return epsilonOf(zeroOutCurveOf([...events, ...whole]), delta);
  });
}

function overParts(epsilon: (part: Part) => number): number {
  return Math.max(...Part.options.map(epsilon));
}
