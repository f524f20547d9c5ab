import { fileURLToPath } from "node:url";
import { ENGINES_VARIABLE } from "@consilium/engine/nativeEngine";
import { Failure } from "@consilium/shared/failure/failure";
import { z } from "zod";
import { NATIVE_ENVIRONMENT } from "../engine/nativeEnvironment.ts";
import { runTool } from "./tool.ts";

export const ProbeOrder = z.strictObject({
  /** An engine to load; null: whatever the ladder of backends gives. */
  directory: z.string().nullable(),
  measures: z.boolean(),
});
export type ProbeOrder = z.infer<typeof ProbeOrder>;

export const ProbeFindings = z.strictObject({
  name: z.enum(["tensorflow-gpu", "tensorflow", "wasm"]),
  notUsed: z.array(z.string()).readonly(),
  threads: z.number().int().positive(),
  /** Version of libtensorflow, where an engine was named. */
  tensorflow: z.string().optional(),
  /** Largest error of each operation, over its largest result. Infinity is no JSON: null. */
  errors: z.record(z.string(), z.number().nullable()),
  gflops: z.number().nullable(),
});
export type ProbeFindings = z.infer<typeof ProbeFindings>;

/** Starts the probe with the environment of the engine process. */
export async function runProbe(order: ProbeOrder, engines: string): Promise<ProbeFindings> {
  const program = fileURLToPath(new URL("./probe.js", import.meta.url));
  const { status, out, tail } = await runTool(process.execPath, [program, JSON.stringify(order)], {
    environment: { ...NATIVE_ENVIRONMENT, [ENGINES_VARIABLE]: engines },
  });
  if (status === 0) return ProbeFindings.parse(JSON.parse(out.trim().split("\n").at(-1) ?? ""));
  const error = tail.find((line) => /Error|cannot open|not found/.test(line)) ?? tail.at(-1);
  throw new Failure({
    code: "engine/does-not-start",
    kind: "fault",
    what: `The engine's process ended: ${(error ?? (status === null ? "by a signal" : `status ${status}`)).slice(0, 300)}`,
    remedy: "consilium-site engine remove, then install it again; WebAssembly is used meanwhile.",
  });
}
