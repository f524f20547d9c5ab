import type { Command } from "commander";
import type { CommandContext } from "./context.ts";
import {
  asOption,
  passwordOption,
  reasonText,
  type Shared,
  type StewardFlags,
  stewardFlags,
  yesOption,
} from "./flags.ts";

interface ReleaseFlags extends StewardFlags {
  readonly dataset?: string;
  readonly out: string;
  readonly reason: string;
  readonly second?: string;
  readonly secondPasswordFile?: string;
}

/** Sanitized records for others, under the steward's signature. */
export function addRecordsRelease(
  data: Command,
  command: (parent: Command, nameAndArguments: string, description: string) => Command,
  context: (options: Shared) => CommandContext,
): void {
  command(data, "release <file>", "hand out a sanitized file's records, without patients' keys (steward)")
    .requiredOption("--out <folder>", "folder to make: the records, what is promised of them, the signatures")
    .requiredOption("--reason <text>", "kept in the ledger and beside the records for ever", reasonText)
    .option("--dataset <name>", "data set that it was made from; needed where more than one is registered")
    .option("--second <name>", "the other steward, where features or labels have no figure for a record")
    .option("--second-password-file <file>", "file with that steward's password (mode 0600); else it is asked for")
    .addOption(asOption())
    .addOption(passwordOption())
    .addOption(yesOption())
    .addHelpText(
      "after",
      `
Only a file as \`sanitize\` wrote it, which a charge of the data set paid for. Nothing is charged again.

Examples:
  consilium-site data release heart.sanitized.csv --out heart-records --reason "for the method group" --data ./site
  consilium-site data verify heart-records --key KEY`,
    )
    .action(async (file: string, options: Shared & ReleaseFlags) => {
      const { releaseRecords } = await import("./recordsRelease.ts");
      const { dataset, out, reason, second, secondPasswordFile: passwordFile, yes: isSure } = options;
      await releaseRecords(context(options), file, {
        dataset,
        out,
        reason,
        steward: stewardFlags(options),
        second: second === undefined ? null : { as: second, passwordFile, isSure },
      });
    });
}
