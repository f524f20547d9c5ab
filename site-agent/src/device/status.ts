import { StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";

/** A worker process as the engine's status tells of it. */
export const WorkerStatus = z.strictObject({
  device: z.string(),
  backend: z.enum(["tensorflow-gpu", "tensorflow", "wasm"]),
  /** `computing`: it was given a shard and owes its sum. */
  state: z.enum(["ready", "computing", "starting", "ended"]),
  pid: z.number().int().nullable(),
  /** Since the engine process started. */
  restarts: z.number().int().nonnegative(),
  /** Why it last ended. */
  why: z.string().nullable(),
});
export type WorkerStatus = z.infer<typeof WorkerStatus>;

/** An open study as the engine's status tells of it. */
export const StudyEngine = z.strictObject({
  study: StudyName,
  /** What computes its gradients; null in the round bench, which has none. */
  engine: z.enum(["native", "wasm"]).nullable(),
  /** By which public number or setting. */
  why: z.string(),
});
export type StudyEngine = z.infer<typeof StudyEngine>;

/** One line on an open study. */
export function studyLine({ study, engine, why }: StudyEngine): string {
  return `${study} on ${engine ?? "nothing"}: ${why}`;
}

/** One line on a worker. */
export function workerLine({ device, backend, state, restarts, why }: WorkerStatus): string {
  const times = restarts === 1 ? "once" : `${restarts} times`;
  const history = why === null ? "" : `; restarted ${times}, last: ${why}`;
  return `${device} (${backend}) ${state}${history}`;
}
