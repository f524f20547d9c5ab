import { readFileSync, statSync } from "node:fs";
import { createRequire, Module } from "node:module";
import { homedir } from "node:os";
import path from "node:path";
import util from "node:util";
import { type KernelBackend, registerBackend } from "@tensorflow/tfjs-core";
import { z } from "zod";

/** Which libtensorflow: the one that computes on a processor alone, or the one that also finds CUDA. */
export const NativeKind = z.enum(["cpu", "gpu"]);
export type NativeKind = z.infer<typeof NativeKind>;

/** The only release of the binding that this product's TF.js goes with. */
export const BINDING_VERSION = "4.22.0";

/** `engine.json`, written last: what an installed engine is made of, and what its self-test found. */
export const NativeRecord = z.strictObject({
  format: z.literal(1),
  kind: NativeKind,
  /** What the library says of itself. */
  tensorflow: z.string(),
  binding: z.literal(BINDING_VERSION),
  /** Every file that went into it. */
  sources: z.array(z.strictObject({ name: z.string(), sha256: z.string().regex(/^[0-9a-f]{64}$/) })),
  selfTest: z.strictObject({
    /** Largest error of each operation against plain loops, over the largest result. */
    errors: z.record(z.string(), z.number()),
    usesGpu: z.boolean(),
  }),
  installedAt: z.iso.datetime(),
});
export type NativeRecord = z.infer<typeof NativeRecord>;

export const ENGINES_VARIABLE = "CONSILIUM_ENGINES";
const RECORD_FILE = "engine.json";
const BINDING_FILE = "tfjs_binding.node";

/**
 * Where engines are installed. Not in a site's data folder: an engine is code, 0.9 GB of it, shared by sites, by
 * `predict` and by tests, and a service's account has no business to write the code that it loads.
 */
export function enginesFolder(environment: Readonly<Record<string, string | undefined>>): string {
  const named = environment[ENGINES_VARIABLE];
  if (named !== undefined && named !== "") return path.resolve(named);
  const cache = environment.XDG_CACHE_HOME;
  // The XDG specification: a relative path is to be ignored.
  const base = cache !== undefined && path.isAbsolute(cache) ? cache : path.join(homedir(), ".cache");
  return path.join(base, "consilium", "engines");
}

/** The file with an engine's record. */
export function recordFile(directory: string): string {
  return path.join(directory, RECORD_FILE);
}

/** An engine's record; null where there is none, or one of another format or binding: it is to be installed again. */
export function readRecord(directory: string): NativeRecord | null {
  try {
    return NativeRecord.parse(JSON.parse(readFileSync(recordFile(directory), "utf8")));
  } catch {
    return null;
  }
}

/** Whose code it is decides what runs beside patients' records: root's or this account's, and nobody else's. */
export function mayBeTrusted(directory: string): boolean {
  return [directory, path.join(directory, BINDING_FILE), path.join(directory, "lib")].every((place) => {
    const { uid, mode } = statSync(place);
    return (uid === 0 || uid === process.getuid?.()) && (mode & 0o022) === 0;
  });
}

interface Binding {
  readonly TF_Version: string;
  readonly isUsingGpuDevice: () => boolean;
}
interface BackendModule {
  readonly NodeJSKernelBackend: new (binding: Binding, packageName: string) => KernelBackend;
}
// The very objects are handed on, for a parsed copy would lack what isn't enumerable.
const Binding = z.custom<Binding>((value) => hasFunction(value, "isUsingGpuDevice"));
const BackendModule = z.custom<BackendModule>((value) => hasFunction(value, "NodeJSKernelBackend"));

export interface LoadedNative {
  /** Version of libtensorflow. */
  readonly tensorflow: string;
  /** False of a GPU build, too, that found no GPU: it falls back with no more than a line in its log. */
  readonly usesGpu: boolean;
}

/** Loads libtensorflow into this process for good, and registers it as the backend `tensorflow`. */
export function loadNative(directory: string): LoadedNative {
  addWhatNodeLost();
  const engine = createRequire(path.join(directory, "package.json"));
  const core: unknown = createRequire(import.meta.url)("@tensorflow/tfjs-core");
  // The binding's JavaScript names the whole of TF.js; it needs the core, and that must be this very process's.
  for (const name of ["@tensorflow/tfjs", "@tensorflow/tfjs-core"]) {
    const place = engine.resolve(name);
    const own = new Module(place);
    own.exports = core;
    own.loaded = true;
    engine.cache[place] = own;
  }
  const binding = Binding.parse(engine(`./${BINDING_FILE}`));
  engine("./dist/register_all_kernels.js");
  const { NodeJSKernelBackend } = BackendModule.parse(engine("./dist/nodejs_kernel_backend.js"));
  registerBackend("tensorflow", () => new NodeJSKernelBackend(binding, "@tensorflow/tfjs-node"), 3);
  return { tensorflow: binding.TF_Version, usesGpu: binding.isUsingGpuDevice() };
}

/** The binding's JavaScript calls two functions that Node 24 no longer has. */
export function addWhatNodeLost(): void {
  const legacy: { isNullOrUndefined?: unknown; isArray?: unknown } = util;
  legacy.isNullOrUndefined ??= (value: unknown) => value === null || value === undefined;
  legacy.isArray ??= Array.isArray;
}

function hasFunction(value: unknown, name: string): boolean {
  return typeof value === "object" && value !== null && typeof Reflect.get(value, name) === "function";
}
