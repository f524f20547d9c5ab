import { stat, statfs } from "node:fs/promises";
import { connect } from "node:tls";
import { validityOf } from "@consilium/certs/renewal";
import { enginesFolder } from "@consilium/engine/nativeEngine";
import { Failure } from "@consilium/shared/failure/failure";
import { SignedHead } from "@consilium/shared/protocol/messages";
import { DuckDBInstance } from "@duckdb/node-api";
import { z } from "zod";
import { readConfig } from "../config.ts";
import { AgentStatus } from "../control/request.ts";
import { ask } from "../control/socket.ts";
import { choiceRule, noNative } from "../device/engineChoice.ts";
import { workerLine } from "../device/status.ts";
import { runProbe } from "../nativeEngine/probeOrder.ts";
import { type DataFolder, requireJoined } from "../storage/folder.ts";
import { readKeys, readTls } from "../storage/keys.ts";
import { askSite, type CommandContext } from "./context.ts";
import { runnable, table } from "./output.ts";

export interface Check {
  readonly name: string;
  readonly passed: boolean;
  readonly finding: string;
  readonly remedy: string;
}

const CONNECT_TIMEOUT_MS = 5000;
/** Room for some contributions and models; below this a round of the largest model can't be written. */
const DISK_BYTES_MIN = 1024 ** 3;
/** Certificates are renewed at two thirds of a day: less than this left means that renewal fails. */
const CERTIFICATE_LEFT_MIN_MS = 2 * 3_600_000;
/** Certificates begin five minutes before they are issued, because clocks differ by that much at most. */
const CLOCK_SKEW_MAX_MS = 5 * 60_000;

/** Looks at everything that a site needs; each check is made whatever the others find. */
export async function doctor(context: CommandContext): Promise<void> {
  const { output } = context;
  await requireJoined(context.folder);
  const found = await Promise.all(
    Object.entries(CHECKS).map(([name, { run, remedy }]) =>
      run(context).then(
        (finding) => ({ name, passed: true, finding, remedy: "" }),
        (error: unknown) => failed(name, error, remedy),
      ),
    ),
  );
  const checks = withoutEchoes(found);
  const rows = checks.map(({ name, passed, finding, remedy }) => [
    passed ? "pass" : "FAIL",
    name,
    remedy === "" ? finding : `${finding} → ${runnable(remedy)}`,
  ]);
  const passed = checks.filter((check) => check.passed).length;
  output.result({ passed: passed === checks.length, checks }, [
    ...table(["", "check", "finding"], rows),
    `${passed} of ${checks.length} passed.`,
  ]);
  if (passed < checks.length) throw unwell(checks.length - passed);
}

/** One fault fails each check that needs what is broken: it is told once, and the others name that check. */
export function withoutEchoes(checks: readonly Check[]): readonly Check[] {
  return checks.map((check, index) => {
    const first = checks.slice(0, index).find(({ passed, finding }) => !passed && finding === check.finding);
    if (check.passed || first === undefined) return check;
    return { ...check, finding: `not checked: see ${first.name}`, remedy: "" };
  });
}

/** Each returns what it found, or throws. */
const CHECKS: Record<string, { run: (context: CommandContext) => Promise<string>; remedy: string }> = {
  node: { run: checkNode, remedy: "Install Node 20.19, 22.12 or 24 and later." },
  folder: { run: ({ folder }) => checkModes(folder), remedy: "Run: chmod -R go-rwx on the data folder." },
  settings: {
    run: async ({ folder, environment }) => `site ${(await readConfig(folder.config, environment)).name}`,
    remedy: "Correct site.yaml.",
  },
  keys: {
    run: async ({ folder }) => `steward ${(await readKeys(folder)).sealedSteward.steward}`,
    remedy: "Restore the keys folder from a backup.",
  },
  certificate: { run: checkCertificate, remedy: "Start the agent; after its end: consilium-site join TOKEN." },
  clock: { run: checkClock, remedy: "Set the clock, best by NTP: certificates are refused otherwise." },
  coordinator: { run: checkCoordinator, remedy: "Check address, firewall and proxy; ask the lead if it runs." },
  agent: { run: checkAgent, remedy: "Start it: consilium-site start" },
  ledger: { run: checkLedger, remedy: "Restore the database from a backup; nothing acts on a broken ledger." },
  workers: { run: checkWorkers, remedy: "See the agent's log; take fewer engine.workers, or give it more memory." },
  engine: { run: checkEngine, remedy: "Install again with npm ci." },
  duckdb: { run: checkDuckDb, remedy: "Install again with npm ci: @duckdb/node-api must fit this machine." },
  disk: { run: ({ folder }) => checkDisk(folder), remedy: "Free space on the data folder's disk." },
};

