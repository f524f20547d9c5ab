import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import * as tf from "@tensorflow/tfjs-core";

/**
 * 0 with probability `rate`, else 1/(1 − rate), independently for each number: no record's mask tells anything of
 * another's, so each patient's gradient stays a function of the model, that patient and coins of its own.
 */
export function dropoutMasks(shape: readonly number[], rate: number): tf.Tensor {
  const count = shape.reduce((product, length) => product * length, 1);
  const words = new Uint32Array(count);
  operatingSystemRandom.fill(new Uint8Array(words.buffer));
  const threshold = rate * 2 ** 32;
  const kept = 1 / (1 - rate);
  const mask = new Float32Array(count);
  for (let i = 0; i < count; i++) mask[i] = (words[i] ?? 0) < threshold ? 0 : kept;
  return tf.tensor(mask, [...shape], "float32");
}
