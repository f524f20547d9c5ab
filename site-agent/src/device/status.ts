import { z } from "zod";

/** A worker process as the engine's status tells of it. */
export const WorkerStatus = z.strictObject({
  device: z.string(),
  backend: z.enum(["tensorflow-gpu", "tensorflow", "wasm"]),
  state: z.enum(["ready", "starting", "ended"]),
  pid: z.number().int().nullable(),
  /** Since the engine process started. */
  restarts: z.number().int().nonnegative(),
  /** Why it last ended. */
  why: z.string().nullable(),
});
export type WorkerStatus = z.infer<typeof WorkerStatus>;

/** One line on a worker. */
export function workerLine({ device, backend, state, restarts, why }: WorkerStatus): string {
  const times = restarts === 1 ? "once" : `${restarts} times`;
  const history = why === null ? "" : `; restarted ${times}, last: ${why}`;
  return `${device} (${backend}) ${state}${history}`;
}
