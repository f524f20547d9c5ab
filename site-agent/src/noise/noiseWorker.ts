/** Thread that makes noise while the engine computes or its round waits; randomness is the operating system's. */
import { parentPort } from "node:worker_threads";
import { drawGaussianNoise } from "@consilium/shared/contribution/gaussianNoise";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { type NoiseMade, NoiseOrder } from "./order.ts";

parentPort?.on("message", (message: unknown) => {
  const { id, memory, grid } = NoiseOrder.parse(message);
  const { stdDev, drawDistance } = drawGaussianNoise(new Int32Array(memory), grid, operatingSystemRandom);
  const made: NoiseMade = { id, stdDev, drawDistance };
  parentPort?.postMessage(made);
});
