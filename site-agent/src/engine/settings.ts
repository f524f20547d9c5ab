import { z } from "zod";
import { EngineSetting } from "../device/engineChoice.ts";
import { WorkerCount } from "../device/places.ts";

/** What the site's own settings say of the engine; `engine` in site.yaml, and the engine process's only argument. */
export const EngineSettings = z.strictObject({
  workers: WorkerCount.default("auto").describe(
    "Worker processes that share each step; auto: one for each of several GPUs, else none.",
  ),
  backend: EngineSetting.default("auto").describe(
    "What computes gradients; auto: by each study's model, WebAssembly for small ones where a native engine is installed.",
  ),
  memoryMiB: z
    .number()
    .int()
    .min(256)
    .max(2 ** 20)
    .default(1024)
    .describe("What a process that computes gradients aims to stay within; batches are cut to fit."),
});
export type EngineSettings = z.infer<typeof EngineSettings>;
