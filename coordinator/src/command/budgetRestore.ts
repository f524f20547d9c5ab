import type { Command } from "commander";
import { RestoreAcceptance } from "../http/ledger.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { hint, print } from "./output.ts";

/** `budget accept-restore`: the consortium goes on from a ledger that was put back from an older copy. */
export function registerBudgetRestore(budget: Command): void {
  withClientOptions(
    budget
      .command("accept-restore")
      .description("go on from a ledger that was restored from an older copy, ours or a connected site's")
      .requiredOption("--reason <text>", "what happened, kept in the ledger for ever"),
  ).action(acceptRestore);
}

async function acceptRestore({ reason, ...options }: ClientOptions & { reason: string }): Promise<void> {
  const client = await Client.of(options);
  const result = await client.post("/api/ledger/restore-acceptances", { reason }, RestoreAcceptance);
  const lines = result.accepted.map(
    ({ site, lost, accepted }) =>
      `${site}: ${lost.writer}'s ledger goes on from entry ${accepted.sequence}, without the lost entry ${lost.sequence}`,
  );
  const waiting = result.waiting.flatMap(({ site, what, remedy }) => [`${site} stays out: ${what}`, `next: ${remedy}`]);
  print(options.json, result, [...lines, ...waiting].join("\n"));
  if (options.json === true) return;
  if (waiting.length === 0) hint("next: consilium budget verify");
  hint("A study that ran since the copy was made can't go on: stop it, and propose it anew by another name.");
}
