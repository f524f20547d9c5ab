import { createInterface } from "node:readline/promises";
import { Failure } from "@consilium/shared/failure/failure";
import { type Signer, signStatement } from "@consilium/shared/signing/ed25519";
import { APPROVAL_DOMAIN, ApprovalStatement, Disclosure } from "@consilium/shared/study/approval";
import { z } from "zod";
import type { SiteRequest } from "../control/answer.ts";
import { AgentStatus, NextDecision } from "../control/request.ts";
import { ask } from "../control/socket.ts";
import { readPassword, type Terminal } from "../steward/password.ts";
import { openKey, type SealedKey } from "../steward/sealedKey.ts";
import { type StewardAction, signDecision } from "../steward/statement.ts";
import { type DataFolder, requireJoined } from "../storage/folder.ts";
import { sealedKeyOf } from "../storage/keys.ts";
import type { Output } from "./output.ts";

/** What every command gets from `cli.ts`. */
export interface CommandContext {
  readonly folder: DataFolder;
  readonly environment: NodeJS.ProcessEnv;
  readonly output: Output;
  readonly terminal: Terminal;
}

/** Asks the running agent, which owns the database; without one, opens the database for this one question. */
export async function askSite<Schema extends z.ZodType>(
  context: CommandContext,
  request: SiteRequest,
  schema: Schema,
): Promise<z.infer<Schema>> {
  const { folder, environment } = context;
  await requireJoined(folder);
  const reply = await ask(folder.socket, request);
  if (reply !== null) return schema.parse(reply.answer);
  // Loaded only where no agent runs: the database takes longer to load than the question to answer.
  const [{ openSite }, { answer }] = await Promise.all([import("../control/site.ts"), import("../control/answer.ts")]);
  const site = await openSite(folder.path, { environment, now: () => new Date() });
  try {
    return schema.parse(answer(site, request));
  } finally {
    site.close();
  }
}

/** How a steward is asked. */
export interface StewardOptions {
  /** File with the password; without one it is asked for. */
  readonly passwordFile: string | undefined;
  /** Who decides; the first steward where nobody is named. */
  readonly as?: string | undefined;
  /** Typed on the hospital's own page; then nothing is asked for. */
  readonly password?: string | undefined;
  /** Don't ask the question: the answer is yes. */
  readonly isSure: boolean;
}

/** Asks the steward, then opens the steward's key. Without a terminal the password's file is the answer. */
export async function stewardOf(
  { folder, terminal, output }: CommandContext,
  { passwordFile, password: typed, as, isSure }: StewardOptions,
  question: string,
): Promise<{ sealed: SealedKey; signer: Signer }> {
  const sealed = await sealedKeyOf(folder, as);
  if (!isSure && terminal.input.isTTY) await requireYes(`${sealed.steward}: ${question}`, terminal);
  else if (typed === undefined) output.say(`Signing as ${sealed.steward}.`);
  const password = typed ?? (await readPassword(`Password of steward ${sealed.steward}: `, passwordFile, terminal));
  return { sealed, signer: await openKey(sealed, password) };
}

export async function requireYes(question: string, { input, output }: Terminal): Promise<void> {
  const lines = createInterface({ input, output });
  const reply = await lines.question(`${question} [y/N] `);
  lines.close();
  if (/^y(es)?$/i.test(reply.trim())) return;
  throw new Failure({
    code: "steward/not-confirmed",
    kind: "refused",
    what: "Nothing was decided.",
    remedy: "Run the command again and answer y, or pass --yes.",
  });
}

/**
 * Has the steward sign a decision and lets it take effect. `decisionOf` makes it for the names that the site goes by.
 */
export async function decideAs(
  context: CommandContext,
  signer: Signer,
  decisionOf: (next: NextDecision) => StewardAction,
): Promise<void> {
  const next = await askSite(context, { ask: "next-decision" }, NextDecision);
  const { site, stewards, number } = next;
  const steward = stewards.find(({ publicKey }) => publicKey === signer.publicKey)?.name ?? next.steward;
  const signed = signDecision(signer, { site, steward, number, decision: decisionOf(next) });
  await askSite(context, { ask: "decide", signed }, NextDecisionDone);
}

/** With it the steward signs for what `leaves` said that no noise covers. */
export function signApproval(signer: Signer, statement: ApprovalStatement): StewardAction {
  const approval = ApprovalStatement.parse({ ...statement, disclosures: Disclosure.options });
  return { action: "approve", approval, signature: signStatement(signer, APPROVAL_DOMAIN, approval) };
}

const NextDecisionDone = z.strictObject({ number: z.number() });

/** Why this site takes part in nothing until somebody accepts a restored ledger; null where nothing keeps it out. */
export async function whyApart({ folder }: CommandContext): Promise<AgentStatus["apart"]> {
  const reply = await ask(folder.socket, { ask: "status" });
  return reply === null ? null : AgentStatus.parse(reply.answer).apart;
}
