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

interface AnswerFlags extends StewardFlags {
  readonly refuse?: string;
}

interface SignFlags extends AnswerFlags {
  readonly out: string;
}

/** What a hospital says to a release before it leaves, where the study asks sites to sign. */
export function addReleaseCommands(
  program: Command,
  command: (parent: Command, nameAndArguments: string, description: string) => Command,
  context: (options: Shared) => CommandContext,
): void {
  const release = program.command("release").description("releases that wait for this hospital's signature");
  command(release, "list", "releases that wait for this hospital, what it said, and those that were revoked").action(
    async (options: Shared) => {
      const { listReleases } = await import("./releaseAnswer.ts");
      await listReleases(context(options));
    },
  );
  command(release, "answer <study>", "sign the release that waits, or refuse to, over this hospital's link (steward)")
    .option("--refuse <reason>", "sign that this hospital won't, and why; it stays in the ledger", reasonText)
    .addOption(asOption())
    .addOption(passwordOption())
    .addOption(yesOption())
    .addHelpText(
      "after",
      `
The agent has fetched the release's files; they are checked as release sign does. The answer is kept before it is sent,
and sent again until the coordinator replies.

Examples:
  consilium-site release answer heart --data ./site
  consilium-site release answer heart --refuse "the audit covers too few of our patients"`,
    )
    .action(async (study: string, options: Shared & AnswerFlags) => {
      const { answerRelease } = await import("./releaseAnswer.ts");
      await answerRelease(context(options), study, { refuse: options.refuse, steward: stewardFlags(options) });
    });
  command(release, "sign <path>", "sign a release in hand, or refuse to, under this hospital's key (steward)")
    .requiredOption("--out <file>", "the answer to write, for the lead to hand in; it must not exist")
    .option("--refuse <reason>", "sign that this hospital won't, and why; it stays in the ledger", reasonText)
    .addOption(asOption())
    .addOption(passwordOption())
    .addOption(yesOption())
    .addHelpText(
      "after",
      `
The release is verified with the consortium's key that this site pinned, and held against this site's own approval and
ledger: every charge that was booked here must be counted there.

Examples:
  consilium-site release sign heart.tar --out heart.cleveland.json --data ./site
  consilium-site release sign heart.tar --refuse "the audit covers too few of our patients" --out heart.cleveland.json`,
    )
    .action(async (path: string, options: Shared & SignFlags) => {
      const { signRelease } = await import("./releaseSign.ts");
      const { refuse, out } = options;
      await signRelease(context(options), { path, refuse, out, steward: stewardFlags(options) });
    });
}
