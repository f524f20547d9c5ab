import type { Command } from "commander";
import { LoginLink } from "../http/shownOnce.ts";
import { Client, type ClientOptions, withClientOptions } from "./client.ts";
import { print } from "./output.ts";

export function registerAccount(program: Command): void {
  const account = program.command("account").description("people of the consortium");
  withClientOptions(
    account
      .command("invite")
      .description("make a one-time login link for the dashboard, good for 24 hours")
      .argument("<name>")
      .option("--role <role>", "lead, auditor or observer", "observer"),
  ).action(async (name: string, options: ClientOptions & { role: string }) => {
    const client = await Client.of(options);
    const invited = await client.post("/api/accounts", { name, role: options.role }, LoginLink);
    print(options.json, invited, invited.link);
  });
}
