import { assert } from "@consilium/shared/failure/failure";
import type { DropoutLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import type { LayerCall, LayerResult } from "./ops.ts";

/** While training, zero with probability `rate` and else 1/(1 − rate) times the value; at other times the value. */
export function dropout({ rate }: DropoutLayer, { inputs: [input], training }: LayerCall): LayerResult {
  assert(input !== undefined, "a dropout has an input");
  if (training === null) return { output: input, backward: (upstream) => ({ inputs: [upstream], uses: [] }) };
  const mask = training.dropoutMask(input.shape, rate);
  return {
    output: tf.mul(input, mask),
    backward: (upstream) => ({ inputs: [tf.mul(upstream, mask)], uses: [] }),
  };
}
