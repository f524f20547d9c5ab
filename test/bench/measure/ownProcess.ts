/** Each measurement has a process of its own, so that peak memory is its own. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { startBackend } from "@consilium/engine/backend";
import { enginesFolder, readRecord } from "@consilium/engine/nativeEngine";
import { ModelSpec } from "@consilium/shared/model/spec";
import { NATIVE_ENVIRONMENT } from "@consilium/site-agent/engine/nativeEnvironment";
import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import { STEPS, stepOf } from "./engineSteps.ts";
import { peakRssMiB } from "./machine.ts";
import { Repeats, repeated } from "./repeats.ts";
import { heldOver, SteadyMemory } from "./steadyMemory.ts";

export const BACKENDS = ["tensorflow-gpu", "tensorflow", "wasm"] as const;
export type MeasuredBackend = (typeof BACKENDS)[number];

const backend = z.enum(BACKENDS);
const size = z.number().int().positive();
const Order = z.discriminatedUnion("measure", [
  z.strictObject({ measure: z.literal("nothing"), backend }),
  z.strictObject({
    measure: z.literal("steps"),
    backend,
    spec: ModelSpec,
    batch: size,
    kind: z.enum(STEPS),
    repeats: Repeats,
  }),
  z.strictObject({
    measure: z.literal("memory"),
    backend,
    spec: ModelSpec,
    batch: size,
    steps: size,
    every: size,
  }),
]);
type Order = z.infer<typeof Order>;
type OrderOf<Measure extends Order["measure"]> = Omit<Extract<Order, { measure: Measure }>, "measure">;

const Skipped = z.strictObject({ skipped: z.string() });
export type Skipped = z.infer<typeof Skipped>;

export const Timed = z.strictObject({ times: z.array(z.number()).min(1), peakRssMiB: z.number() });
export type Timed = z.infer<typeof Timed>;

const Present = z.strictObject({ version: z.string(), threads: z.number() });
export type Present = z.infer<typeof Present>;

/** Whether a backend starts here, and which release of it. */
export function probe(of: MeasuredBackend): Present | Skipped {
  return inOwnProcess({ measure: "nothing", backend: of }, Present);
}

export function timeSteps(order: OrderOf<"steps">): Timed | Skipped {
  return inOwnProcess({ measure: "steps", ...order }, Timed);
}

export function watchMemory(order: OrderOf<"memory">): SteadyMemory | Skipped {
  return inOwnProcess({ measure: "memory", ...order }, SteadyMemory);
}

/** A measurement that fails is no reason to lose the others: it is told in its place, and by the exit code. */
function inOwnProcess<Outcome>(order: Order, schema: z.ZodType<Outcome>): Outcome | Skipped {
  const child = spawnSync(process.execPath, [fileURLToPath(import.meta.url)], {
    input: JSON.stringify(order),
    encoding: "utf8",
    env: { ...process.env, ...(order.backend === "wasm" ? {} : NATIVE_ENVIRONMENT) },
  });
  if (child.status !== 0) {
    process.exitCode = 1;
    // libtensorflow greets on standard error: only a failure's words are worth passing on.
    process.stderr.write(child.stderr);
    return { skipped: `the measuring process ended by ${child.signal ?? `exit code ${child.status}`}` };
  }
  return z.union([schema, Skipped]).parse(JSON.parse(child.stdout.trim().split("\n").at(-1) ?? ""));
}

async function obey(order: Order): Promise<Present | Timed | SteadyMemory | Skipped> {
  const started = await startBackend(order.backend);
  if (started.name !== order.backend) {
    const why = started.notUsed.find((line) => line.startsWith(`${order.backend}: `)) ?? "not in use";
    return { skipped: why.slice(order.backend.length + 2) };
  }
  switch (order.measure) {
    case "nothing":
      return { version: versionOf(order.backend), threads: started.threads };
    case "steps": {
      const times = await repeated(stepOf(order.spec, order.batch, order.kind), order.repeats);
      return { times, peakRssMiB: ownPeakMiB() };
    }
    case "memory": {
      const held = await heldOver(order.spec, order.batch, order.steps, order.every);
      return { held, peakRssMiB: ownPeakMiB() };
    }
  }
}

/** Of this program alone where the system says it: getrusage's figure may include the program that started it. */
function ownPeakMiB(): number {
  return peakRssMiB(process.pid) ?? process.resourceUsage().maxRSS / 1024;
}

function versionOf(of: MeasuredBackend): string {
  const binding = `TF.js ${tf.version_core}`;
  if (of === "wasm") return binding;
  const record = readRecord(path.join(enginesFolder(process.env), of === "tensorflow" ? "cpu" : "gpu"));
  return record === null ? binding : `libtensorflow ${record.tensorflow}, ${binding}`;
}

async function standardInput(): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of process.stdin) parts.push(Buffer.from(part));
  return Buffer.concat(parts).toString("utf8");
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const outcome = await obey(Order.parse(JSON.parse(await standardInput())));
  process.stdout.write(`${JSON.stringify(outcome)}\n`);
  process.exit(0);
}