async function checkNode(): Promise<string> {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const fits = (major === 20 && minor >= 19) || (major === 22 && minor >= 12) || major >= 24;
  if (!fits) throw new Error(`Node ${process.versions.node}`);
  return `Node ${process.versions.node}`;
}

async function checkModes(folder: DataFolder): Promise<string> {
  for (const path of [folder.path, folder.keys, folder.prepared, folder.outbox, folder.database]) {
    const { mode } = await stat(path);
    if (process.platform !== "win32" && (mode & 0o077) !== 0) throw new Error(`${path} is open to other accounts`);
  }
  return "readable by its own account alone";
}

async function checkCertificate({ folder }: CommandContext): Promise<string> {
  const { notAfter } = validityOf((await readTls(folder)).certificate);
  const leftMs = notAfter.getTime() - Date.now();
  if (leftMs < CERTIFICATE_LEFT_MIN_MS) throw new Error(`ends ${notAfter.toISOString()}`);
  return `until ${notAfter.toISOString()}`;
}

/** Against the issuing time of the newest certificate: a clock that runs behind sees it in the future. */
async function checkClock({ folder }: CommandContext): Promise<string> {
  const { notBefore } = validityOf((await readTls(folder)).certificate);
  const aheadMs = notBefore.getTime() + CLOCK_SKEW_MAX_MS - Date.now();
  if (aheadMs > CLOCK_SKEW_MAX_MS) throw new Error("this clock is behind the coordinator's");
  return "not behind the coordinator's";
}

async function checkCoordinator({ folder, environment }: CommandContext): Promise<string> {
  const [{ coordinator }, { ca }, { certificate, privateKey }] = await Promise.all([
    readConfig(folder.config, environment),
    readKeys(folder),
    readTls(folder),
  ]);
  const url = new URL(coordinator.url);
  const port = url.port === "" ? 443 : Number(url.port);
  await new Promise<void>((resolve, reject) => {
    const socket = connect({ host: url.hostname, port, ca, cert: certificate, key: privateKey, minVersion: "TLSv1.3" });
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => socket.destroy(new Error("no answer in time")));
    socket.once("error", reject);
    socket.once("secureConnect", () => {
      socket.destroy();
      resolve();
    });
  });
  return `${url.host} answers with the consortium's certificate`;
}

async function checkAgent({ folder }: CommandContext): Promise<string> {
  const reply = await ask(folder.socket, { ask: "status" });
  if (reply === null) throw new Error("not running");
  const { pid, isConnected, lastRefusal } = AgentStatus.parse(reply.answer);
  if (!isConnected)
    throw new Error(`process ${pid}, not connected${lastRefusal === null ? "" : `: ${lastRefusal.what}`}`);
  return `process ${pid}, connected`;
}

async function checkLedger(context: CommandContext): Promise<string> {
  const verified = z.object({ entries: z.number(), head: SignedHead });
  const { entries } = await askSite(context, { ask: "verify-ledger" }, verified);
  return `${entries} entries, chained and signed`;
}

async function checkWorkers({ folder }: CommandContext): Promise<string> {
  const reply = await ask(folder.socket, { ask: "status" });
  if (reply === null) return "not asked: the agent is not running";
  const { workers } = AgentStatus.parse(reply.answer);
  if (workers.length === 0) return "none: the engine process computes by itself";
  const lines = workers.map(workerLine).join("; ");
  if (workers.some(({ state }) => state === "ended")) throw new Error(lines);
  return lines;
}

/** In a process of its own, as the agent does: libtensorflow writes lines of its own to standard error. */
async function checkEngine({ folder, environment }: CommandContext): Promise<string> {
  const { backend } = (await readConfig(folder.config, environment)).engine;
  const { name, notUsed } = await runProbe({ directory: null, measures: false }, enginesFolder(environment));
  if (backend === "native" && name === "wasm") throw noNative();
  return [`models: ${choiceRule(backend, name)}`, ...notUsed].join("; ");
}

async function checkDuckDb(): Promise<string> {
  const instance = await DuckDBInstance.create(":memory:");
  instance.closeSync();
  return "loads";
}

async function checkDisk(folder: DataFolder): Promise<string> {
  const { bavail, bsize } = await statfs(folder.path);
  const gibibytes = (bavail * bsize) / 1024 ** 3;
  if (bavail * bsize < DISK_BYTES_MIN) throw new Error(`${gibibytes.toFixed(1)} GiB free`);
  return `${gibibytes.toFixed(1)} GiB free`;
}

function failed(name: string, error: unknown, remedy: string): Check {
  const finding = error instanceof Error ? error.message : String(error);
  return { name, passed: false, finding, remedy: error instanceof Failure ? error.remedy : remedy };
}

function unwell(count: number): Failure {
  return new Failure({
    code: "doctor/checks-failed",
    kind: "config",
    what: `${count} ${count === 1 ? "check" : "checks"} failed.`,
    remedy: "See the remedy beside each.",
  });
}
