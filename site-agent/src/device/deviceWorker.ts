/**
 * A worker process: computes clipped sums on one device for the engine process, over one raw pipe. It writes no file,
 * holds records and a sum for as long as it computes with them, and ends with the engine process. Whatever goes wrong
 * ends it, and its shard is computed elsewhere (`workers.ts`).
 */
import { setImmediate as afterPending } from "node:timers/promises";
import { startBackend } from "@consilium/engine/backend";
import { loadNetwork, type Network } from "@consilium/engine/network";
import { assert } from "@consilium/shared/failure/failure";
import { parameterCount } from "@consilium/shared/model/spec";
import { jsonLinesLogger } from "@consilium/shared/system/logger";
import type { StudyName } from "@consilium/shared/units/identity";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { clippedSum, sumLength } from "../gradient/clippedSum.ts";
import { SumBuffer } from "../gradient/sumBuffer.ts";
import { readOrder, readWhole, type WorkerOrder, writeFrame } from "./frame.ts";

type ModelOrder = Extract<WorkerOrder, { type: "model" }>;
type SumOrder = Extract<WorkerOrder, { type: "sum" }>;

interface HeldModel {
  readonly parameters: Float32Array;
  readonly network: Network;
  /** Got with the first sum, whose rule says how long it is. */
  sum: { readonly length: number; readonly buffer: SumBuffer } | undefined;
}

/** The pipe to the engine process, beside the three streams that every process has. */
const PIPE = 3;
const NOTHING = new Uint8Array(0);

const models = new Map<StudyName, HeldModel>();

async function work(): Promise<void> {
  const { name } = await startBackend();
  writeFrame(PIPE, { type: "ready", backend: name, bytes: 0 }, NOTHING);
  for (let order = readOrder(PIPE); order !== null; order = readOrder(PIPE)) {
    obey(order);
    // libtensorflow's memory is given back by callbacks that wait for their turn.
    await afterPending();
  }
}

function obey(order: WorkerOrder): void {
  switch (order.type) {
    case "model":
      hold(order);
      return;
    case "sum":
      answerSum(order);
      return;
    case "close":
      models.get(order.study)?.network.dispose();
      models.delete(order.study);
      return;
  }
}

function hold({ study, spec, bytes }: ModelOrder): void {
  const held = models.get(study);
  const count = parameterCount(spec);
  assert(bytes === count * Float32Array.BYTES_PER_ELEMENT, "a model's parameters fit its layers");
  held?.network.dispose();
  const parameters = held?.parameters.length === count ? held.parameters : new Float32Array(count);
  receive(parameters);
  models.set(study, { parameters, network: loadNetwork(spec, parameters), sum: held?.sum });
}

function answerSum(order: SumOrder): void {
  const held = models.get(order.study);
  assert(held !== undefined, "a study's model comes before its sums");
  const { network } = held;
  const length = sumLength(network.spec, order.rule);
  const sum = held.sum?.length === length ? held.sum : { length, buffer: new SumBuffer(length) };
  held.sum = sum;
  const { buffer } = sum;
  const patients = receivePatients(order);
  const batch = { patients: Int32Array.from({ length: order.patients }, (_, patient) => patient) };
  try {
    const { values } = clippedSum(network, patients, batch, order.rule, buffer, order.rows, order.patientsInStep);
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
