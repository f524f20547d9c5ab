import { setTimeout as delay } from "node:timers/promises";
import { fingerprintWords } from "@consilium/certs/fingerprint";
import { Failure } from "@consilium/shared/failure/failure";
import { COORDINATOR } from "@consilium/shared/units/identity";
import { readConfig } from "../config.ts";
import { AgentStatus } from "../control/request.ts";
import { ask } from "../control/socket.ts";
import { studyLine, workerLine } from "../device/status.ts";
import { runAgent } from "../main.ts";
import { type DataFolder, requireJoined } from "../storage/folder.ts";
import { readKeys } from "../storage/keys.ts";
import type { CommandContext } from "./context.ts";
import { runnable } from "./output.ts";

/** Time in which a stopping agent is gone. */
const STOP_TIMEOUT_MS = 20_000;
const POLL_MS = 50;

/** Runs the agent in this process until it is stopped; prints one line when it is ready. */
export async function start({ folder, environment, output }: CommandContext, signal: AbortSignal): Promise<void> {
  await runAgent({
    path: folder.path,
    environment,
    signal,
    onReady: (status) =>
      output.result({ ready: true, ...status }, [
        `Site ${status.site} runs (process ${status.pid}, engine ${status.backend}). Stop: Ctrl-C, or consilium-site stop.`,
      ]),
  });
}

/** Asks the agent to stop and waits until it has. */
export async function stop({ folder, output }: CommandContext): Promise<void> {
  await requireJoined(folder);
  const reply = await ask(folder.socket, { ask: "stop" });
  if (reply === null) throw notRunning();
  const deadline = performance.now() + STOP_TIMEOUT_MS;
  while (await isRunning(folder.socket)) {
    if (performance.now() > deadline) throw stillRunning();
    await delay(POLL_MS);
  }
  output.result({ stopped: true }, ["The agent has stopped."]);
}

export async function status({ folder, environment, output }: CommandContext): Promise<void> {
  await requireJoined(folder);
  const words = await wordsOf(folder, environment);
  const reply = await ask(folder.socket, { ask: "status" });
  if (reply === null) {
    output.result({ running: false, words }, [
      "The agent is not running.",
      ...wordLines(words),
      runnable("Start it: consilium-site start"),
    ]);
    return;
  }
  const agent = AgentStatus.parse(reply.answer);
  const link = agent.isConnected
    ? "connected"
    : `not connected${agent.lastRefusal ? `: ${agent.lastRefusal.what}` : ""}`;
  output.result({ running: true, ...agent, words }, [
    `site         ${agent.site}`,
    `process      ${agent.pid}, since ${agent.since}`,
    `coordinator  ${link}`,
    ...(agent.apart === null ? [] : [`apart        ${agent.apart.what}`, `             ${agent.apart.remedy}`]),
    `engine       ${agent.backend}`,
    ...agent.workers.map((worker) => `worker       ${workerLine(worker)}`),
    ...agent.studies.map((study) => `study        ${studyLine(study)}`),
    `certificate  until ${agent.certificateEnds}`,
    `steward      ${agent.steward}`,
    ...wordLines(words),
  ]);
}

/** The ten words of each end's keys, which people compare by telephone: the same that the coordinator shows. */
async function wordsOf(
  folder: DataFolder,
  environment: NodeJS.ProcessEnv,
): Promise<{ site: string; coordinator: string }> {
  const [config, keys] = await Promise.all([readConfig(folder.config, environment), readKeys(folder)]);
  return {
    site: fingerprintWords(config.name, [keys.identity.publicKey, keys.sealedSteward.publicKey]),
    coordinator: fingerprintWords(COORDINATOR, [config.coordinator.key]),
  };
}

function wordLines({ site, coordinator }: { site: string; coordinator: string }): string[] {
  return ["words to compare by telephone:", `  this site    ${site}`, `  coordinator  ${coordinator}`];
}

async function isRunning(socket: string): Promise<boolean> {
  return ask(socket, { ask: "status" }).then(
    (reply) => reply !== null,
    // It closed the connection: on its way out.
    () => true,
  );
}

function notRunning(): Failure {
  return new Failure({
    code: "agent/not-running",
    kind: "usage",
    what: "No agent runs on this data folder.",
    remedy: "Start it: consilium-site start",
  });
}

function stillRunning(): Failure {
  return new Failure({
    code: "agent/still-running",
    kind: "fault",
    what: `The agent has not stopped within ${STOP_TIMEOUT_MS / 1000} s.`,
    remedy: "See consilium-site status for its process and end it; nothing that is booked gets lost.",
  });
}
