import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { assert, Failure } from "@consilium/shared/failure/failure";
import * as tf from "@tensorflow/tfjs-core";
import { addWhatNodeLost, enginesFolder, loadNative, mayBeTrusted, NativeKind, readRecord } from "./nativeEngine.ts";
import { registerWasmKernels } from "./wasmKernels.ts";

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
  /** Gives the threads of one operation; throws, in words, when this machine can't use it. */
  readonly start: (engines: string) => Promise<number>;
}

const PACKAGE = { gpu: "@tensorflow/tfjs-node-gpu", cpu: "@tensorflow/tfjs-node" } satisfies Record<NativeKind, string>;

const LADDER: readonly Rung[] = [
  { name: "tensorflow-gpu", start: (engines) => startNative("gpu", engines) },
  { name: "tensorflow", start: (engines) => startNative("cpu", engines) },
  { name: "wasm", start: startWasm },
];

/** Starts the fastest backend that this machine has, at or below `best`; says of each faster one why it is not used. */
export async function startBackend(
  best: BackendName = "tensorflow-gpu",
  engines: string = enginesFolder(process.env),
): Promise<Backend> {
  const notUsed: string[] = [];
  const first = LADDER.findIndex((rung) => rung.name === best);
  for (const rung of LADDER.slice(0, first)) notUsed.push(`${rung.name}: not asked for`);
  for (const rung of LADDER.slice(first)) {
    try {
      const threads = await rung.start(engines);
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

/**
 * Has one of this process's backends compute from here on: what `startBackend` gave, or WebAssembly beside it, which
 * starts when it is first used. A tensor stays with the backend that made it, and may be disposed under the other.
 */
export async function useBackend(name: BackendName): Promise<void> {
  const wanted = name === "wasm" ? "wasm" : "tensorflow";
  if (tf.getBackend() === wanted) return;
  if (name === "wasm") await startWasm();
  else assert(tf.findBackendFactory(wanted) !== null && (await tf.setBackend(wanted)), "libtensorflow has started");
}

/** Whether a process that starts here may use libtensorflow: its memory allocator is best set before it starts. */
export function nativeInstalled(engines: string = enginesFolder(process.env)): boolean {
  return NativeKind.options.some(
    (kind) => readRecord(path.join(engines, kind)) !== null || isPackageInstalled(PACKAGE[kind]),
  );
}

function isPackageInstalled(packageName: string): boolean {
  try {
    createRequire(import.meta.url).resolve(packageName);
    return true;
  } catch {
    return false;
  }
}

/** libtensorflow: an engine that `consilium-site engine install` proved, else the package of npm's own script. */
async function startNative(kind: NativeKind, engines: string): Promise<number> {
  process.env.TF_CPP_MIN_LOG_LEVEL ??= "2";
  // A process takes one libtensorflow: a GPU build that found no GPU serves as the processor's.
  if (tf.findBackendFactory("tensorflow") === null) await loadInstalled(kind, path.join(engines, kind));
  if (!(await tf.setBackend("tensorflow"))) throw new Error("libtensorflow didn't start");
  if (kind === "gpu" && !usesGpu(tf.backend())) {
    throw new Error("the GPU build fell back to the CPU: it found no usable GPU");
  }
  return os.availableParallelism();
}

async function loadInstalled(kind: NativeKind, directory: string): Promise<void> {
  if (readRecord(directory) !== null) {
    if (!mayBeTrusted(directory)) throw new Error("other accounts may change the installed engine");
    loadNative(directory);
  } else if (isPackageInstalled(PACKAGE[kind])) {
    addWhatNodeLost();
    await import(PACKAGE[kind]);
  } else {
    throw new Error("not installed");
  }
}

/** Whether the backend computes on a GPU: a build for one falls back to the processor where it finds none. */
export function usesGpu(backend: object): boolean {
  return "isUsingGpuDevice" in backend && backend.isUsingGpuDevice === true;
}

/** The default that npm alone installs: SIMD, one thread (under Node the library's threads don't start). */
async function startWasm(): Promise<number> {
  const wasm = await import("@tensorflow/tfjs-backend-wasm");
  const folder = path.dirname(createRequire(import.meta.url).resolve("@tensorflow/tfjs-backend-wasm"));
  wasm.setWasmPaths(`${folder}${path.sep}`);
  if (!(await tf.setBackend("wasm"))) throw new Error("WebAssembly didn't start");
  registerWasmKernels();
  return 1;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return (text.split("\n")[0] ?? "").slice(0, 200);
}
