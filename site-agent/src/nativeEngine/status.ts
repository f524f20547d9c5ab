import { existsSync } from "node:fs";
import { join } from "node:path";
import { type NativeKind, type NativeRecord, readRecord } from "@consilium/engine/nativeEngine";
import { thisMachine, whyUnsupported } from "./platform.ts";
import { type ProbeFindings, runProbe } from "./probeOrder.ts";

export interface NotUsed {
  /** A faster backend. */
  readonly backend: string;
  readonly why: string;
  /** What to do for it; null: it can't be had on this machine. */
  readonly remedy: string | null;
}

export interface EngineStatus {
  readonly backend: ProbeFindings["name"];
  /** Version of libtensorflow; null for WebAssembly. */
  readonly tensorflow: string | null;
  readonly device: "GPU" | "CPU";
  readonly threads: number;
  readonly gflops: number | null;
  readonly notUsed: readonly NotUsed[];
  readonly folder: string;
  readonly installed: readonly NativeRecord[];
}

/** What a process that starts now computes with, measured in one. */
export async function engineStatus(folder: string): Promise<EngineStatus> {
  const found = await runProbe({ directory: null, measures: true }, folder);
  const kinds: readonly NativeKind[] = ["cpu", "gpu"];
  const installed = kinds.flatMap((kind) => readRecord(join(folder, kind)) ?? []);
  const surroundings = { unsupported: whyUnsupported(thisMachine()), hasGpu: hasNvidiaGpu() };
  // A GPU's engine that found no GPU computes on the processor in the other's stead.
  const preferred = found.name === "tensorflow-gpu" ? ["gpu"] : ["gpu", "cpu"];
  const record = installed.findLast(({ kind }) => preferred.includes(kind));
  return {
    backend: found.name,
    tensorflow: found.name === "wasm" ? null : (record?.tensorflow ?? "of npm's package"),
    device: found.name === "tensorflow-gpu" ? "GPU" : "CPU",
    threads: found.threads,
    gflops: found.gflops,
    notUsed: found.notUsed.map((line) => notUsed(line, surroundings)),
    folder,
    installed,
  };
}

/** From a line of the ladder, `backend: why`. */
export function notUsed(
  line: string,
  { unsupported, hasGpu }: { readonly unsupported: string | null; readonly hasGpu: boolean },
): NotUsed {
  const [backend = "", ...rest] = line.split(": ");
  const why = rest.join(": ");
  const isGpu = backend === "tensorflow-gpu";
  if (unsupported !== null) return { backend, why: `${why}; ${unsupported}`, remedy: null };
  if (why.includes("fell back")) {
    return {
      backend,
      why,
      remedy: "See `nvidia-smi`; under systemd: PrivateDevices=no and DeviceAllow=char-nvidia rw",
    };
  }
  if (why.includes("other accounts"))
    return { backend, why, remedy: "chmod -R go-w on the engine's folder; see its owner" };
  const install = `consilium-site engine install --from-pypi${isGpu ? " --gpu" : ""}`;
  if (why !== "not installed") return { backend, why, remedy: install };
  if (isGpu && !hasGpu) return { backend, why: "not installed; this machine shows no NVIDIA GPU", remedy: null };
  return { backend, why, remedy: install };
}

/** What NVIDIA's kernel driver shows when it has found a GPU. */
function hasNvidiaGpu(): boolean {
  return existsSync("/dev/nvidiactl") || existsSync("/proc/driver/nvidia/version");
}
