import { PUBLIC_FILE_MODE, writeFileAtomically } from "@consilium/certs/files";
import { Failure } from "@consilium/shared/failure/failure";
import { z } from "zod";
import { type CoordinatorConfig, ENVIRONMENT_PREFIX } from "../config.ts";
import { type DataPaths, readIfThere } from "./paths.ts";

const Ports = z.strictObject({ agents: z.number().int(), people: z.number().int() });
/** Where a running coordinator listens; left behind by a crash, gone after a clean stop. */
const RunningFile = z.strictObject({ pid: z.number().int(), agents: z.string(), people: z.string() });
export type RunningFile = z.infer<typeof RunningFile>;

/** Ports to listen on: as configured, else those of the last start, so that sites find the coordinator again. */
export async function readPorts(paths: DataPaths, listen: CoordinatorConfig["listen"]): Promise<z.infer<typeof Ports>> {
  const text = await readIfThere(paths.ports);
  const last = text === null ? { agents: 0, people: 0 } : Ports.parse(JSON.parse(text));
  return { agents: listen.agents.port || last.agents, people: listen.people.port || last.people };
}

/** Each listener's clients, as a failure names them. */
const CLIENTS = { agents: "the sites", people: "dashboard and REST" } as const;
const WHY: Readonly<Record<string, string>> = {
  EADDRINUSE: "another process listens there",
  EACCES: "this account may not listen there; ports below 1024 are the system's",
  EADDRNOTAVAIL: "this machine has no such address",
};

/** Why a listener could not open, with the setting that moves it. */
export function notListening(
  listener: keyof typeof CLIENTS,
  { host, port }: { readonly host: string; readonly port: number },
  config: string,
  cause: unknown,
): Failure {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : String(cause);
  const variable = `${ENVIRONMENT_PREFIX}LISTEN__${listener.toUpperCase()}__PORT`;
  return new Failure({
    code: code === "EADDRINUSE" ? "coordinator/port-in-use" : "coordinator/not-listening",
    kind: "config",
    what: `The listener for ${CLIENTS[listener]} can't open port ${port} of ${host}: ${WHY[code] ?? code}.`,
    remedy: `Free it (who holds it: ss -ltnp), or set listen.${listener} in ${config}; or for once ${variable}=PORT.`,
    fields: { port, host },
    cause,
  });
}

export async function writeRunning(paths: DataPaths, place: { agents: string; people: string }): Promise<void> {
  await writeFileAtomically(paths.running, JSON.stringify({ pid: process.pid, ...place }), PUBLIC_FILE_MODE);
}

export async function readRunning(paths: DataPaths): Promise<RunningFile | null> {
  const text = await readIfThere(paths.running);
  return text === null ? null : RunningFile.parse(JSON.parse(text));
}

/** One process owns a data folder. A file left by a killed one is told apart by its process being gone. */
export async function refuseIfRunning(paths: DataPaths): Promise<void> {
  const running = await readRunning(paths);
  if (running === null || running.pid === process.pid || !isAlive(running.pid) || !(await answers(running.people)))
    return;
  throw new Failure({
    code: "coordinator/running",
    kind: "refused",
    what: `A coordinator (process ${running.pid}) runs on this data folder already.`,
    remedy: "Stop it first, or use another folder.",
    fields: { pid: running.pid },
  });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false; // No such process, or another account's: then it isn't ours.
  }
}

/** The number of a killed process may be another's by now; a coordinator answers, if only with a refusal or bad TLS. */
function answers(url: string): Promise<boolean> {
  return fetch(`${url}/api/session`, { signal: AbortSignal.timeout(2000) }).then(
    () => true,
    () => url.startsWith("https:"),
  );
}
