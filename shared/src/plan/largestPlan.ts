import type { RdpCurve } from "../accountant/rdp.ts";
import { bookedUnder } from "../ledger/capFilter.ts";
import { ofEachPart, type Part } from "../ledger/entry.ts";
import { limitsOn, limitText, type Passed, type Purse } from "../ledger/limit.ts";
import type { LedgerState } from "../ledger/state.ts";
import { isDpSgd, type StudyDocument } from "../study/document.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { type Limit, leastNoiseUnder, mostRounds } from "./affordable.ts";
import type { Affordable } from "./plan.ts";

/**
 * The largest plan that every limit on a data set still affords, beside all that is booked: most rounds at the study's
 * σ, evaluations and audit included, and the least σ for all of its rounds (null where no noise is enough).
 */
export function largestPlan(state: LedgerState, purse: Purse, day: number): Affordable {
  const limits = limitsBeside(state, purse, day);
  const noiseMultiplier = limits.length === 0 ? null : leastNoiseUnder(purse.document, limits);
  return { rounds: furtherRounds(state, purse, day), noiseMultiplier };
}

/** Most training rounds that a study may still do beside all that is booked, its own included; 0 without a cap. */
export function furtherRounds(state: LedgerState, purse: Purse, day: number): number {
  const rounds = limitsBeside(state, purse, day).map((limit) => mostRounds(purse.document, limit));
  return rounds.length === 0 ? 0 : Math.min(...rounds);
}

function limitsBeside(state: LedgerState, purse: Purse, day: number): readonly Limit[] {
  const { site, dataset } = purse;
  return limitsOn(state, purse).map((limit): Limit => {
    const { epsilon, delta } = limit;
    const spent = (part: Part): RdpCurve => bookedUnder(state, limit, { site, dataset, part }, day);
    return { epsilon, delta, spent: ofEachPart(spent) };
  });
}

/** For whoever was refused: what would fit. */
export function largestPlanText({ rounds, noiseMultiplier }: Affordable, document: StudyDocument): string {
  const planned = document.training.rounds;
  if (!isDpSgd(document)) return `With their evaluations and the audit, ${rounds} of ${planned} rounds fit.`;
  const byRounds = rounds === 0 ? "not one round fits" : `${rounds} of ${planned} rounds fit at the study's σ`;
  const byNoise =
    noiseMultiplier === null ? "no noise makes all of them fit" : `all ${planned} fit from σ = ${noiseMultiplier} on`;
  return `The largest plan that fits, audit included: ${byRounds}; ${byNoise}.`;
}

/** Which limit charges would pass, whose ε that counts, and how far: "the training patients … would reach ε = …". */
export function passedText({ limit, part, epsilon }: Passed, { dataset, document }: Purse): string {
  const counted =
    limit.study === null
      ? `data set ${dataset} over all studies${limit.period === null ? "" : " of the period"}`
      : `study ${document.name} alone`;
  return (
    `the ${PATIENTS_OF[part]} of ${counted} would reach ε = ${epsilonText(epsilon)} at δ = ${limit.delta}; ` +
    `the limit is ${limitText(limit)}`
  );
}

const PATIENTS_OF: Readonly<Record<Passed["part"], string>> = {
  train: "training patients",
  validation: "validation patients",
  audit: "audit hold-out's patients",
  reference: "reference part's patients",
};
