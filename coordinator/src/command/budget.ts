import { epsilonText } from "@consilium/shared/units/epsilonText";
import type { Command } from "commander";
import { BudgetList } from "../http/budgetViews.ts";
import { registerBudgetEpsilon } from "./budgetEpsilon.ts";
import { registerBudgetLedger } from "./budgetLedger.ts";
import { registerBudgetRestore } from "./budgetRestore.ts";
import { registerBudgetVerify } from "./budgetVerify.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { hint, print, table } from "./output.ts";

export function registerBudget(program: Command): void {
  const budget = program.command("budget").description("what patients' privacy was spent on");
  withClientOptions(budget.command("show").description("every data set: spent and cap"))
    .option("--study <name>", "one study's data sets, with its share")
    .action(show);
  registerBudgetLedger(budget);
  registerBudgetVerify(budget);
  registerBudgetRestore(budget);
  registerBudgetEpsilon(budget);
}

async function show({ study, ...options }: ClientOptions & { study?: string }): Promise<void> {
  const path = study === undefined ? "/api/budgets" : `/api/studies/${encodeURIComponent(study)}/budgets`;
  const list = await (await Client.of(options)).get(path, BudgetList);
  const rows = list.budgets.map((entry) => [
    entry.site,
    entry.dataset,
    epsilonText(entry.spentEpsilon),
    ...(study === undefined ? [] : [epsilonText(entry.trainingEpsilon ?? 0)]),
    String(entry.cap),
    String(entry.delta),
  ]);
  // Training is told of one study alone: of several it would be a sum that no cap is held against.
  const share = study === undefined ? [] : [`ε training of ${study}`];
  print(options.json, list, table(["site", "data set", "ε spent, all studies", ...share, "ε cap", "δ"], rows));
  if (options.json === true) return;
  hint(
    "Each cap is as its steward signed it with the newest approval; a lower one set since holds at the site already.",
  );
  for (const { sites, epsilon } of list.overlap) {
    hint(`A patient at ${sites.join(" + ")} all at once: ε ${epsilonText(epsilon)} by ${study}, at its δ`);
  }
  if (study === undefined) hint("one study's training: consilium budget show --study NAME");
}
