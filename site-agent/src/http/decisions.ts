import { Failure, unreachable } from "@consilium/shared/failure/failure";
import type { StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { Quote } from "../approval/quote.ts";
import { freeze, setCap } from "../command/budget.ts";
import { askSite, type CommandContext, type StewardOptions } from "../command/context.ts";
import { approve, reject } from "../command/study.ts";
import { checkProposal } from "../command/studyCheck.ts";
import { StudyDetail } from "../control/request.ts";
import { DatasetBudget } from "../ledger/budget.ts";
import type { CheckRequest, Decision, Said } from "./views.ts";

/**
 * Does what the command of the same name does, by the same code; what it would print is the answer. Refuses where the
 * figures are no longer those that the steward saw.
 */
export async function decide(context: CommandContext, decision: Decision): Promise<Said> {
  const steward: StewardOptions = { passwordFile: undefined, password: decision.password, isSure: true };
  switch (decision.action) {
    case "approve": {
      const { study, dataset, digest, after } = decision;
      await requireSame(context, study, digest);
      const quote = await askSite(context, { ask: "quote", study, dataset }, Quote);
      if (quote.after === null || quote.after > after) throw moved(`what ${study} would cost`);
      return said(context, (as) => approve(as, study, { dataset, steward }));
    }
    case "refuse": {
      const { study, digest, reason } = decision;
      await requireSame(context, study, digest);
      return said(context, (as) => reject(as, study, { reason, steward }));
    }
    case "freeze": {
      const { dataset, frozen, reason } = decision;
      return said(context, (as) => freeze(as, dataset, { off: !frozen, reason, steward }));
    }
    case "lower-cap": {
      const { dataset, from, epsilon } = decision;
      const budgets = await askSite(context, { ask: "budget" }, z.array(DatasetBudget));
      const cap = budgets.find((one) => one.dataset === dataset)?.cap;
      if (cap == null || cap.epsilon !== from) throw moved(`the cap of ${dataset}`);
      if (epsilon >= cap.epsilon) throw notLower(dataset, cap.epsilon);
      const { delta, perStudy } = cap;
      return said(context, (as) => setCap(as, dataset, { epsilon, delta, perStudy, steward }));
    }
    default:
      return unreachable(decision);
  }
}

/** Holds the registered data against a study that was proposed; what doesn't fit is part of the answer, not a fault. */
export async function check(context: CommandContext, { study, dataset }: z.output<typeof CheckRequest>): Promise<Said> {
  const lines: string[] = [];
  try {
    await checkProposal(listening(context, lines), { study, dataset });
  } catch (error) {
    if (!(error instanceof Failure) || lines.length === 0) throw error;
    lines.push("", error.message, error.remedy);
  }
  return { lines };
}

async function said(context: CommandContext, command: (context: CommandContext) => Promise<void>): Promise<Said> {
  const lines: string[] = [];
  await command(listening(context, lines));
  return { lines };
}

/** A context whose output is kept. */
function listening(context: CommandContext, lines: string[]): CommandContext {
  const say = (line: string): void => void lines.push(...line.split("\n"));
  const result = (_value: unknown, words: readonly string[]): void => words.forEach(say);
  return { ...context, output: { isJson: false, say, result } };
}

async function requireSame(context: CommandContext, study: StudyName, digest: string): Promise<void> {
  const known = await askSite(context, { ask: "study", study }, StudyDetail);
  if (known.digest !== digest) throw moved(`the document of ${study}`);
}

function moved(what: string): Failure {
  return new Failure({
    code: "page/moved",
    kind: "refused",
    what: `Nothing was decided: ${what} is no longer what the page showed.`,
    remedy: "Look at the figures again, then decide.",
  });
}

function notLower(dataset: string, cap: number): Failure {
  return new Failure({
    code: "page/not-lower",
    kind: "refused",
    what: `The cap of ${dataset} is ${cap}: this page only lowers caps.`,
    remedy: "What lets more be spent is decided at a terminal: consilium-site budget --help",
  });
}
