import type { PricedEvent } from "../event/pricedEvent.ts";
import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { type Charged, charged } from "./charged.ts";
import { uniformBelow } from "./exactBernoulli.ts";

type ResponseEvent = Extract<PricedEvent, { kind: "randomised-response" }>;

/**
 * Each of `answers`, a number in 0 … values − 1, stays what it is with probability odds / (odds + values − 1), else it
 * becomes one of the others, each alike; odds ≤ e^ε (Warner 1965; Kairouz, Bonawitz & Ramage 2016, arXiv:1602.07387,
 * eq. 7). Exact: odds is a fraction of integers. A patient has at most `answersPerPatient` of them.
 */
export function randomiseAnswers(
  answers: Int32Array,
  { values, epsilon, answersPerPatient }: ResponseRule,
  random: RandomSource,
): Charged<Int32Array, ResponseEvent> {
  assert(Number.isSafeInteger(values) && values >= 2 && values <= VALUES_MAX, "an answer is one of 2 to 2²⁰ values");
  assert(epsilon > 0 && epsilon <= EPSILON_MAX, "ε of an answer is positive and at most 20");
  assert(Number.isSafeInteger(answersPerPatient) && answersPerPatient >= 1, "a patient has answers");
  // A trifle less than e^ε, which a float64 has but for its last bits.
  const truth = Math.max(TICK, Math.floor(TICK * Math.exp(epsilon) * (1 - 2 ** -50)));
  const all = BigInt(truth) + BigInt(values - 1) * BigInt(TICK);
  const noised = answers.map((answer) => {
    assert(Number.isSafeInteger(answer) && answer >= 0 && answer < values, "an answer is one of the values");
    const draw = Number(uniformBelow(all, random));
    if (draw < truth) return answer;
    const other = Math.floor((draw - truth) / TICK);
    return other < answer ? other : other + 1;
  });
  return charged(noised, [
    { kind: "randomised-response", adjacency: "replace", values, odds: truth / TICK, count: answersPerPatient },
  ]);
}

export interface ResponseRule {
  readonly values: number;
  readonly epsilon: number;
  readonly answersPerPatient: number;
}

/** Odds are multiples of 2⁻²⁰. */
const TICK = 2 ** 20;
const VALUES_MAX = 2 ** 20;
/** Odds · 2²⁰ stay safe integers, and so does the whole. */
const EPSILON_MAX = 20;
