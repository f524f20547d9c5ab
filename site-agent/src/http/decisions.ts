import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { Failure, unreachable } from "@consilium/shared/failure/failure";
import type { CapChange } from "@consilium/shared/ledger/cap";
import type { DatasetId, Digest, StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { Quote } from "../approval/quote.ts";
import { freeze } from "../command/budget.ts";
import { lower, raise, settle } from "../command/capChanges.ts";
import { askSite, type CommandContext, type StewardOptions } from "../command/context.ts";
import type { ChangeWords } from "../command/flags.ts";
import { answerRelease } from "../command/releaseAnswer.ts";
import { approve, reject } from "../command/study.ts";
import { checkProposal } from "../command/studyCheck.ts";
import { counterOffer, freezeStudy } from "../command/studyDecisions.ts";
import { StudyDetail } from "../control/request.ts";
import { DatasetBudget, type RaiseView } from "../ledger/budget.ts";
import type { CheckRequest, Decision, Said } from "./views.ts";

/**
 * Does what the command of the same name does, by the same code; what it would print is the answer. Refuses where the
 * figures are no longer those that the steward saw.
 */
export async function decide(context: CommandContext, decision: Decision): Promise<Said> {
  await requireAsShown(context, decision);
  const lines: string[] = [];
  await run(listening(context, lines), decision);
  return { lines };
}

async function run(context: CommandContext, decision: Decision): Promise<void> {
  const steward = stewardOf(decision);
  switch (decision.action) {
    case "approve":
      return approve(context, decision.study, { dataset: decision.dataset, sanitized: decision.sanitized, steward });
    case "refuse":
      return reject(context, decision.study, { reason: decision.reason, steward });
    case "sign-release": {
      const { study, manifest } = decision;
      return answerRelease(context, study, { refuse: undefined, manifest, steward });
    }
    case "refuse-release": {
      const { study, manifest, reason } = decision;
      return answerRelease(context, study, { refuse: reason, manifest, steward });
    }
    case "counter-offer": {
      const { study, epsilon, dataset, reason: message } = decision;
      return counterOffer(context, study, { epsilon, dataset, message, steward });
    }
    case "freeze-study": {
      const { study, frozen, reason } = decision;
      return freezeStudy(context, study, { off: !frozen, reason, steward });
    }
    case "freeze": {
      const { dataset, frozen, reason } = decision;
      return freeze(context, dataset, { off: !frozen, reason, steward });
    }
    case "lower-cap":
      return lower(context, decision.dataset, wordsOf(decision.change), { reason: decision.reason, steward });
    case "ask-raise":
      return raise(context, decision.dataset, wordsOf(decision.change), { reason: decision.reason, steward });
    case "settle-raise": {
      const { request, isGranted, reason } = decision;
      const { number } = await raiseOf(context, request);
      return settle(context, number, isGranted, { reason, steward });
    }
    default:
      return unreachable(decision);
  }
}

function stewardOf(decision: Decision): StewardOptions {
  const as = decision.action === "approve" ? undefined : decision.as;
  return { passwordFile: undefined, as, password: decision.password, isSure: true };
}

/** A change of a cap as the command's flags say it. */
function wordsOf(change: CapChange): ChangeWords {
  if (change.of === "data-set") {
    const { epsilon, delta, perStudy } = change;
    return { epsilon, delta, ...(perStudy === undefined ? {} : { perStudy }) };
  }
  const which = change.of === "study" ? { study: change.study } : { period: change.period };
  return change.epsilon === null ? { ...which, lift: true } : { ...which, epsilon: change.epsilon };
}

async function requireAsShown(context: CommandContext, decision: Decision): Promise<void> {
  switch (decision.action) {
    case "approve": {
      const { study, dataset, digest, after } = decision;
      await requireSame(context, study, digest);
      const quote = await askSite(context, { ask: "quote", study, dataset }, Quote);
      if (quote.after === null || quote.after > after) throw moved(`what ${study} would cost`);
      return;
    }
    case "refuse":
    case "counter-offer":
    case "freeze-study":
      return requireSame(context, decision.study, decision.digest);
    case "lower-cap":
    case "ask-raise":
      return requireCap(context, decision.dataset, decision.from);
    // A release goes by its manifest's digest; a raise is granted for the cap that it was asked for, or the ledger
    // refuses it; what is frozen has no figure.
    case "settle-raise":
    case "freeze":
    case "sign-release":
    case "refuse-release":
      return;
    default:
      return unreachable(decision);
  }
}

async function requireSame(context: CommandContext, study: StudyName, digest: Digest): Promise<void> {
  const known = await askSite(context, { ask: "study", study }, StudyDetail);
  if (known.digest !== digest) throw moved(`the document of ${study}`);
}

async function requireCap(context: CommandContext, dataset: DatasetId, shown: CapChange): Promise<void> {
  const budgets = await askSite(context, { ask: "budget" }, z.array(DatasetBudget));
  const standing = budgets.find((one) => one.dataset === dataset)?.standing ?? [];
  const now = standing.find((one) => whichText(one) === whichText(shown)) ?? { ...shown, epsilon: null };
  if (canonicalJson(now) !== canonicalJson(shown)) throw moved(`the cap for ${whichText(shown)} on ${dataset}`);
}

/** Which of a data set's caps. */
function whichText(cap: CapChange): string {
  switch (cap.of) {
    case "data-set":
      return "all studies";
    case "study":
      return `study ${cap.study}`;
    case "period":
      return cap.period;
  }
}

async function raiseOf(context: CommandContext, request: Digest): Promise<RaiseView> {
  const budgets = await askSite(context, { ask: "budget" }, z.array(DatasetBudget));
  const found = budgets.flatMap(({ raises }) => raises).find((one) => one.request === request);
  if (found === undefined) throw moved("the raise that was asked for");
  return found;
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

/** A context whose output is kept. */
function listening(context: CommandContext, lines: string[]): CommandContext {
  const say = (line: string): void => void lines.push(...line.split("\n"));
  const result = (_value: unknown, words: readonly string[]): void => words.forEach(say);
  return { ...context, output: { isJson: false, say, result } };
}

function moved(what: string): Failure {
  return new Failure({
    code: "page/moved",
    kind: "refused",
    what: `Nothing was decided: ${what} is no longer what the page showed.`,
    remedy: "Look at the figures again, then decide.",
  });
}
