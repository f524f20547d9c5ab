import { readFileSync } from "node:fs";
import { isIP } from "node:net";
import { join } from "node:path";
import { errnoOf } from "@consilium/shared/failure/errno";
import { Failure } from "@consilium/shared/failure/failure";
import { parseSource } from "@consilium/shared/study/issues";
import { formatFinding, openYaml, withValue } from "@consilium/shared/study/yamlSource";
import { systemFailure } from "@consilium/shared/system/errno";
import { parseDocument } from "yaml";
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
  const source = openYaml(path, readText(path));
  const value = overrides(environment).reduce((whole, [keys, own]) => withValue(whole, keys, own), source.value);
  const { value: config, findings } = parseSource({ ...source, value }, CoordinatorConfig);
  if (config !== null) return config;
  throw new Failure({
    code: "config/invalid",
    kind: "config",
    what: findings.map(formatFinding).join("\n"),
    remedy: `Correct the file, or the ${ENVIRONMENT_PREFIX}… variable that overrides it.`,
  });
}

/** Whether an address can be reached from this machine alone. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || (isIP(host) === 4 && host.startsWith("127."));
}

function overrides(environment: NodeJS.ProcessEnv): [string[], unknown][] {
  return Object.entries(environment).flatMap(([name, value]) => {
    if (!name.startsWith(ENVIRONMENT_PREFIX) || value === undefined) return [];
    const path = name.slice(ENVIRONMENT_PREFIX.length).split("__").map(camelCase);
    return [[path, parseDocument(value).toJS()] satisfies [string[], unknown]];
  });
}

/** `GATHER_MS` → `gatherMs`. */
function camelCase(word: string): string {
  return word.toLowerCase().replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
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
