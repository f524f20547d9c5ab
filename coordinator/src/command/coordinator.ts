import { Failure } from "@consilium/shared/failure/failure";
import { jsonLinesLogger } from "@consilium/shared/system/logger";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import type { Command } from "commander";
import { newConfig } from "../config.ts";
import { LedgerSummary, SessionView } from "../http/views.ts";
import { Client, type ClientOptions, DEFAULT_DATA_FOLDER, withClientOptions } from "./client.ts";
import { hint, print } from "./output.ts";

interface InitOptions {
  readonly data: string;
  readonly consortium: string;
  readonly host: string;
  readonly agentsPort: string;
  readonly peoplePort: string;
  readonly json?: boolean;
}

/** What a command needs is loaded when it runs: most of them only talk to the running coordinator. */
export function registerCoordinator(program: Command): void {
  const coordinator = program.command("coordinator").description("the consortium's own process");
  coordinator
    .command("init")
    .description("make a data folder: keys, certificate authority, configuration")
    .option("--data <folder>", "a new or empty folder", DEFAULT_DATA_FOLDER)
    .option("--consortium <name>", "its name, for people", "consortium")
    .option("--host <host>", "name or address by which sites and people reach this machine", "127.0.0.1")
    .option("--agents-port <port>", "port of the sites' listener; 0: chosen at the first start", "0")
    .option("--people-port <port>", "port of dashboard and REST; 0: chosen at the first start", "0")
    .option("--json", "print the result as JSON")
    .action(init);
  coordinator
    .command("start")
    .description("run the coordinator until SIGTERM or Ctrl-C; studies go on where they stopped")
    .option("--data <folder>", "its data folder", DEFAULT_DATA_FOLDER)
    .option("--json", "print one JSON line when it is ready")
    .action(run);
  withClientOptions(coordinator.command("status").description("whether it runs, and its ledger's head")).action(status);
  coordinator
    .command("backup")
    .description("copy a data folder, consistent also while the coordinator runs; it holds keys: keep it safe")
    .requiredOption("--to <folder>", "a new or empty folder")
    .option("--data <folder>", "the coordinator's data folder", DEFAULT_DATA_FOLDER)
    .option("--json", "print the result as JSON")
    .action(async ({ data, to, json }: ClientOptions & { to: string }) => {
      const { backupDataFolder } = await import("../consortium/backup.ts");
      const { entries } = await backupDataFolder(data, to);
      print(json, { path: to, entries }, `${to}: ${entries} ledger entries, verified`);
    });
  coordinator
    .command("restore")
    .description("make a data folder from a backup; with sites' ledgers, their charges count too")
    .requiredOption("--from <folder>", "a backup")
    .option("--data <folder>", "a new or empty folder", DEFAULT_DATA_FOLDER)
    .option(
      "--site-ledger <file...>",
      "ledgers that sites printed by budget ledger --json: whatever acted there is spent here",
    )
    .option("--json", "print the result as JSON")
    .action(async ({ data, from, siteLedger, json }: ClientOptions & { from: string; siteLedger?: string[] }) => {
      const { restoreDataFolder } = await import("../consortium/backup.ts");
      const { entries, recovered } = await restoreDataFolder(from, data, siteLedger ?? []);
      print(
        json,
        { path: data, entries, recovered },
        `${data}: ${entries} ledger entries, verified; ${recovered} charges taken over`,
      );
      hint("A site that countersigned a newer head refuses to act until both ledgers are re-synced.");
    });
}

async function init(options: InitOptions): Promise<void> {
  const [agents, people] = [portOf(options.agentsPort), portOf(options.peoplePort)];
  const config = newConfig(options.consortium, options.host, agents, people);
  const issuing = { now: new Date(), random: operatingSystemRandom };
  const { initDataFolder } = await import("../consortium/dataFolder.ts");
  const { publicKey } = await initDataFolder(options.data, config, issuing);
  print(
    options.json,
    { data: options.data, publicKey },
    `${options.data} is ready; the consortium's public key is ${publicKey}`,
  );
  if (options.json !== true) hint(`next: consilium coordinator start --data ${options.data}`);
}

async function run({ data, json }: ClientOptions): Promise<void> {
  const logger = jsonLinesLogger("coordinator");
  const { startFromProcess } = await import("../main.ts");
  const running = await startFromProcess(data, logger);
  const { agentsUrl: agents, peopleUrl: people } = running;
  print(json, { ready: true, agents, people }, `sites connect to ${agents}\npeople open ${people}`);
  if (json !== true) hint(`next: consilium account invite NAME --role lead --data ${data}`);
  await running.ended;
}

async function status(options: ClientOptions): Promise<void> {
  const client = await Client.of(options);
  const session = await client.get("/api/session", SessionView);
  const { head } = await client.get("/api/ledger", LedgerSummary);
  const { consortium, version } = session;
  print(
    options.json,
    { consortium, version, head },
    `${consortium} (version ${version}) runs; its ledger has ${head.sequence} entries`,
  );
}

function portOf(text: string): number {
  const port = Number(text);
  if (Number.isInteger(port) && port >= 0 && port <= 65_535) return port;
  throw new Failure({
    code: "usage/port-invalid",
    kind: "usage",
    what: `${text} is not a port.`,
    remedy: "Give a number from 0 to 65535; 0 lets the system choose.",
  });
}
