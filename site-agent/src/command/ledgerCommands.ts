import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import { reasonText, type Shared, wholeNumber, yesOption } from "./flags.ts";
import type { LedgerOptions } from "./ledger.ts";

/** What looks into this site's ledger and proves it; `accept-restore` alone changes something. */
export function addLedgerCommands(
  budget: Command,
  command: (parent: Command, nameAndArguments: string, description: string) => Command,
  context: (options: Shared) => CommandContext,
): void {
  command(budget, "ledger", "every entry of this site's ledger")
    .option("--after <number>", "entries after this one", wholeNumber, 0)
    .option("--dataset <name>", "entries about this data set alone")
    .option("--study <name>", "entries about this study alone")
    .option("--kind <kind>", "entries of this kind alone")
    .option("--charge <id>", "what happened to one charge")
    .action(async (options: Shared & LedgerOptions) => (await import("./ledger.ts")).ledger(context(options), options));
  command(budget, "export", "this site's ledger as a file that others can verify")
    .requiredOption("--to <file>", "a new file: JSON lines, the signed head first")
    .action(async (options: Shared & { to: string }) =>
      (await import("./ledger.ts")).exportLedger(context(options), options.to),
    );
  command(budget, "what-if <file>", "what a study file would cost the data sets here; charges nothing").action(
    async (file: string, options: Shared) => (await import("./ledger.ts")).costs(context(options), file),
  );
  command(budget, "verify", "check the ledger's chain and signatures, and that both sides agree")
    .option("--coordinator <file>", "what the lead exported (consilium budget export), to hold this ledger against")
    .action(async (options: Shared & { coordinator?: string }) =>
      (await import("./ledger.ts")).verify(context(options), options.coordinator),
    );
  command(
    budget,
    "accept-restore",
    "go on from a ledger that was restored from an older copy, ours or the coordinator's",
  )
    .requiredOption("--reason <text>", "what happened, kept in the ledger for ever", reasonText)
    .addOption(yesOption())
    .action(async (options: Shared & { reason: string; yes: boolean }) =>
      (await import("./restore.ts")).acceptRestore(context(options), options.reason, options.yes),
    );
}
