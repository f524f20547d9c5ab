import { Failure } from "@consilium/shared/failure/failure";
import type { Command } from "commander";
import type { CommandContext, StewardOptions } from "./context.ts";
import {
  asOption,
  type CapFlags,
  type ChangeFlags,
  capDelta,
  capEpsilon,
  passwordOption,
  type ReasonFlags,
  reasonText,
  type Shared,
  type StewardFlags,
  stewardFlags,
  yesOption,
} from "./flags.ts";

type MakeCommand = (parent: Command, nameAndArguments: string, description: string) => Command;
type MakeContext = (options: Shared) => CommandContext;

/** A command that a steward decides by. */
function decision(command: MakeCommand, parent: Command, nameAndArguments: string, description: string): Command {
  return command(parent, nameAndArguments, description)
    .addOption(asOption())
    .addOption(passwordOption())
    .addOption(yesOption());
}

/** What only stewards may change about a budget. */
export function addBudgetDecisions(budget: Command, command: MakeCommand, context: MakeContext): void {
  decision(command, budget, "cap <dataset>", "set a data set's first cap over all studies, or a lower one (steward)")
    .requiredOption("--epsilon <number>", "largest ε", capEpsilon)
    .requiredOption("--delta <number>", "δ at which ε is computed", capDelta)
    .option("--per-study <number>", "largest ε of one study", capEpsilon)
    .action(async (dataset: string, options: Shared & CapFlags) => {
      const { epsilon, delta, perStudy } = options;
      const { setCap } = await import("./budget.ts");
      return setCap(context(options), dataset, { epsilon, delta, perStudy, steward: stewardFlags(options) });
    });
  withChange(decision(command, budget, "lower <dataset>", "lower a cap at once, or set one for a study or a period"))
    .option("--reason <text>", "kept with the decision", reasonText, "lowered")
    .addHelpText("after", LOWER_EXAMPLES)
    .action(async (dataset: string, options: Shared & ChangeFlags) =>
      (await import("./capChanges.ts")).lower(context(options), dataset, options, decided(options)),
    );
  withChange(decision(command, budget, "raise <dataset>", "ask that a cap be raised; another steward grants it"))
    .requiredOption("--reason <text>", "kept in the ledger for ever", reasonText)
    .addHelpText("after", RAISE_EXAMPLES)
    .action(async (dataset: string, options: Shared & ChangeFlags) =>
      (await import("./capChanges.ts")).raise(context(options), dataset, options, decided(options)),
    );
  for (const [name, description] of [
    ["grant", "grant a raise that another steward asked for"],
    ["refuse", "refuse a raise, or take back one's own"],
  ] as const) {
    decision(command, budget, `${name} <number>`, description)
      .requiredOption("--reason <text>", "kept in the ledger for ever", reasonText)
      .action(async (text: string, options: Shared & ReasonFlags) => {
        const { settle } = await import("./capChanges.ts");
        return settle(context(options), raiseNumber(text), name === "grant", decided(options));
      });
  }
  decision(command, budget, "freeze <dataset>", "let a data set take part in nothing (steward)")
    .requiredOption("--reason <text>", "kept with the decision", reasonText)
    .option("--off", "let it take part again", false)
    .action(async (dataset: string, options: Shared & ReasonFlags & { off: boolean }) => {
      const { off, reason } = options;
      const { freeze } = await import("./budget.ts");
      return freeze(context(options), dataset, { off, reason, steward: stewardFlags(options) });
    });
}

