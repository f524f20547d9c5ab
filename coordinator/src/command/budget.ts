import { periodText } from "@consilium/shared/ledger/cap";
import type { Notice } from "@consilium/shared/ledger/notice";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import type { Command } from "commander";
import { BudgetList, type BudgetView, NoticeList } from "../http/budgetViews.ts";
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
  const client = await Client.of(options);
  const list = await client.get(path, BudgetList);
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
  const others = list.budgets.flatMap(otherCaps);
  const listed = new Set(list.budgets.map(({ site, dataset }) => `${site}/${dataset}`));
  const notices = (await client.get("/api/notices", NoticeList)).notices.filter(({ site, dataset }) =>
    listed.has(`${site}/${dataset}`),
  );
  print(
    options.json,
    { ...list, notices },
    table(["site", "data set", "ε spent, all studies", ...share, "ε cap", "δ"], rows),
  );
  if (options.json === true) return;
  if (others.length > 0) hint(table(["site", "data set", "cap for", "ε with reserved", "ε cap", "% reached"], others));
  for (const notice of notices) hint(noticeText(notice));
  hint(
    "Each cap is as its steward signed it with the newest approval; a lower one set since holds at the site already.",
  );
  for (const { sites, epsilon } of list.overlap) {
    hint(`A patient at ${sites.join(" + ")} all at once: ε ${epsilonText(epsilon)} by ${study}, at its δ`);
  }
  if (study === undefined) hint("one study's training: consilium budget show --study NAME");
}

/** Those beside the cap over all studies: for one study, or for a period. */
function otherCaps({ site, dataset, caps }: BudgetView): string[][] {
  return caps
    .filter(({ of }) => of !== "data-set")
    .map(({ study, period, epsilon, booked, level }) => [
      site,
      dataset,
      study ?? (period === null ? "" : periodText(period)),
      epsilonText(booked),
      String(epsilon),
      level === 0 ? "" : String(level),
    ]);
}

function noticeText({ at, site, dataset, study, period, level, epsilon, cap, delta }: Notice): string {
  const which = study === null ? (period === null ? "its cap" : `its cap for ${periodText(period)}`) : `${study}'s cap`;
  return `${at}  ${site}, ${dataset}: ${level} % of ${which} is booked: ε ${epsilonText(epsilon)} of ${cap} at δ = ${delta}`;
}
