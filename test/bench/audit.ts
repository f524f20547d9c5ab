/**
 * `npm run bench -- audit [--json] [--write] [--only CASE]`: how fast a site scores its patients, what a coordinator's
 * report of many sites takes, what attacks on figures take, and what training shadow models would add to a study.
 */
import { loadavg } from "node:os";
import { startBackend } from "@consilium/engine/backend";
import { auditCases, CASES } from "./measure/auditCases.ts";
import { auditFacts, auditPage } from "./measure/auditPage.ts";
import { benchOptions, chosen, runCommand } from "./measure/command.ts";
import { assertSection, writeSection } from "./measure/page.ts";
import { printReport } from "./measure/report.ts";

await runCommand(async () => {
  const options = benchOptions(process.argv.slice(2), CASES);
  if (options.write) assertSection("audit");
  const [date, [loadBefore = 0]] = [new Date(), loadavg()];
  const { name: backend } = await startBackend();
  const report = printReport("audit", await auditCases(chosen(CASES, options.only), backend), options.json);
  if (options.write) writeSection("audit", auditPage(auditFacts(report, { date, loadBefore }), report.cases));
});
