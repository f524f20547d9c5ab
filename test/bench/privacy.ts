/**
 * `npm run bench -- privacy [--json] [--write] [--only CASE] [--charges N]`: what the accountants' tasks take, beside
 * dp_accounting's and Opacus' where a Python has them, and how quick and how large a ledger of many charges is.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { loadavg, tmpdir } from "node:os";
import { join } from "node:path";
import { accountantCases, accountantNames } from "./measure/accountantCases.ts";
import { timeAccountantPeers } from "./measure/accountantPeers.ts";
import { ACCOUNTANT_TASKS } from "./measure/accountantTasks.ts";
import { benchOptions, chosen, countOption, runCommand } from "./measure/command.ts";
import { LEDGER_CASES, ledgerCases } from "./measure/ledgerCases.ts";
import { assertSection, writeSection } from "./measure/page.ts";
import { privacyFacts, privacyPage } from "./measure/privacyPage.ts";
import { printReport } from "./measure/report.ts";

const CHARGES = 100_000;

await runCommand(async () => {
  const { count: charges, rest } = countOption(process.argv.slice(2), "--charges", CHARGES);
  const names = [...accountantNames, ...LEDGER_CASES];
  const options = benchOptions(rest, names);
  const wanted = chosen(names, options.only);
  if (options.write) assertSection("privacy");
  const [date, [loadBefore = 0]] = [new Date(), loadavg()];
  const tasks = ACCOUNTANT_TASKS.filter(({ name }) => wanted.includes(name));
  const peers = timeAccountantPeers(process.env, tasks);
  const accountants = await accountantCases(tasks, peers);
  const ledger = inScratchFolder((folder) => ledgerCases(folder, charges, wanted));
  const report = printReport("privacy", [...accountants, ...ledger], options.json);
  if (!options.write) return;
  writeSection("privacy", privacyPage(privacyFacts(report, { date, loadBefore, peers, charges }), report.cases));
});

/** Where a data folder would be: on a disk, unless the system's folder for scratch files is none. */
function inScratchFolder<Result>(use: (folder: string) => Result): Result {
  const folder = mkdtempSync(join(tmpdir(), "consilium-bench-"));
  try {
    return use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
