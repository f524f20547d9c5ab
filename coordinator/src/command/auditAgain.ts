import { Failure } from "@consilium/shared/failure/failure";
import { AttackName } from "@consilium/shared/study/audit";
import type { Command } from "commander";
import { StudyDetail } from "../http/views.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { hint, print } from "./output.ts";

interface AgainFlags extends ClientOptions {
  readonly attacks: string;
  readonly epsilonMembers: string;
  readonly epsilonNonMembers: string;
  readonly bins: string;
  readonly classes: string;
  readonly as?: string;
  readonly reason: string;
}

/** `consilium audit again`: proposes another audit of a released model to the sites that made it. */
export function registerAuditAgain(audit: Command): void {
  withClientOptions(
    audit
      .command("again")
      .description(
        "propose a second audit of a released model, with other attacks: a new charge for its sites to approve",
      )
      .argument("<study>"),
  )
    .requiredOption("--attacks <names>", "attacks on the model's outputs, by commas: loss,entropy")
    .requiredOption("--epsilon-members <e>", "pure ε of each attack on training patients")
    .requiredOption("--epsilon-non-members <e>", "pure ε of each attack on the audit part")
    .option("--bins <n>", "public bins of each histogram", "20")
    .option("--classes <how>", "pooled, or apart", "pooled")
    .option("--as <name>", "name of the second audit (default: STUDY-again)")
    .requiredOption("--reason <text>", "why patients are charged once more; each steward reads it")
    .addHelpText("after", HELP)
    .action(again);
}

const HELP = `
The second audit is a study of one round: it trains nothing, splits patients as the first did, and each site's steward
approves its charge. What it finds is signed and lies beside the release as NAME.reaudit.json, held against the
release's own gate; consilium verify reads it there. It revokes nothing by itself.

  consilium audit again heart --attacks entropy,loss --epsilon-members 0.3 --epsilon-non-members 1 \\
    --reason "an attack is new"
  consilium-site study approve heart-again --dataset heart        # at each site
  consilium study start heart-again`;

async function again(study: string, flags: AgainFlags): Promise<void> {
  const attacks = flags.attacks.split(",").map((name) => AttackName.safeParse(name.trim()));
  if (attacks.some(({ success }) => !success)) throw badAttacks(flags.attacks);
  const body = {
    name: flags.as ?? `${study}-again`,
    attacks: attacks.flatMap(({ data }) => data ?? []),
    epsilon: { members: numberOf("--epsilon-members", flags), nonMembers: numberOf("--epsilon-non-members", flags) },
    bins: numberOf("--bins", flags),
    classes: flags.classes,
    reason: flags.reason,
  };
  const client = await Client.of(flags);
  const detail = await client.post(`/api/studies/${encodeURIComponent(study)}/again`, body, StudyDetail);
  print(flags.json, { study: detail.name, digest: detail.digest, state: detail.state }, `${detail.name} is proposed`);
  if (flags.json !== true) hint(`next, at each site: consilium-site study approve ${detail.name}`);
}

function numberOf(flag: "--epsilon-members" | "--epsilon-non-members" | "--bins", flags: AgainFlags): number {
  const text = {
    "--epsilon-members": flags.epsilonMembers,
    "--epsilon-non-members": flags.epsilonNonMembers,
    "--bins": flags.bins,
  }[flag];
  const number = Number(text);
  if (Number.isFinite(number) && number > 0) return number;
  throw new Failure({
    code: "audit/bad-number",
    kind: "usage",
    what: `${flag} ${text} is no number above 0.`,
    remedy: "Give one: consilium audit again --help shows an example.",
  });
}

function badAttacks(text: string): Failure {
  return new Failure({
    code: "audit/unknown-attack",
    kind: "usage",
    what: `--attacks ${text} names an attack that this version doesn't know.`,
    remedy: `Take some of: ${AttackName.options.join(", ")}.`,
  });
}
