import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import util from "node:util";
import { Failure } from "@consilium/shared/failure/failure";
import * as tf from "@tensorflow/tfjs-core";

export type BackendName = "tensorflow-gpu" | "tensorflow" | "wasm";

/** What computes in this process. */
export interface Backend {
  readonly name: BackendName;
  /** One line for each faster backend that is not in use: why. */
  readonly notUsed: readonly string[];
  /** Threads that one tensor operation may use. */
  readonly threads: number;
}

interface Rung {
  readonly name: BackendName;
  /** Throws, in words, when this machine can't use it. */
  readonly start: () => Promise<number>;
}

const GPU_PACKAGE = "@tensorflow/tfjs-node-gpu";
const CPU_PACKAGE = "@tensorflow/tfjs-node";

const LADDER: readonly Rung[] = [
  { name: "tensorflow-gpu", start: () => startNative(GPU_PACKAGE, true) },
  { name: "tensorflow", start: () => startNative(CPU_PACKAGE, false) },
  { name: "wasm", start: startWasm },
];

/** Starts the fastest backend that this machine has, at or below `best`; says of each faster one why it is not used. */
export async function startBackend(best: BackendName = "tensorflow-gpu"): Promise<Backend> {
  const notUsed: string[] = [];
  const first = LADDER.findIndex((rung) => rung.name === best);
  for (const rung of LADDER.slice(0, first)) notUsed.push(`${rung.name}: not asked for`);
  for (const rung of LADDER.slice(first)) {
    try {
      const threads = await rung.start();
      return { name: rung.name, notUsed, threads };
    } catch (error) {
      notUsed.push(`${rung.name}: ${firstLine(error)}`);
    }
  }
  throw new Failure({
    code: "engine/no-backend",
    kind: "fault",
    what: `No tensor backend starts here. ${notUsed.join("; ")}`,
    remedy: "Install again with `npm ci`: @tensorflow/tfjs-backend-wasm needs nothing but Node.",
  });
}

/** Whether a process that starts here may use libtensorflow: its memory allocator is best set before it starts. */
export function nativeInstalled(): boolean {
  return isInstalled(GPU_PACKAGE) || isInstalled(CPU_PACKAGE);
}

function isInstalled(packageName: string): boolean {
  try {
    createRequire(import.meta.url).resolve(packageName);
    return true;
  } catch {
    return false;
  }
}

/** libtensorflow; its packages are optional and fetched by their own install scripts. */
async function startNative(packageName: string, gpu: boolean): Promise<number> {
  // tfjs-node 4.22 calls two functions that Node 24 no longer has.
  const legacy: { isNullOrUndefined?: unknown; isArray?: unknown } = util;
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
  if (!isInstalled(packageName)) throw new Error(`${packageName} is not installed`);
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
  await import(packageName);
  if (!(await tf.setBackend("tensorflow"))) throw new Error("libtensorflow didn't start");
  if (gpu && !usesGpu(tf.backend())) throw new Error("no usable GPU was found");
  return os.availableParallelism();
}

/** A GPU build without a GPU falls back to the CPU with no more than a line in its log. */
function usesGpu(backend: object): boolean {
  return "isUsingGpuDevice" in backend && backend.isUsingGpuDevice === true;
}

/** The default that npm alone installs: SIMD, one thread (under Node the library's threads don't start). */
async function startWasm(): Promise<number> {
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  const folder = path.dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"));
  wasm.setWasmPaths(`${folder}${path.sep}`);
  if (!(await tf.setBackend("wasm"))) throw new Error("WebAssembly didn't start");
  return 1;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n")[0] ?? "").slice(0, 200);
}
