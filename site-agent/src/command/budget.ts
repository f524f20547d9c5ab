import { periodText, unwiseCap } from "@consilium/shared/ledger/cap";
import { Notice } from "@consilium/shared/ledger/notice";
import { epsilonLeftText } from "@consilium/shared/units/epsilonText";
import { DatasetId } from "@consilium/shared/units/identity";
import { z } from "zod";
import { DatasetBudget, type RaiseView } from "../ledger/budget.ts";
import { Cap } from "../steward/statement.ts";
import { changeText } from "./capChanges.ts";
import { askSite, type CommandContext, decideAs, type StewardOptions, stewardOf, whyApart } from "./context.ts";
import { epsilonCell, runnable, table } from "./output.ts";

export async function show(context: CommandContext): Promise<void> {
  const budgets = await askSite(context, { ask: "budget" }, z.array(DatasetBudget));
  const rows = budgets.map(({ dataset, cap, spending, left, frozen }) => [
    dataset,
    epsilonCell(spending?.epsilon ?? null),
    epsilonCell(spending?.reservedEpsilon ?? null),
    cap === null ? "none" : capText(cap),
    cap === null ? "-" : epsilonLeftText(left),
    frozen ? "frozen" : "",
  ]);
  const studies = budgets.flatMap(({ dataset, spending }) =>
    (spending?.studies ?? []).map(({ study, epsilon, trainingEpsilon }) => [
      dataset,
      study,
      epsilonCell(epsilon),
      epsilonCell(trainingEpsilon),
    ]),
  );
  const apart = await whyApart(context);
  const waiting = budgets.flatMap(({ raises }) => raises.filter(({ settled }) => settled === null));
  const given = budgets.flatMap(({ notices: all }) => all);
  context.output.result({ datasets: budgets, apart }, [
    ...(apart === null ? [] : [`Not all that was spent may be counted here. ${apart.what}`, apart.remedy, ""]),
    ...table(["data set", "ε spent", "with reserved", "cap (all studies)", "left", ""], rows),
    ...(studies.length === 0 ? [] : ["", ...table(["data set", "study", "ε", "training alone"], studies)]),
    ...otherCaps(budgets),
    ...sanitizedLines(budgets),
    ...(waiting.length === 0 ? [] : ["", ...waiting.flatMap(raiseLines)]),
    ...(given.length === 0 ? [] : ["", ...given.map(noticeLine)]),
    ...(budgets.length === 0 ? [runnable("No data set yet: consilium-site data register NAME PATH")] : []),
  ]);
}

/** "4 at δ = 0.0001, 2 for each study" */
function capText({ epsilon, delta, perStudy }: Cap): string {
  return `${epsilon} at δ = ${delta}${perStudy === undefined ? "" : `, ${perStudy} for each study`}`;
}

/** What was done to a whole data set once; a charge without a file stays spent. */
function sanitizedLines(budgets: readonly DatasetBudget[]): string[] {
  const lines = budgets.flatMap(({ dataset, sanitizings }) =>
    sanitizings.map(({ charge, at, words, isWritten }) => {
      const unwritten = isWritten
        ? ""
        : " No file was finished for it: the charge stays spent, a new file is a new one.";
      return `${at}  ${dataset} sanitized: ${words} (${charge}).${unwritten}`;
    }),
  );
  return lines.length === 0 ? [] : ["", ...lines];
}

/** Those beside the cap over all studies. */
function otherCaps(budgets: readonly DatasetBudget[]): string[] {
  const rows = budgets.flatMap(({ dataset, caps }) =>
    caps
      .filter(({ of }) => of !== "data-set")
      .map(({ study, period, epsilon, booked, left }) => [
        dataset,
        study ?? (period === null ? "" : periodText(period)),
        epsilonCell(booked),
        String(epsilon),
        epsilonLeftText(left),
      ]),
  );
  return rows.length === 0 ? [] : ["", ...table(["data set", "cap for", "ε with reserved", "cap", "left"], rows)];
}

