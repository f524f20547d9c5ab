/**
 * A worker process: computes clipped sums on one device for the engine process, over one raw pipe. It writes no file,
 * holds records and a sum for as long as it computes with them, and ends with the engine process. Whatever goes wrong
 * ends it, and its shard is computed elsewhere (`workers.ts`).
 */
import { setImmediate as afterPending } from "node:timers/promises";
import { type BackendName, startBackend, useBackend } from "@consilium/engine/backend";
import { loadNetwork, type Network } from "@consilium/engine/network";
import { assert } from "@consilium/shared/failure/failure";
import { modelDigest } from "@consilium/shared/model/modelDigest";
import { frozenSlots, type ModelSpec, parameterCount, sizeOf } from "@consilium/shared/model/spec";
import { jsonLinesLogger } from "@consilium/shared/system/logger";
import type { StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { clippedSum, sumLength } from "../gradient/clippedSum.ts";
import { SumBuffer } from "../gradient/sumBuffer.ts";
import { readOrder, readWhole, type WorkerOrder, writeFrame } from "./frame.ts";

type OpenOrder = Extract<WorkerOrder, { type: "open" }>;
type ModelOrder = Extract<WorkerOrder, { type: "model" }>;
type SumOrder = Extract<WorkerOrder, { type: "sum" }>;

interface OpenStudy {
  readonly backend: BackendName;
  readonly spec: ModelSpec;
  /** What none of its models changes. */
  readonly frozen: Float32Array;
  readonly parameters: Float32Array;
  /** Absent before its first model. */
  network: Network | undefined;
  /** Got with the first sum, whose rule says how long it is. */
  sum: { readonly length: number; readonly buffer: SumBuffer } | undefined;
}

/** The program's only argument: the fastest backend that it may start. */
const BestBackend = z.enum(["tensorflow-gpu", "tensorflow", "wasm"]);
/** The pipe to the engine process, beside the three streams that every process has. */
const PIPE = 3;
const NOTHING = new Uint8Array(0);

const studies = new Map<StudyName, OpenStudy>();

async function work(): Promise<void> {
  const { name } = await startBackend(BestBackend.parse(process.argv[2]));
  writeFrame(PIPE, { type: "ready", backend: name, bytes: 0 }, NOTHING);
  for (let order = readOrder(PIPE); order !== null; order = readOrder(PIPE)) {
    await obey(order, name);
    // libtensorflow's memory is given back by callbacks that wait for their turn.
    await afterPending();
  }
}

async function obey(order: WorkerOrder, own: BackendName): Promise<void> {
  switch (order.type) {
    case "open":
      assert(order.backend === own || order.backend === "wasm", "a study computes on what its worker has");
      open(order);
      return;
    case "model":
      await useBackend(openStudy(order.study).backend);
      hold(order);
      return;
    case "sum":
      await useBackend(openStudy(order.study).backend);
      answerSum(order);
      return;
    case "close":
      close(order.study);
      return;
  }
}

/** A step with other frozen numbers would be another study's, whatever their sum looks like. */
function open({ study, backend, spec, frozen: digest, bytes }: OpenOrder): void {
  close(study);
  const frozen = new Float32Array(sizeOf(frozenSlots(spec)));
  assert(bytes === frozen.byteLength, "frozen parameters fit their layers");
  receive(frozen);
  assert(modelDigest(frozen) === digest, "frozen parameters are those that the study names");
  const parameters = new Float32Array(parameterCount(spec));
  studies.set(study, { backend, spec, frozen, parameters, network: undefined, sum: undefined });
}

function close(study: StudyName): void {
  studies.get(study)?.network?.dispose();
  studies.delete(study);
}

function hold({ study, bytes }: ModelOrder): void {
  const held = openStudy(study);
  const { spec, frozen, parameters } = held;
  assert(bytes === parameters.byteLength, "a model's parameters fit its layers");
  held.network?.dispose();
  receive(parameters);
  held.network = loadNetwork(spec, parameters, frozen);
}

function openStudy(study: StudyName): OpenStudy {
  const held = studies.get(study);
  assert(held !== undefined, "a study is opened before its models and sums");
  return held;
}

function answerSum(order: SumOrder): void {
  const held = openStudy(order.study);
  const { network } = held;
  assert(network !== undefined, "a study's model comes before its sums");
  const length = sumLength(network.spec, order.rule);
  const sum = held.sum?.length === length ? held.sum : { length, buffer: new SumBuffer(length) };
  held.sum = sum;
  const { buffer } = sum;
  const patients = receivePatients(order);
  const batch = { patients: Int32Array.from({ length: order.patients }, (_, patient) => patient) };
  try {
    const { values } = clippedSum(network, patients, batch, order, buffer);
    const width = values instanceof Float64Array ? 8 : 4;
    writeFrame(PIPE, { type: "sum", id: order.id, width, bytes: values.byteLength }, values);
  } finally {
    buffer.wipe();
    patients.features.fill(0);
  }
}

function receivePatients({ featureCount, records, patients, bytes }: SumOrder): PreparedPatients {
  const features = new Float32Array(records * featureCount);
  const labels = new Int32Array(records);
  const recordStart = new Int32Array(patients + 1);
  const columns = [features, labels, recordStart];
  assert(columns.reduce((sum, { byteLength }) => sum + byteLength, 0) === bytes, "a shard is as long as announced");
  for (const column of columns) receive(column);
  return { featureCount, features, labels, recordStart, parts: new Uint8Array(patients) };
}

function receive(into: ArrayBufferView): void {
  if (!readWhole(PIPE, into)) process.exit(0);
}

// A terminal's Ctrl-C goes to the agent, which ends the engine process, which closes the pipe.
process.on("SIGINT", () => undefined);
process.on("uncaughtException", (error) => {
  // An unexpected fault's text could hold sizes of a batch: its kind and place are enough.
  const at = (error.stack ?? "").split("\n").slice(-1).join("").trim();
  jsonLinesLogger("worker").error("fault", { kind: error.name, at });
  process.exit(1);
});

void work().then(() => process.exit(0));
