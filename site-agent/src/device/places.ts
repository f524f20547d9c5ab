import { readdirSync, readFileSync } from "node:fs";
import path from "node:path";
import type { BackendName } from "@consilium/engine/backend";
import { z } from "zod";

/** How many worker processes; auto: one for each of several GPUs of one model, else none. */
export const WorkerCount = z.union([z.literal("auto"), z.number().int().min(0).max(64)]);
export type WorkerCount = z.infer<typeof WorkerCount>;

/** What a worker computes on. */
export interface Place {
  /** What it is called outside: "CPU 1", "GPU 0". */
  readonly device: string;
  readonly backend: BackendName;
  /** Beside what every engine process has. */
  readonly environment: Readonly<Record<string, string>>;
}

export interface Machine {
  readonly cores: number;
  /** Models of the GPUs that an installed engine can use, in the order of their places on the bus. */
  readonly gpus: readonly string[];
  /** What the engine process itself computes with. */
  readonly backend: BackendName;
  /** Bound of libtensorflow's memory, where it has one. */
  readonly poolBytes: number | null;
}

/**
 * Places that compute alike, for a patient's gradient must not hang on which of them it falls to: GPUs of the first
 * one's model alone, or shares of the processor's cores.
 */
export function placesOf(workers: WorkerCount, { cores, gpus, backend, poolBytes }: Machine): Place[] {
  const alike = gpus.flatMap((model, index) => (model === gpus[0] ? [index] : []));
  if (workers === "auto") return alike.length > 1 ? alike.map(onGpu) : [];
  if (alike.length > 0) return alike.slice(0, workers).map(onGpu);
  const threads = Math.max(1, Math.floor(cores / workers));
  const pool = poolBytes === null ? {} : { TF_MKL_ALLOC_MAX_BYTES: String(Math.floor(poolBytes / workers)) };
  return Array.from({ length: workers }, (_, index) => ({
    device: `CPU ${index}`,
    backend,
    environment: { TF_NUM_INTRAOP_THREADS: String(threads), ...pool },
  }));
}

function onGpu(index: number): Place {
  return {
    device: `GPU ${index}`,
    backend: "tensorflow-gpu",
    environment: { CUDA_DEVICE_ORDER: "PCI_BUS_ID", CUDA_VISIBLE_DEVICES: String(index) },
  };
}

/** Models of the NVIDIA GPUs that the kernel's driver shows, in the order of their places on the bus. */
export function gpuModels(folder = "/proc/driver/nvidia/gpus"): string[] {
  try {
    const names = readdirSync(folder).sort();
    return names.map((name) => {
      const text = readFileSync(path.join(folder, name, "information"), "utf8");
      return /^Model:\s*(.+)$/m.exec(text)?.[1] ?? "unknown";
    });
  } catch {
    // No such driver: no GPU.
    return [];
  }
}
