import { leastNoiseMultiplier } from "../accountant/calibrate.ts";
import { epsilonOf, epsilonOfEvents } from "../accountant/convert.ts";
import { addCurves, curveOf, type RdpCurve, ZERO_CURVE } from "../accountant/rdp.ts";
import type { PrivacyEvent } from "../event/event.ts";
import { ofEachPart, type Part } from "../ledger/entry.ts";
import { plannedCharges, plannedEvents } from "./charges.ts";
import { type DpSgdStudy, StudyDocument } from "./document.ts";

/** What a study's noise has to fit: ε at δ of its training patients, beside what was done to them before. */
export interface NoiseTarget {
  readonly epsilon: number;
  readonly delta: number;
  readonly spent?: RdpCurve;
}

/** Everything that the study may do to one part of a data set. */
export function eventsOf(document: StudyDocument, part: Part): readonly PrivacyEvent[] {
  return plannedEvents(document).flatMap((charge) => (charge.part === part ? [charge.event] : []));
}

/** ε that the whole study costs at a site, for each part: what must stay ≤ privacy.epsilon. */
export function plannedEpsilons(document: StudyDocument): Readonly<Record<Part, number>> {
  const cost = (part: Part): number => epsilonOfEvents(eventsOf(document, part), document.privacy.delta);
  return ofEachPart(cost);
}

/** What is done once to the training patients, before the steps and after them. */
function besideSteps(document: StudyDocument): readonly PrivacyEvent[] {
  return [...plannedCharges(document, "normalise"), ...plannedCharges(document, "audit")].flatMap(({ part, event }) =>
    part === "train" ? [event] : [],
  );
}

/**
 * The least σ with which normalisation, all training rounds and the audit fit the target; the document's own σ is
 * disregarded. Null where no σ is proven, because the sampler's own distance from the Gaussian passes δ; throws
 * `accounting/unaffordable` where what else the study does passes the target.
 */
export function leastNoiseOf(document: DpSgdStudy, target: NoiseTarget): number | null {
  const { samplingRate } = document.privacy;
  const { epsilon, delta, spent = ZERO_CURVE } = target;
  const fixed = besideSteps(document);
  const steps = document.training.rounds * document.training.localSteps;
  return withSamplerDistance(
    document,
    leastNoiseMultiplier({ spent, fixed, samplingRate, steps, epsilon, delta }),
    target,
  );
}

/**
 * The least σ is found for ideal noise. Noise on the integers costs a little more between integer orders, and a
 * sampler's own distance is charged too: from there it climbs, in steps that double, then halves the last one. Null: no
 * σ.
 */
function withSamplerDistance(open: DpSgdStudy, ideal: number, target: NoiseTarget): number | null {
  const { epsilon, delta, spent = ZERO_CURVE } = target;
  const noiseAt = (ticks: number): number => Number((ideal + ticks * NOISE_TICK).toFixed(4));
  const fits = (ticks: number): boolean => {
    const document = StudyDocument.parse({ ...open, privacy: { ...open.privacy, noiseMultiplier: noiseAt(ticks) } });
    return epsilonOf(eventsOf(document, "train").map(curveOf).reduce(addCurves, spent), delta) <= epsilon;
  };
  if (fits(0)) return ideal;
  let enough = 1;
  while (!fits(enough)) {
    enough *= 2;
    if (enough * NOISE_TICK > Math.max(CLIMB_MAX * ideal, CLIMB_TICKS_MIN * NOISE_TICK)) return null;
  }
  let tooFew = Math.floor(enough / 2);
  while (enough - tooFew > 1) {
    const middle = Math.floor((enough + tooFew) / 2);
    if (fits(middle)) enough = middle;
    else tooFew = middle;
  }
  return noiseAt(enough);
}

const NOISE_TICK = 1e-4;

/**
 * Between integer orders the integers cost less than a hundredth of σ more. Where this much doesn't do, the sampler isn't
 * proven for so little noise, or (1 + e^ε) times its tail passes δ: at ε above 60 or so, or where δ is absurd.
 */
const CLIMB_MAX = 0.05;
const CLIMB_TICKS_MIN = 128;
