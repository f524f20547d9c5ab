import { aesCtrStream } from "@consilium/shared/random/aesCtrStream";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import * as tf from "@tensorflow/tfjs-core";

/**
 * 0 with probability `rate`, else 1/(1 − rate), independently for each number: no record's mask tells anything of
 * another's, so each patient's gradient stays a function of the model, that patient and coins of its own.
 */
export function dropoutMasks(shape: readonly number[], rate: number): tf.Tensor {
  const count = shape.reduce((product, length) => product * length, 1);
  const bytes = aesCtrStream(operatingSystemRandom).bytes(4 * count);
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const threshold = rate * 2 ** 32;
  const kept = 1 / (1 - rate);
  const mask = Float32Array.from({ length: count }, (_, i) => (words.getUint32(4 * i, true) < threshold ? 0 : kept));
  return tf.tensor(mask, [...shape], "float32");
}
