/**
 * The engine process: holds records and gradients, and no socket, ledger or key. The agent starts it (`supervise.ts`),
 * talks to it by IPC alone, and gets file names, digests and events back.
 */
import { availableParallelism } from "node:os";
import path from "node:path";
import { type BackendName, startBackend } from "@consilium/engine/backend";
import { enginesFolder, readRecord } from "@consilium/engine/nativeEngine";
import { jsonLinesLogger } from "@consilium/shared/system/logger";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { gpuModels, type Machine, placesOf } from "../device/places.ts";
import { DeviceWorkers } from "../device/workers.ts";
import { NoiseStore } from "../noise/noiseStore.ts";
import { type EngineAnswer, EngineCall } from "./call.ts";
import { Engine } from "./engine.ts";
import { EngineSettings } from "./settings.ts";

const logger = jsonLinesLogger("engine");
const settings = EngineSettings.parse(JSON.parse(process.argv[2] ?? "{}"));
let workers: DeviceWorkers | null = null;
const started = start();

async function start(): Promise<Engine> {
  const isWasmAlone = settings.backend === "wasm";
  const hasGpuEngine = readRecord(path.join(enginesFolder(process.env), "gpu")) !== null;
  const gpus = hasGpuEngine && !isWasmAlone ? gpuModels() : [];
  const hasGpuWorkers = gpus.length > 0 && placesOf(settings.workers, machineWith("tensorflow-gpu", gpus)).length > 0;
  // libtensorflow takes all memory of every GPU that it sees: they are the workers'.
  if (hasGpuWorkers) process.env.CUDA_VISIBLE_DEVICES = "-1";
  const backend = await startBackend(isWasmAlone ? "wasm" : "tensorflow-gpu");
  const places = placesOf(settings.workers, machineWith(backend.name, gpus));
  workers = places.length === 0 ? null : new DeviceWorkers({ places, logger });
  const noise = new NoiseStore(operatingSystemRandom);
  return new Engine({ backend, random: operatingSystemRandom, noise, workers, settings });
}

function machineWith(backend: BackendName, gpus: readonly string[]): Machine {
  const bound = process.env.TF_MKL_ALLOC_MAX_BYTES;
  return { cores: availableParallelism(), gpus, backend, poolBytes: bound === undefined ? null : Number(bound) };
}

/** Run beside others: noise, and what must be told while a step waits for its workers. */
const BESIDE: readonly EngineCall["request"]["type"][] = ["prepare-noise", "abandon", "status"];
/** Other requests run one after another. */
let last: Promise<unknown> = started;

async function answer({ id, request }: EngineCall): Promise<void> {
  const reply: EngineAnswer = { id, reply: await (await started).handle(request) };
  process.send?.(reply);
}

process.on("message", (message: unknown) => {
  const call = EngineCall.parse(message);
  if (BESIDE.includes(call.request.type)) void answer(call);
  else last = last.then(() => answer(call));
});
// The agent ends this process, by closing the channel; a terminal's Ctrl-C goes to the agent.
process.on("disconnect", () => void (workers?.stop() ?? Promise.resolve()).then(() => process.exit(0)));
process.on("SIGINT", () => undefined);

// An unexpected fault's text could hold sizes of a batch: its kind and place are enough.
process.on("uncaughtException", (error) => {
  logger.error("fault", { kind: error.name, at: (error.stack ?? "").split("\n").slice(-1).join("").trim() });
  process.exit(1);
});
