import { chargesAfter, type PlannedCharge } from "../study/charges.ts";
import type { StudyDocument } from "../study/document.ts";
import type { DatasetId, SiteName } from "../units/identity.ts";
import { epsilonWith, within } from "./budget.ts";
import { Part } from "./entry.ts";
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
  /** Most training rounds that the caps leave room for, with all evaluations up to there and the audit. */
  readonly affordableRounds: number;
}

/** For each data set with a cap at a site of the study, in the order of the study's sites. */
export function whatIf(state: LedgerState, document: StudyDocument): readonly WhatIf[] {
  const chargesOf = chargesAfter(document);
  const planned = chargesOf(document.training.rounds, true);
  return document.sites.flatMap(({ name }) =>
    [...state.caps.values()]
      .filter(({ site }) => site === name)
      .map(({ site, dataset, epsilon: cap, perStudy, delta }) => {
        const limit = Math.min(cap, perStudy ?? cap);
        const over = (charges: readonly PlannedCharge[]): number => largest(state, site, dataset, delta, charges);
        const alone = (charges: readonly PlannedCharge[]): number =>
          largest(state, site, dataset, delta, charges, document);
        const fits = (charges: readonly PlannedCharge[]): boolean =>
          within(over(charges), cap) && within(alone(charges), limit);
        const after = over(planned);
        return {
          site,
          dataset,
          cap,
          delta,
          before: over([]),
          after,
          left: Math.max(0, cap - after),
          fits: fits(planned),
          affordableRounds: affordableRounds(document.training.rounds, (rounds) => fits(chargesOf(rounds, true))),
        };
      }),
  );
}

function largest(
  state: LedgerState,
  site: SiteName,
  dataset: DatasetId,
  delta: number,
  charges: readonly PlannedCharge[],
  alone?: StudyDocument,
): number {
  return Math.max(
    ...Part.options.map((part) => {
      const events = charges.filter((charge) => charge.part === part).map(({ event }) => event);
      return epsilonWith(state, { site, dataset, part }, events, delta, alone?.name);
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
