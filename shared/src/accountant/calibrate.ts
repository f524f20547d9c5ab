import type { PrivacyEvent } from "../event/event.ts";
import { assert, Failure } from "../failure/failure.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { NoiseMultiplier } from "../units/privacy.ts";
import { epsilonOf } from "./convert.ts";
import { ORDERS } from "./orders.ts";
import { rdpPoissonGaussian } from "./poissonGaussian.ts";
import { addCurves, curveOf, curveOfEvents, type RdpCurve, scaleCurve, ZERO_CURVE } from "./rdp.ts";

/** What a study will do to one part of a data set, its training's σ still open. */
export interface OpenPlan {
  /** What was done to the same patients before, by its cost; nothing where it is left out. */
  readonly spent?: RdpCurve;
  /** Everything else on the same patients: evaluations, audit histograms. */
  readonly fixed: readonly PrivacyEvent[];
  readonly samplingRate: number;
  /** Training steps; 1 or more. */
  readonly steps: number;
  readonly epsilon: number;
  readonly delta: number;
}

/**
 * Least σ, rounded up to 1e-4, with which fixed events and all training steps stay ≤ ε at δ.
 * Throws `accounting/unaffordable` where the fixed events alone, or any noise below σ = 10⁶, cost more.
 */
export function leastNoiseMultiplier(plan: OpenPlan): NoiseMultiplier {
  const fixed = addCurves(plan.spent ?? ZERO_CURVE, curveOfEvents(plan.fixed));
  const fits = (ticks: number): boolean =>
    epsilonOf(withTraining(fixed, plan, ticks * NOISE_TICK), plan.delta) <= plan.epsilon;
  let enough = Math.round(1 / NOISE_TICK);
  let tooFew = 0;
  while (!fits(enough)) {
    tooFew = enough;
    enough *= 2;
    if (enough * NOISE_TICK > NOISE_MAX) throw unaffordable(epsilonOf(fixed, plan.delta), plan);
  }
  while (enough - tooFew > 1) {
    const middle = Math.floor((enough + tooFew) / 2);
    if (fits(middle)) enough = middle;
    else tooFew = middle;
  }
  // Printed and read again as the same decimal number: 22000 ticks are 2.2, not 2.2000000000000002.
  const noiseMultiplier = Number((enough * NOISE_TICK).toFixed(4));
  assert(
    epsilonOf(withTraining(fixed, plan, noiseMultiplier), plan.delta) <= plan.epsilon * (1 + 1e-9),
    "the least σ fits",
  );
  return NoiseMultiplier.parse(noiseMultiplier);
}

const NOISE_TICK = 1e-4;
const NOISE_MAX = 1e6;

function withTraining(fixed: RdpCurve, plan: OpenPlan, noiseMultiplier: number): RdpCurve {
  const values = rdpPoissonGaussian(plan.samplingRate, noiseMultiplier, ORDERS);
  return addCurves(fixed, scaleCurve({ values, maxLogRatio: 0, totalVariation: 0 }, plan.steps));
}

function unaffordable(fixedEpsilon: number, plan: OpenPlan): Failure {
  return new Failure({
    code: "accounting/unaffordable",
    kind: "config",
    what:
      `No noise makes ${plan.steps} steps fit under ε = ${plan.epsilon} at δ = ${plan.delta}: ` +
      `what else the plan does to the same patients costs ε = ${epsilonText(fixedEpsilon)}.`,
    remedy: "Raise privacy.epsilon, or lower the ε of the evaluation and the audit.",
    fields: { fixedEpsilon, epsilon: plan.epsilon, delta: plan.delta },
  });
}

/**
 * The largest number of further releases like `event` (its `count` is disregarded) that keeps everything ≤ ε at δ:
 * the last affordable round, computed. 0 when not even one fits, or `spent` is already above.
 */
export function affordableCount(spent: RdpCurve, event: PrivacyEvent, epsilon: number, delta: number): number {
  const one = curveOf({ ...event, count: 1 });
  const fits = (times: number): boolean => epsilonOf(addCurves(spent, scaleCurve(one, times)), delta) <= epsilon;
  if (!fits(1)) return 0;
  let affordable = 1;
  while (affordable < COUNT_MAX && fits(affordable * 2)) affordable *= 2;
  let tooMany = affordable * 2;
  while (tooMany - affordable > 1) {
    const middle = Math.floor((affordable + tooMany) / 2);
    if (fits(middle)) affordable = middle;
    else tooMany = middle;
  }
  return affordable;
}

/** More releases than any study makes; a search that reaches it stops there. */
const COUNT_MAX = 2 ** 40;

/** ε(t): what everything costs after each of the given numbers of releases like `event`. */
export function epsilonByCount(
  spent: RdpCurve,
  event: PrivacyEvent,
  counts: readonly number[],
  delta: number,
): readonly number[] {
  const one = curveOf({ ...event, count: 1 });
  return counts.map((count) => epsilonOf(addCurves(spent, scaleCurve(one, count)), delta));
}