function raiseLines({ number, dataset, change, by, reason }: RaiseView): string[] {
  return [
    `Raise ${number} waits: ${changeText(change)} on ${dataset}, asked for by ${by}: ${reason}`,
    runnable(`  consilium-site budget grant ${number} --as NAME --reason WHY (or refuse)`),
  ];
}

/** 50, 80 and 95 % of each cap, as the ledger found them. */
export async function notices(context: CommandContext): Promise<void> {
  const given = await askSite(context, { ask: "notices" }, z.array(Notice));
  context.output.result({ notices: given }, given.length === 0 ? ["No cap is half spent."] : given.map(noticeLine));
}

function noticeLine({ at, level, site: _, dataset, study, period, epsilon, cap, delta }: Notice): string {
  const which = study === null ? (period === null ? "its cap" : `its cap for ${periodText(period)}`) : `${study}'s cap`;
  return `${at}  ${dataset}: ${level} % of ${which} is booked: ε ${epsilonCell(epsilon)} of ${cap} at δ = ${delta}`;
}

export interface CapOptions {
  readonly epsilon: number;
  readonly delta: number;
  readonly perStudy: number | undefined;
  readonly steward: StewardOptions;
}

/** Sets a data set's first cap over all studies, or a lower one; a higher one takes two stewards. */
export async function setCap(context: CommandContext, name: string, options: CapOptions): Promise<void> {
  const { epsilon, delta, perStudy } = options;
  const dataset = DatasetId.parse(name);
  const cap = Cap.parse({ epsilon, delta, ...(perStudy === undefined ? {} : { perStudy }) });
  const before = await budgetOf(context, dataset);
  const spentBefore = before?.spending?.epsilon ?? 0;
  if (before?.cap != null) context.output.say(`Spent so far: ε ${epsilonCell(spentBefore)} at δ = ${before.cap.delta}`);
  if (epsilon === 0)
    context.output.say(`With ε = 0 nothing may ever be done with ${dataset}; to raise it takes two stewards.`);
  for (const line of unwiseCap(cap)) context.output.say(line);
  const question = `Set the cap of ${dataset} to ε ≤ ${capText(cap)}?`;
  const { signer } = await stewardOf(context, options.steward, question);
  await decideAs(context, signer, () => ({ action: "set-cap", dataset, cap }));
  const spent = (await budgetOf(context, dataset))?.spending?.epsilon ?? 0;
  context.output.result({ dataset, cap, spent }, [
    `Cap of ${dataset} over all studies: ε ≤ ${capText(cap)}.`,
    ...belowSpent(dataset, spent, epsilon),
    runnable("Next: consilium-site study list"),
  ]);
}

async function budgetOf(context: CommandContext, dataset: DatasetId): Promise<DatasetBudget | undefined> {
  const budgets = await askSite(context, { ask: "budget" }, z.array(DatasetBudget));
  return budgets.find((budget) => budget.dataset === dataset);
}

/** What is spent stays spent: such a cap stops what would come, and undoes nothing. */
function belowSpent(dataset: DatasetId, spent: number, cap: number): string[] {
  if (spent <= cap) return [];
  return [
    `Below what is spent already (ε ${epsilonCell(spent)}): nothing more may be charged to ${dataset}, and any study that ` +
      "still trains on it stops here. What was spent stays spent.",
  ];
}

export interface FreezeOptions {
  readonly off: boolean;
  readonly reason: string;
  readonly steward: StewardOptions;
}

/** A frozen data set takes part in nothing, from the next round on. */
export async function freeze(context: CommandContext, name: string, options: FreezeOptions): Promise<void> {
  const dataset = DatasetId.parse(name);
  const frozen = !options.off;
  const question = `${frozen ? "Freeze" : "Unfreeze"} ${dataset}?`;
  const { signer } = await stewardOf(context, options.steward, question);
  await decideAs(context, signer, () => ({ action: "freeze", dataset, frozen, reason: options.reason }));
  context.output.result({ dataset, frozen }, [`${dataset} is ${frozen ? "frozen" : "no longer frozen"}.`]);
}
