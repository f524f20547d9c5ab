import type { ModelSpec } from "@consilium/shared/model/spec";
import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import { stepOf } from "./engineSteps.ts";

/** What a process holds, and of it what TF.js counts as its own. */
const Held = z.strictObject({ rssMiB: z.number(), tensors: z.number(), tensorMiB: z.number() });
export type Held = z.infer<typeof Held>;

export const SteadyMemory = z.strictObject({
  /** After the first of `samples`' steps, and after each as many more. */
  held: z.array(Held).min(2),
  peakRssMiB: z.number(),
});
export type SteadyMemory = z.infer<typeof SteadyMemory>;

const MIB = 2 ** 20;

/** Takes private steps and notes what the process holds after each `every` of them. */
export async function heldOver(spec: ModelSpec, batch: number, steps: number, every: number): Promise<Held[]> {
  const step = stepOf(spec, batch, "private, noise made alongside");
  const held: Held[] = [];
  for (let i = 1; i <= steps; i++) {
    await step();
    if (i % every !== 0) continue;
    const { numTensors, numBytes } = tf.memory();
    held.push({ rssMiB: process.memoryUsage.rss() / MIB, tensors: numTensors, tensorMiB: numBytes / MIB });
  }
  return held;
}
