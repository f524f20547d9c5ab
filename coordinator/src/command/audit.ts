import type { AuditReport, Figure } from "@consilium/shared/audit/report";
import { epsilonText } from "@consilium/shared/units/epsilonText";
import type { Command } from "commander";
import { AuditView } from "../http/views.ts";
import { registerAuditAgain } from "./auditAgain.ts";
import { registerAuditOverride } from "./auditOverride.ts";
import { registerAuditorKey } from "./auditorKey.ts";
import { registerAuditRun } from "./auditRun.ts";
import { registerAuditStats } from "./auditStats.ts";
import { registerAuditSynthetic } from "./auditSynthetic.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { print, table } from "./output.ts";

export function registerAudit(program: Command): void {
  const audit = program.command("audit").description("what a model may leak, and what the gate said");
  withClientOptions(audit.command("show").description("the audit of a study's model").argument("<study>")).action(
    async (study: string, options: ClientOptions) => {
      const view = await (await Client.of(options)).get(`/api/studies/${encodeURIComponent(study)}/audit`, AuditView);
      const rules = view.gate.rules.map(({ rule, required, found, passed }) => [
        passed ? "passed" : "FAILED",
        rule,
        found,
        required,
      ]);
      const text = [
        view.report.verdict.words,
        ...(view.endedEarly === null ? [] : [view.endedEarly]),
        `strongest attack's AUC: ${figureText(view.report.best)} (${view.report.label})`,
        ...canaryLines(view.report),
        `ε charged to the patients that pay most, at the site that paid most: ${epsilonText(view.spentEpsilon)} at δ = ${view.delta}`,
        ...claimLines(view),
        "",
        table(["gate", "rule", "found", "required"], rules),
      ];
      print(options.json, view, text.join("\n"));
    },
  );
  registerAuditAgain(audit);
  registerAuditStats(audit);
  registerAuditRun(audit);
  registerAuditSynthetic(audit);
  registerAuditorKey(audit);
  registerAuditOverride(audit);
}

function canaryLines({ canaries, confidence }: AuditReport): string[] {
  if (canaries === undefined) return [];
  const { count, guesses, correct, epsilon, epsilonMax } = canaries;
  return [
    `canaries: training's ε is at least ${epsilonText(epsilon)} (${100 * confidence} %): ${correct} of ${guesses} guesses about ` +
      `${count} made-up records were right; the most that it could have shown is ${epsilonText(epsilonMax)}`,
  ];
}

/** What is guaranteed where it isn't what was spent. */
function claimLines({ claimedBy, claimedEpsilon }: AuditView): string[] {
  if (claimedBy === "spent") return [];
  const of =
    claimedBy === "signed-schedule"
      ? "of the whole signed schedule, by privacy loss distributions"
      : "of all signed rounds and repeats, since a metric may end training";
  return [`ε guaranteed, ${of}: ${epsilonText(claimedEpsilon)}`];
}

function figureText(figure: Figure): string {
  if (figure.state === "not-resolvable") return `not resolvable: ${figure.why}`;
  return `${figure.value.toFixed(3)} (${figure.low.toFixed(3)} to ${figure.high.toFixed(3)})`;
}
