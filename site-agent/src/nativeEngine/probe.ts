/**
 * A process of its own that starts a backend as the engine does, tests it and tells on its last line what it found:
 * libtensorflow can't be unloaded, and one that doesn't fit this machine may end the process that loads it.
 */
import { availableParallelism } from "node:os";
import { type BackendName, startBackend } from "@consilium/engine/backend";
import { loadNative } from "@consilium/engine/nativeEngine";
import * as tf from "@tensorflow/tfjs-core";
import { type ProbeFindings, ProbeOrder } from "./probeOrder.ts";
import { measureGflops, selfTest } from "./selfTest.ts";

/** Long enough to outlast a processor's first, slower moments. */
const MEASURE_MS = 700;

async function probe(order: ProbeOrder): Promise<ProbeFindings> {
  const started = order.directory === null ? await startBackend() : await startAt(order.directory);
  return { ...started, errors: selfTest(), gflops: order.measures ? measureGflops(MEASURE_MS) : null };
}

/** An engine that isn't installed yet. */
async function startAt(directory: string): Promise<Pick<ProbeFindings, "name" | "notUsed" | "threads" | "tensorflow">> {
  const { tensorflow, usesGpu } = loadNative(directory);
  await tf.setBackend("tensorflow");
  const name: BackendName = usesGpu ? "tensorflow-gpu" : "tensorflow";
  return { name, notUsed: [], threads: availableParallelism(), tensorflow };
}

const findings = await probe(ProbeOrder.parse(JSON.parse(process.argv[2] ?? "")));
process.stdout.write(`\n${JSON.stringify(findings)}\n`);