/** What stewards decide about a study besides its approval. */
export function addStudyDecisions(study: Command, command: MakeCommand, context: MakeContext): void {
  decision(command, study, "reject <name>", "reject a study, or withdraw its approval (steward)")
    .requiredOption("--reason <text>", "told to the coordinator", reasonText)
    .action(async (name: string, options: Shared & ReasonFlags) => {
      const { reason } = options;
      return (await import("./study.ts")).reject(context(options), name, { reason, steward: stewardFlags(options) });
    });
  decision(command, study, "freeze <name>", "let an approved study do nothing for now (steward)")
    .requiredOption("--reason <text>", "kept with the decision", reasonText)
    .option("--off", "let it go on", false)
    .action(async (name: string, options: Shared & ReasonFlags & { off: boolean }) => {
      const { off, reason } = options;
      const { freezeStudy } = await import("./studyDecisions.ts");
      return freezeStudy(context(options), name, { off, reason, steward: stewardFlags(options) });
    });
  decision(command, study, "counter-offer <name>", "refuse a study and name the ε that would be granted (steward)")
    .requiredOption("--epsilon <number>", "ε of the whole study, at its own δ", capEpsilon)
    .option("--dataset <name>", "data set; needed where more than one is registered")
    .option("--message <text>", "told to the lead", reasonText, "an offer of less")
    .action(async (name: string, options: Shared & OfferFlags) => {
      const { epsilon, dataset, message } = options;
      const { counterOffer } = await import("./studyDecisions.ts");
      return counterOffer(context(options), name, { epsilon, dataset, message, steward: stewardFlags(options) });
    });
}

interface OfferFlags extends StewardFlags {
  readonly epsilon: number;
  readonly dataset?: string;
  readonly message: string;
}

/** Who may decide at this site. */
export function addStewardCommands(program: Command, command: MakeCommand, context: MakeContext): void {
  const steward = program.command("steward").description("who decides at this site");
  command(steward, "list", "all stewards, the first one first").action(async (options: Shared) =>
    (await import("./steward.ts")).list(context(options)),
  );
  decision(
    command,
    steward,
    "add <name>",
    "let another person decide too; from the third on two stewards let them (steward)",
  )
    .option("--new-password-file <file>", "file with the new steward's password (mode 0600); else it is asked for")
    .option("--reason <text>", "kept in the ledger for ever; needed where two decide already", reasonText)
    .action(async (name: string, options: Shared & StewardFlags & NewStewardFlags) =>
      (await import("./steward.ts")).add(context(options), name, {
        newPasswordFile: options.newPasswordFile,
        reason: options.reason,
        steward: stewardFlags(options),
      }),
    );
  for (const [name, description] of [
    ["grant", "let in whom another steward asked for"],
    ["refuse", "refuse whom another steward asked for, or take that back"],
  ] as const) {
    decision(command, steward, `${name} <name>`, description)
      .requiredOption("--reason <text>", "kept in the ledger for ever", reasonText)
      .action(async (who: string, options: Shared & ReasonFlags) => {
        const { reason } = options;
        const { settle } = await import("./steward.ts");
        return settle(context(options), who, name === "grant", { reason, steward: stewardFlags(options) });
      });
  }
}

interface NewStewardFlags {
  readonly newPasswordFile?: string;
  readonly reason?: string;
}

function decided(flags: ReasonFlags): { readonly reason: string; readonly steward: StewardOptions } {
  return { reason: flags.reason, steward: stewardFlags(flags) };
}

function withChange(command: Command): Command {
  return command
    .option("--epsilon <number>", "largest ε", capEpsilon)
    .option("--delta <number>", "δ of the cap over all studies", capDelta)
    .option("--per-study <number>", "largest ε of each study", capEpsilon)
    .option("--study <name>", "the cap for this study alone")
    .option("--period <period>", "the cap for a period: calendar-year, or so many days such as 365-days")
    .option("--lift", "remove the cap for the study or the period");
}

function raiseNumber(text: string): number {
  const value = Number(text);
  if (Number.isInteger(value) && value >= 1) return value;
  throw new Failure({
    code: "budget/raise-number",
    kind: "usage",
    what: `'${text}' is no raise's number.`,
    remedy: "The numbers stand in: consilium-site budget show",
  });
}

const LOWER_EXAMPLES = `
Examples:
  consilium-site budget lower heart --epsilon 3
  consilium-site budget lower heart --study heart-disease --epsilon 1
  consilium-site budget lower heart --period calendar-year --epsilon 2`;
const RAISE_EXAMPLES = `
Examples:
  consilium-site budget raise heart --epsilon 6 --reason "second study, decided on 3 May"
  consilium-site budget grant 1 --as "Dr. Koch" --reason "agreed"`;
