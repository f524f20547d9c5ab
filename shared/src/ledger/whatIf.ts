import { addCurves, curveOf, type RdpCurve, ZERO_CURVE } from "../accountant/rdp.ts";
import { chargesAfter, type PlannedCharge } from "../study/charges.ts";
import type { StudyDocument } from "../study/document.ts";
import { epsilonAtOnce, overlapFigures, pointwiseMax } from "../study/overlap.ts";
import type { DatasetId, SiteName } from "../units/identity.ts";
import { bookedCurve, epsilonWith } from "./budget.ts";
import { Part } from "./entry.ts";
import { type Passed, passedLimit } from "./limit.ts";
import type { LedgerState } from "./state.ts";

/** What a whole study would do to one data set's budget; nothing is charged. */
export interface WhatIf {
  readonly site: SiteName;
  readonly dataset: DatasetId;
  readonly cap: number;
  readonly delta: number;
  /** ε at the cap's δ with all that is spent and reserved, and with the whole study on top; largest over the parts. */
  readonly before: number;
  readonly after: number;
  /** ε under the cap that would be left. */
  readonly left: number;
  readonly fits: boolean;
  /** The first limit that it would pass: a cap, or the ε that the study itself names. */
  readonly refusedBy: Passed | null;
  /** Most training rounds that all limits leave room for, with all evaluations up to there and the audit. */
  readonly affordableRounds: number;
}

/** For each data set with a cap at a site of the study, in the order of the study's sites. */
export function whatIf(state: LedgerState, document: StudyDocument, day: number): readonly WhatIf[] {
  const chargesOf = chargesAfter(document);
  const planned = chargesOf(document.training.rounds, true);
  return document.sites.flatMap(({ name }) =>
    [...state.caps.values()]
      .filter(({ site }) => site === name)
      .map(({ site, dataset, epsilon: cap, delta }) => {
        const over = (charges: readonly PlannedCharge[]): number => largest(state, site, dataset, delta, charges);
        const passed = (charges: readonly PlannedCharge[]): Passed | null =>
          passedLimit(state, { site, dataset, document }, charges, day);
        const after = over(planned);
        const refusedBy = passed(planned);
        return {
          site,
          dataset,
          cap,
          delta,
          before: over([]),
          after,
          left: Math.max(0, cap - after),
          fits: refusedBy === null,
          refusedBy,
          affordableRounds: affordableRounds(
            document.training.rounds,
            (rounds) => passed(chargesOf(rounds, true)) === null,
          ),
        };
      }),
  );
}

/** A patient at all sites of a declared group at once: ε at the study's δ, now over all studies and with this one. */
export interface OverlapAfter {
  readonly sites: readonly SiteName[];
  readonly before: number;
  readonly after: number;
}

/** For each group that the study declares; a site with several data sets counts its costliest one, part by part. */
export function overlapAfter(state: LedgerState, document: StudyDocument): readonly OverlapAfter[] {
  const planned = chargesAfter(document)(document.training.rounds, true);
  const { delta } = document.privacy;
  const figures = (charges: readonly PlannedCharge[]) =>
    overlapFigures(document.overlap, (site) => bookedAt(state, site, charges), delta);
  const after = figures(planned);
  return figures([]).map(({ sites, epsilon }, index) => ({
    sites,
    before: epsilon,
    after: after[index]?.epsilon ?? epsilon,
  }));
}

/** A patient at all of these sites at once: ε at δ with all that is spent and reserved there, over all studies. */
export function epsilonAcross(state: LedgerState, sites: readonly SiteName[], delta: number): number {
  return epsilonAtOnce(
    sites.map((site) => bookedAt(state, site, [])),
    delta,
  );
}

function bookedAt(state: LedgerState, site: SiteName, charges: readonly PlannedCharge[]): RdpCurve[] {
  const datasets = [...state.caps.values()].filter((cap) => cap.site === site).map(({ dataset }) => dataset);
  return Part.options.map((part) => {
    const booked = datasets
      .map((dataset) => bookedCurve(state, { site, dataset, part }))
      .reduce(pointwiseMax, ZERO_CURVE);
    const own = charges.flatMap((charge) => (charge.part === part ? [curveOf(charge.event)] : []));
    return own.reduce(addCurves, booked);
  });
}

function largest(
  state: LedgerState,
  site: SiteName,
  dataset: DatasetId,
  delta: number,
  charges: readonly PlannedCharge[],
): number {
  return Math.max(
    ...Part.options.map((part) => {
      const events = charges.filter((charge) => charge.part === part).map(({ event }) => event);
      return epsilonWith(state, { site, dataset, part }, events, delta);
    }),
  );
}

/** ε grows with the rounds, so the largest number that fits is found by halving. */
function affordableRounds(planned: number, fits: (rounds: number) => boolean): number {
  let [affordable, tooMany] = [0, planned + 1];
  while (tooMany - affordable > 1) {
    const middle = Math.floor((affordable + tooMany) / 2);
    if (fits(middle)) affordable = middle;
    else tooMany = middle;
  }
  return affordable;
}
