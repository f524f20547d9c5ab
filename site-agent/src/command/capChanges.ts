import { Failure } from "@consilium/shared/failure/failure";
import { CapChange, type CapsInForce, periodText, unwiseCap } from "@consilium/shared/ledger/cap";
import type { CapView } from "@consilium/shared/ledger/capView";
import { DatasetId, type StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { StudySummary } from "../control/request.ts";
import { DatasetBudget, type RaiseView } from "../ledger/budget.ts";
import { askSite, type CommandContext, decideAs, type StewardOptions, stewardOf } from "./context.ts";
import type { ChangeWords } from "./flags.ts";
import { granterOf } from "./granter.ts";
import { epsilonCell, runnable } from "./output.ts";

/** Why, and who decides. */
interface Decided {
  readonly reason: string;
  readonly steward: StewardOptions;
}

/** Lowers a cap at once, or sets one for a study or a period beside the data set's. */
export async function lower(
  context: CommandContext,
  name: string,
  words: ChangeWords,
  { reason, steward }: Decided,
): Promise<void> {
  const { dataset, budget, change } = await asked(context, name, words);
  if (change.of === "study") await sayWhetherKnown(context, change.study);
  const question = `${changeText(change)} on ${dataset}, ${standingText(budget, change)}. Lower it?`;
  const { signer } = await stewardOf(context, steward, question);
  await decideAs(context, signer, () => ({ action: "lower-cap", dataset, change, reason }));
  context.output.result({ dataset, change }, [
    `${changeText(change)} on ${dataset}, from now on.`,
    runnable("Next: consilium-site budget show"),
  ]);
}

/** A cap may come before its study; a name that was mistyped bounds nothing. */
async function sayWhetherKnown(context: CommandContext, study: StudyName): Promise<void> {
  const studies = await askSite(context, { ask: "studies" }, z.array(StudySummary));
  if (studies.some(({ name }) => name === study)) return;
  const known = studies.map(({ name }) => name).join(", ");
  context.output.say(
    `No study ${study} was proposed here${known === "" ? "" : ` (only ${known})`}: the cap waits for one.`,
  );
}

/** Asks that a cap be raised: another steward grants it, or nothing changes. */
export async function raise(
  context: CommandContext,
  name: string,
  words: ChangeWords,
  { reason, steward }: Decided,
): Promise<void> {
  const { dataset, budget, change } = await asked(context, name, words);
  for (const line of unwiseCap(change)) context.output.say(line);
  const question = `${changeText(change)} on ${dataset}, ${standingText(budget, change)}. Ask for it?`;
  const { signer } = await stewardOf(context, steward, question);
  await decideAs(context, signer, () => ({ action: "ask-raise", dataset, change, reason }));
  const asking = (await budgetOf(context, dataset)).raises.at(-1);
  context.output.result({ dataset, raise: asking ?? null }, [
    `Raise ${asking?.number ?? "?"}: ${changeText(change)} on ${dataset}. Nothing has changed yet.`,
    runnable(`Next, by another steward: consilium-site budget grant ${asking?.number ?? "N"} --as NAME --reason WHY`),
  ]);
}

/** Grants or refuses a raise that was asked for; whoever asked may only take it back. */
export async function settle(
  context: CommandContext,
  number: number,
  isGranted: boolean,
  { reason, steward }: Decided,
): Promise<void> {
  const budgets = await askSite(context, { ask: "budget" }, z.array(DatasetBudget));
  const waiting = budgets.flatMap((budget) => budget.raises.map((one) => ({ budget, one })));
  const found = waiting.find(({ one }) => one.number === number);
  if (found === undefined || found.one.settled !== null) throw noRaise(number, found?.one);
  const { dataset, change, by, request } = found.one;
  context.output.say(`Raise ${number} of ${dataset}, asked for by ${by}: ${found.one.reason}`);
  context.output.say(`${changeText(change)}, ${standingText(found.budget, change)}.`);
  for (const line of isGranted ? unwiseCap(change) : []) context.output.say(line);
  const as = isGranted ? await granterOf(context, by, steward) : steward.as;
  const { signer } = await stewardOf(context, { ...steward, as }, `${isGranted ? "Grant" : "Refuse"} it?`);
  await decideAs(context, signer, () => ({ action: "settle-raise", request, isGranted, reason }));
  context.output.result({ number, dataset, change, isGranted }, [
    isGranted ? `${changeText(change)} on ${dataset}, from now on.` : `Raise ${number} is refused; nothing changed.`,
    runnable("Next: consilium-site budget show"),
  ]);
}

/** For people: "cap over all studies: ε ≤ 8 at δ = 0.0001". */
export function changeText(change: CapChange): string {
  const to = (epsilon: number | null): string => (epsilon === null ? "none" : `ε ≤ ${epsilon}`);
  switch (change.of) {
    case "data-set": {
      const each = change.perStudy === undefined ? "" : `, ε ≤ ${change.perStudy} for each study`;
      return `Cap over all studies: ${to(change.epsilon)} at δ = ${change.delta}${each}`;
    }
    case "study":
      return `Cap for study ${change.study}: ${to(change.epsilon)}`;
    case "period":
      return `Cap for ${periodText(change.period)}: ${to(change.epsilon)}`;
  }
}

async function asked(context: CommandContext, name: string, words: ChangeWords) {
  const dataset = DatasetId.parse(name);
  const budget = await budgetOf(context, dataset);
  return { dataset, budget, change: changeOf(words, dataset, budget.cap) };
}

/** What the words say of a cap; of the one over all studies what they don't name stays. */
function changeOf(words: ChangeWords, dataset: DatasetId, known: CapsInForce | null): CapChange {
  const { study, period, lift = false, epsilon, delta, perStudy } = words;
  const isOne = study !== undefined || period !== undefined;
  const isClear = isOne
    ? (study === undefined || period === undefined) && delta === undefined && perStudy === undefined
    : !lift && (epsilon !== undefined || delta !== undefined || perStudy !== undefined);
  if (!isClear || (isOne && (epsilon === undefined) !== lift)) throw unclear(dataset);
  if (study !== undefined) return CapChange.parse({ of: "study", study, epsilon: epsilon ?? null });
  if (period !== undefined) return CapChange.parse({ of: "period", period, epsilon: epsilon ?? null });
  if (known === null) throw noCap(dataset);
  const each = perStudy ?? known.perStudy;
  return CapChange.parse({
    of: "data-set",
    epsilon: epsilon ?? known.epsilon,
    delta: delta ?? known.delta,
    ...(each === undefined ? {} : { perStudy: each }),
  });
}

async function budgetOf(context: CommandContext, dataset: DatasetId): Promise<DatasetBudget> {
  const budgets = await askSite(context, { ask: "budget" }, z.array(DatasetBudget));
  const budget = budgets.find((one) => one.dataset === dataset);
  if (budget !== undefined) return budget;
  throw new Failure({
    code: "data/unknown",
    kind: "usage",
    what: `No data set ${dataset} is registered at this site.`,
    remedy: `See consilium-site data list, or register it: consilium-site data register ${dataset} PATH`,
  });
}

/** What the cap is now, and what is booked under that very cap: "now ε ≤ 2, of which ε 1.20 is spent or reserved". */
function standingText({ standing, caps }: DatasetBudget, change: CapChange): string {
  const now = standing.find((cap) => isSameCap(cap, change))?.epsilon ?? null;
  const under = caps.find((view) => isSameCap(view, change));
  const booked = under === undefined ? "" : `, of which ε ${epsilonCell(under.booked)} is spent or reserved`;
  return now === null && under !== undefined
    ? `so far none of its own: ε ≤ ${under.epsilon}${booked}`
    : `now ${now === null ? "none" : `ε ≤ ${now}`}${booked}`;
}

interface WhichCap {
  readonly of: CapChange["of"];
  readonly study?: StudyName | null;
  readonly period?: CapView["period"];
}

function isSameCap(a: WhichCap, b: WhichCap): boolean {
  return a.of === b.of && (a.study ?? null) === (b.study ?? null) && (a.period ?? null) === (b.period ?? null);
}

function unclear(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/change-unclear",
    kind: "usage",
    what: "Name one cap and its new ε: --epsilon alone, or with --study NAME or --period PERIOD (there also --lift).",
    remedy: `For instance: consilium-site budget lower ${dataset} --period calendar-year --epsilon 2`,
  });
}

function noCap(dataset: DatasetId): Failure {
  return new Failure({
    code: "budget/no-cap",
    kind: "refused",
    what: `Data set ${dataset} has no cap over all studies yet.`,
    remedy: `Set it first: consilium-site budget cap ${dataset} --epsilon E --delta D`,
  });
}

function noRaise(number: number, known: RaiseView | undefined): Failure {
  const done = known?.settled?.isGranted === true ? "granted" : "refused";
  return new Failure({
    code: "budget/raise-unknown",
    kind: "refused",
    what: known === undefined ? `No raise ${number} was asked for.` : `Raise ${number} was ${done} already.`,
    remedy: "See what waits: consilium-site budget show",
  });
}
