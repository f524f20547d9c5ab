import { Failure } from "@consilium/shared/failure/failure";
import { today } from "@consilium/shared/ledger/capFilter";
import { limitText, passedByWhole, usesByWhole } from "@consilium/shared/ledger/limit";
import { replay } from "@consilium/shared/ledger/replay";
import type { LedgerState } from "@consilium/shared/ledger/state";
import type { LabelRule, SanitizerMethod } from "@consilium/shared/sanitizer/method";
import { type PlannedRelease, type PublicCounts, plannedRelease } from "@consilium/shared/sanitizer/plannedRelease";
import { epsilonLeftText, epsilonText } from "@consilium/shared/units/epsilonText";
import type { DatasetId, SiteName } from "@consilium/shared/units/identity";
import { readConfig } from "../config.ts";
import type { CommandContext } from "./context.ts";
import { wholeLedger } from "./ledger.ts";
import { type MethodOptions, methodOf } from "./sanitizeMethod.ts";

/** What is going to be done, as far as public numbers say it. */
export interface Plan extends PlannedRelease {
  readonly method: SanitizerMethod;
  readonly labels: LabelRule;
}

export function planOf(options: MethodOptions, labels: LabelRule, counts: PublicCounts): Plan {
  const method = methodOf(options, counts.columns);
  return { method, labels, ...plannedRelease(method, labels, counts) };
}

/** The ledger as it stands, for one data set of this site. */
export interface Purse {
  readonly state: LedgerState;
  readonly on: { readonly site: SiteName; readonly dataset: DatasetId };
  readonly day: number;
}

export async function purseOf(context: CommandContext, dataset: DatasetId): Promise<Purse> {
  const { name: site } = await readConfig(context.folder.config, context.environment);
  const state = replay(site, await wholeLedger(context));
  return { state, on: { site, dataset }, day: today(state, new Date()) };
}

/** What caps would have left; throws where one would be passed, with the largest ε that fits. Nothing is spent. */
export function leftLines({ state, on, day }: Purse, plan: Plan, largest: () => number | null): string[] {
  if (plan.events.length === 0) return ["Nothing is charged: two stewards sign for what leaves."];
  const uses = usesByWhole(state, on, plan.events, day);
  if (uses.length === 0) throw noCap(on.dataset);
  const passed = passedByWhole(state, on, plan.events, day);
  if (passed !== null) {
    const fits = largest();
    throw new Failure({
      code: "budget/cap-exceeded",
      kind: "refused",
      what:
        `With this, ${on.dataset} would reach ε = ${epsilonText(passed.epsilon)} under ${limitText(passed.limit)}. ` +
        (fits === null ? "No ε of this method fits." : `The largest --epsilon that fits is ${fits}.`),
      remedy: "Ask for less, or have the stewards raise the cap. Nothing was spent.",
      fields: { limit: passed.limit.epsilon, ...(fits === null ? {} : { affordable: fits }) },
    });
  }
  return uses.map(({ limit, epsilon }) => {
    const left = epsilonLeftText(Math.max(0, limit.epsilon - epsilon));
    return `All patients would have paid ε = ${epsilonText(epsilon)} of ${limitText(limit)}; ${left} would be left.`;
  });
}

const HALVINGS = 30;

/** Largest ε of the same method that every cap lets through, rounded down to four digits; null where none does. */
export function largestEpsilon(
  { state, on, day }: Purse,
  options: MethodOptions,
  labels: LabelRule,
  counts: PublicCounts,
): number | null {
  const fits = (epsilon: number): boolean => {
    try {
      return passedByWhole(state, on, planOf({ ...options, epsilon }, labels, counts).events, day) === null;
    } catch (error) {
      // So little ε that its noise is beyond what is drawn exactly.
      if (error instanceof Failure) return false;
      throw error;
    }
  };
  let [affordable, tooMuch] = [0, options.epsilon];
  for (let step = 0; step < HALVINGS; step++) {
    const middle = (affordable + tooMuch) / 2;
    if (fits(middle)) affordable = middle;
    else tooMuch = middle;
  }
  const unit = affordable === 0 ? 1 : 10 ** (Math.floor(Math.log10(affordable)) - 3);
  const told = Number((Math.floor(affordable / unit) * unit).toPrecision(4));
  return told > 0 && fits(told) ? told : null;
}

function noCap(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/no-cap",
    kind: "refused",
    what: `Data set ${dataset} has no cap yet: nothing may be charged to it.`,
    remedy: `Have the steward set one: consilium-site budget cap ${dataset} --epsilon E --delta D`,
  });
}
