/**
 * The engine process: holds records and gradients, and no socket, ledger or key. The agent starts it (`supervise.ts`),
 * talks to it by IPC alone, and gets file names, digests and events back.
 */
import { startBackend } from "@consilium/engine/backend";
import { jsonLinesLogger } from "@consilium/shared/system/logger";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { NoiseStore } from "../noise/noiseStore.ts";
import { type EngineAnswer, EngineCall } from "./call.ts";
import { Engine } from "./engine.ts";

const logger = jsonLinesLogger("engine");
const started = startBackend().then((backend) => {
  const noise = new NoiseStore(operatingSystemRandom);
  return new Engine({ backend, random: operatingSystemRandom, noise });
});

/** Requests run one after another; noise is ordered beside them. */
let last: Promise<unknown> = started;

async function answer({ id, request }: EngineCall): Promise<void> {
  const reply: EngineAnswer = { id, reply: await (await started).handle(request) };
  process.send?.(reply);
}

process.on("message", (message: unknown) => {
  const call = EngineCall.parse(message);
  if (call.request.type === "prepare-noise" || call.request.type === "abandon") void answer(call);
  else last = last.then(() => answer(call));
});
// The agent ends this process, by closing the channel; a terminal's Ctrl-C goes to the agent.
process.on("disconnect", () => process.exit(0));
process.on("SIGINT", () => undefined);

// An unexpected fault's text could hold sizes of a batch: its kind and place are enough.
process.on("uncaughtException", (error) => {
  logger.error("fault", { kind: error.name, at: (error.stack ?? "").split("\n").slice(-1).join("").trim() });
  process.exit(1);
});
