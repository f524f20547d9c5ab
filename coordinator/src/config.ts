import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import { errnoOf, systemFailure } from "@consilium/shared/system/errno";
import { LineCounter, parseDocument } from "yaml";
import { z } from "zod";

/** A data folder's file, beside the database. */
export const CONFIG_FILE = "coordinator.yaml";
/** `CONSILIUM_COORDINATOR__LISTEN__PEOPLE__PORT=8080` sets `listen.people.port`. */
export const ENVIRONMENT_PREFIX = "CONSILIUM_COORDINATOR__";

const Port = z
  .number()
  .int()
  .min(0)
  .max(65_535)
  .describe("0: the system chooses at the first start; kept from then on.");
const Host = z.string().min(1).max(253);
const Listener = z.strictObject({ host: Host, port: Port });

export const CoordinatorConfig = z.strictObject({
  apiVersion: z.literal("consilium/v1"),
  kind: z.literal("Coordinator"),
  consortium: z.string().min(1).max(100).describe("For people; it also names the certificate authority."),
  listen: z.strictObject({
    agents: Listener.describe("Sites connect here: mutual TLS 1.3 only."),
    people: Listener.describe("Dashboard, REST and enrolment: HTTPS; plain HTTP on the loopback alone."),
  }),
  hosts: z
    .array(Host)
    .min(1)
    .max(20)
    .describe("Names and addresses by which others reach this machine; the first is told to sites."),
  /** How long a study waits for sites that are on their way back before it goes on with those that are there. */
  gatherMs: z.number().int().nonnegative().max(3_600_000).default(5_000),
  /** A lead's uploads must not fill the disk that the ledger needs. */
  weightsMiB: z
    .number()
    .int()
    .min(1)
    .max(2 ** 20)
    .default(8_192)
    .describe("Room for all weights files that studies start from, in MiB; an upload beyond it is refused."),
});
export type CoordinatorConfig = z.infer<typeof CoordinatorConfig>;

/** Configuration of a new data folder. */
export function newConfig(consortium: string, host: string, agentsPort: number, peoplePort: number): CoordinatorConfig {
  return CoordinatorConfig.parse({
    apiVersion: "consilium/v1",
    kind: "Coordinator",
    consortium,
    listen: { agents: { host, port: agentsPort }, people: { host, port: peoplePort } },
    hosts: host === "127.0.0.1" || host === "localhost" ? ["127.0.0.1", "localhost"] : [host],
  });
}

/** Reads a data folder's file; environment variables win over it. */
export function readConfig(dataFolder: string, environment: NodeJS.ProcessEnv): CoordinatorConfig {
  const path = join(dataFolder, CONFIG_FILE);
  const text = readText(path);
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines });
  const broken = document.errors[0];
  if (broken !== undefined) {
    const { line, col } = lines.linePos(broken.pos[0]);
    throw invalid(`${path}:${line}:${col}`, broken.message.split("\n")[0] ?? "unreadable YAML");
  }
  for (const [name, value] of overrides(environment)) document.setIn(name, value);
  const parsed = CoordinatorConfig.safeParse(document.toJS());
  if (parsed.success) return parsed.data;
  const issue = parsed.error.issues[0];
  const at = issue?.path.map(String) ?? [];
  const node: unknown = document.getIn(at, true);
  const range = hasRange(node) ? lines.linePos(node.range[0]) : null;
  const where = range === null ? path : `${path}:${range.line}:${range.col}`;
  throw invalid(where, `${at.join(".")}: ${issue?.message ?? "invalid"}`);
}

/** Whether an address can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function overrides(environment: NodeJS.ProcessEnv): [string[], unknown][] {
  return Object.entries(environment).flatMap(([name, value]) => {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || value === undefined) return [];
    const path = name.slice(ENVIRONMENT_PREFIX.length).split("__").map(camelCase);
    return [[path, scalar(value)] satisfies [string[], unknown]];
  });
}

/** `GATHER_MS` → `gatherMs`. */
function camelCase(word: string): string {
  return word.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}

function scalar(text: string): unknown {
  return parseDocument(text).toJS();
}

function hasRange(node: unknown): node is { range: [number, number, number] } {
  return typeof node === "object" && node !== null && "range" in node && Array.isArray(node.range);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    const refused = errnoOf(cause) === "EACCES" ? systemFailure(cause) : null;
    if (refused !== null) throw refused;
    throw new Failure({
      code: "config/not-found",
      kind: "config",
      what: `There is no readable ${path}.`,
      remedy: "Make a data folder first: consilium coordinator init --data DIR.",
      cause,
    });
  }
}

function invalid(where: string, why: string): Failure {
  return new Failure({
    code: "config/invalid",
    kind: "config",
    what: `${where} ${why}`,
    remedy: `Correct the file, or the ${ENVIRONMENT_PREFIX}… variable that overrides it.`,
  });
}
