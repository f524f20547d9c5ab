import { epsilonOf } from "../accountant/convert.ts";
import { addCurves, curveOf, curveOfEvents, type RdpCurve } from "../accountant/rdp.ts";
import type { LocalSteps } from "../contribution/pseudoGradient.ts";
import type { PrivacyEvent } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import { ofEachPart, Part } from "../ledger/entry.ts";
import type { RoundPurpose } from "../protocol/messages.ts";
import type { SiteName } from "../units/identity.ts";
import type { AgainRule } from "./again.ts";
import { chargesAfter } from "./charges.ts";
import type { StudyDocument } from "./document.ts";
import { referenceRounds } from "./modelLines.ts";

/** One round of the study's public schedule; an evaluation or audit bears the number of its model's last step. */
export interface ScheduledRound {
  readonly purpose: RoundPurpose;
  readonly round: number;
}

const NORMALISATION: ScheduledRound = { purpose: "normalise", round: 0 };

/** What has been done to each part of a data set already. */
export type SpentEvents = Readonly<Record<Part, readonly PrivacyEvent[]>>;

export const NOTHING_SPENT: SpentEvents = ofEachPart(() => []);

/**
 * Every round in order: normalisation and the steps of reference models where the study asks for them, training steps
 * 1 … T, an evaluation after each `everyRounds` of them, the choice of generators where there are some, one audit at the
 * end. `lastRound` < T where the budget ends
 * sooner; then the schedule is the shorter study's.
 */
export function scheduleOf(document: StudyDocument, lastRound = document.training.rounds): readonly ScheduledRound[] {
  if (document.again !== undefined) return lastRound >= 1 ? [secondAudit(document.again)] : [];
  const schedule: ScheduledRound[] = [];
  if (document.normalisation !== undefined && lastRound >= 1) schedule.push(NORMALISATION);
  for (let round = 1; lastRound >= 1 && round <= referenceRounds(document); round++)
    schedule.push({ purpose: "reference", round });
  if (lastRound >= 1 && document.audit.shadow !== undefined) schedule.push(shadowOf(document));
  for (let round = 1; round <= Math.min(lastRound, document.training.rounds); round++) {
    schedule.push({ purpose: "train", round });
    if (round % document.evaluation.everyRounds === 0) schedule.push({ purpose: "evaluate", round });
  }
  const steps = schedule.at(-1)?.round;
  if (steps !== undefined && document.generator !== undefined) schedule.push({ purpose: "choose", round: steps });
  if (steps !== undefined) schedule.push({ purpose: "audit", round: steps });
  return schedule;
}

/** What comes after a round that was committed; the first round after `null`, and `null` after the audit. */
export function roundAfter(
  document: StudyDocument,
  done: ScheduledRound | null,
  lastRound = document.training.rounds,
): ScheduledRound | null {
  const last = Math.min(lastRound, document.training.rounds);
  if (last < 1 || done?.purpose === "audit") return null;
  if (document.again !== undefined) return secondAudit(document.again);
  if (done === null && document.normalisation !== undefined) return NORMALISATION;
  if (done === null || done.purpose === "normalise" || done.purpose === "reference") {
    const round = done?.purpose === "reference" ? done.round + 1 : 1;
    if (round <= referenceRounds(document)) return { purpose: "reference", round };
    return document.audit.shadow === undefined ? FIRST_STEP : shadowOf(document);
  }
  if (done.purpose === "shadow") return FIRST_STEP;
  if (done.purpose === "train" && done.round % document.evaluation.everyRounds === 0)
    return { purpose: "evaluate", round: done.round };
  if (done.purpose === "choose") return { purpose: "audit", round: done.round };
  return done.round < last ? { purpose: "train", round: done.round + 1 } : afterTraining(document, done.round);
}

/** All that a second audit of a released model does; it bears that model's round. */
function secondAudit({ model }: AgainRule): ScheduledRound {
  return { purpose: "audit", round: model.round };
}

const FIRST_STEP: ScheduledRound = { purpose: "train", round: 1 };

/** A look at the last reference model; it bears the number of its last step. */
function shadowOf(document: StudyDocument): ScheduledRound {
  return { purpose: "shadow", round: referenceRounds(document) };
}

/** What follows the last step that is taken: generators are chosen before the audit, which looks at what they make. */
export function afterTraining({ generator }: Pick<StudyDocument, "generator">, round: number): ScheduledRound {
  return { purpose: generator === undefined ? "audit" : "choose", round };
}

/**
 * Number of the last training round such that it, all rounds before it, their evaluations and the audit stay ≤ ε at δ
 * at a site where `spent` was done before; 0 when none does. Computed by the filter's own RDP sums, so it is exact.
 */
export function lastAffordableRound(
  document: StudyDocument,
  epsilon: number,
  delta: number,
  spent: SpentEvents = NOTHING_SPENT,
): number {
  const before = ofEachPart((part) => curveOfEvents(spent[part]));
  return lastRoundBeside(document, epsilon, delta, before);
}

/** The same where what was done before is known by its cost alone. */
export function lastRoundBeside(
  document: StudyDocument,
  epsilon: number,
  delta: number,
  spent: Readonly<Record<Part, RdpCurve>>,
): number {
  const chargesOf = chargesAfter(document);
  const fits = (rounds: number): boolean => {
    const charges = chargesOf(rounds, true);
    return Part.options.every((part) => {
      const own = charges.filter((charge) => charge.part === part).map(({ event }) => curveOf(event));
      return epsilonOf(own.reduce(addCurves, spent[part]), delta) <= epsilon;
    });
  };
  let affordable = 0;
  let tooMany = document.training.rounds + 1;
  while (tooMany - affordable > 1) {
    const middle = Math.floor((affordable + tooMany) / 2);
    if (fits(middle)) affordable = middle;
    else tooMany = middle;
  }
  return affordable;
}

/**
 * Divisor of a step: the expected batch of its contributors, q times their public patients, never the realised one.
 * Sums clipped to another norm than the signed C came scaled by C / it (`ClipRule`), which the divisor takes back.
 */
export function divisorOf(
  document: StudyDocument,
  contributors: readonly SiteName[],
  roundNorm = document.privacy.clippingNorm,
): number {
  const patients = document.sites
    .filter(({ name }) => contributors.includes(name))
    .reduce((total, site) => total + site.patients, 0);
  assert(new Set(contributors).size === contributors.length, "each contributor counts once");
  assert(patients > 0, "a step has contributors of its study");
  return document.privacy.samplingRate * patients * (document.privacy.clippingNorm / roundNorm);
}

/** What a site does between two exchanges, by the public numbers of the signed study; undefined for one step. */
export function localStepsOf(document: StudyDocument, site: SiteName): LocalSteps | undefined {
  const { localSteps: steps, local } = document.training;
  if (local === undefined) return undefined;
  return { steps, ...local, expectedBatch: divisorOf(document, [site]) };
}
