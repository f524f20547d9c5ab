import { z } from "zod";
import { Failure } from "../failure/failure.ts";
import { within } from "../ledger/budget.ts";
import { isUnaffordable } from "./affordable.ts";
import { epsilonsAfter, largest } from "./epsilonCurve.ts";
import { PartEpsilons, Signal } from "./plan.ts";
import { signalOf } from "./signal.ts";
import { requireDpSgd, TURNED, type Turned, type Variant, variantOf } from "./variant.ts";

/** Values that one number of the study takes in turn. */
export interface SweepAxis {
  readonly name: Turned;
  readonly values: readonly number[];
}

/** One study of a sweep; without figures where no noise fits its ε. */
export const SweepPoint = z.strictObject({
  q: z.number(),
  sigma: z.number().nullable(),
  rounds: z.number(),
  epsilonCap: z.number(),
  epsilon: PartEpsilons.nullable(),
  fits: z.boolean(),
  signal: Signal.nullable(),
});
export type SweepPoint = z.infer<typeof SweepPoint>;

const POINTS_MAX = 200;
const VALUES_DEFAULT = 5;

/** Every combination of the axes' values, the last axis fastest. */
export function sweep(study: Variant, axes: readonly SweepAxis[]): readonly SweepPoint[] {
  const count = axes.reduce((product, axis) => product * axis.values.length, 1);
  if (count > POINTS_MAX) throw tooMany(count);
  return combinations(axes).map((turns) => pointOf(study, turns));
}

/**
 * `q=0.01..0.2`: five values, each the same multiple of the one before; `sigma=0.8..3:9`: nine; `rounds=50,100,200`:
 * these. Throws `plan/bad-sweep`.
 */
export function parseSweep(text: string): SweepAxis {
  const [, name = "", range = ""] = /^([a-z]+)=(.+)$/.exec(text) ?? [];
  const known = TURNED.find((one) => one === name);
  if (known === undefined) throw badSweep(text);
  const values = known === "rounds" ? valuesOf(range).map(Math.round) : valuesOf(range);
  if (values.length === 0 || values.some((value) => !(value > 0 && Number.isFinite(value)))) throw badSweep(text);
  return { name: known, values: [...new Set(values)] };
}

function valuesOf(range: string): readonly number[] {
  const [, low, high, count] = /^([\d.e+-]+?)\.\.([\d.e+-]+?)(?::(\d{1,3}))?$/.exec(range) ?? [];
  if (low === undefined || high === undefined) return range.split(",").map(Number);
  const [first, last] = [Number(low), Number(high)];
  const steps = Math.max(2, Number(count ?? VALUES_DEFAULT)) - 1;
  // Four digits are what a study file would say.
  const between = (step: number): number => Number((first * (last / first) ** (step / steps)).toPrecision(4));
  return Array.from({ length: steps + 1 }, (_, step) => (step === 0 ? first : step === steps ? last : between(step)));
}

function combinations(axes: readonly SweepAxis[]): readonly Partial<Record<Turned, number>>[] {
  let turns: readonly Partial<Record<Turned, number>>[] = [{}];
  for (const { name, values } of axes)
    turns = turns.flatMap((turn) => values.map((value) => ({ ...turn, [name]: value })));
  return turns;
}

function pointOf(study: Variant, turns: Partial<Record<Turned, number>>): SweepPoint {
  const { privacy, training } = study.document;
  const asked = {
    q: turns.q ?? privacy.samplingRate,
    rounds: turns.rounds ?? training.rounds,
    epsilonCap: turns.epsilon ?? privacy.epsilon,
  };
  try {
    const document = requireDpSgd(variantOf(study, turns).document);
    const epsilon = epsilonsAfter(document, privacy.delta)(document.training.rounds, true);
    const total = largest(epsilon);
    const fits = total !== null && within(total, asked.epsilonCap);
    return { ...asked, sigma: document.privacy.noiseMultiplier, epsilon, fits, signal: signalOf(document) };
  } catch (error) {
    if (!isUnaffordable(error)) throw error;
    return { ...asked, sigma: null, epsilon: null, fits: false, signal: null };
  }
}

function tooMany(count: number): Failure {
  return new Failure({
    code: "plan/sweep-too-large",
    kind: "usage",
    what: `A sweep of ${count} studies is more than ${POINTS_MAX}.`,
    remedy: "Give fewer values: q=0.01..0.2:5 is five of them.",
  });
}

function badSweep(text: string): Failure {
  return new Failure({
    code: "plan/bad-sweep",
    kind: "usage",
    what: `'${text}' names no sweep.`,
    remedy: `Write NAME=LOW..HIGH, NAME=LOW..HIGH:COUNT or NAME=A,B,C; NAME is one of ${TURNED.join(", ")}.`,
  });
}
