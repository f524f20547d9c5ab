import { assert, unreachable } from "@consilium/shared/failure/failure";
import * as tf from "@tensorflow/tfjs-core";
import { attention } from "./layer/attention.ts";
import { activation, merge, pad, reshape, scale } from "./layer/combine.ts";
import { conv } from "./layer/conv.ts";
import { dense } from "./layer/dense.ts";
import { dropout } from "./layer/dropout.ts";
import { embedding } from "./layer/embedding.ts";
import { norm } from "./layer/norm.ts";
import type { LayerCall, LayerResult } from "./layer/ops.ts";
import { pool } from "./layer/pool.ts";
import { recurrent } from "./layer/recurrent.ts";
import type { Network } from "./network.ts";

/** What every layer made of some records, in the order of the layers. */
export interface Pass {
  readonly results: readonly LayerResult[];
  /** Of each layer. */
  readonly inputs: readonly (readonly tf.Tensor[])[];
}

/** Runs records [R, features] through the network. Call within `tf.tidy`; the tensors are the caller's. */
export function forward(network: Network, features: tf.Tensor2D, training: LayerCall["training"] = null): Pass {
  const records = features.shape[0];
  const first = tf.reshape(features, [records, ...network.spec.input]);
  const results: LayerResult[] = [];
  const inputs = network.nodes.map((node, index) => {
    const own = node.from.map((from) => {
      const input = from < 0 ? first : results[from]?.output;
      assert(input !== undefined, "a layer comes after those it takes from");
      return input;
    });
    results.push(run({ node, inputs: own, parameters: network.parameters[index] ?? [], training }));
    return own;
  });
  return { results, inputs };
}

/** The last layer's output. */
export function outputOf({ results }: Pass): tf.Tensor2D {
  const last = results.at(-1);
  assert(last !== undefined, "a network has a layer");
  return last.output as tf.Tensor2D;
}

function run(call: LayerCall): LayerResult {
  const { layer } = call.node;
  switch (layer.kind) {
    case "dense":
      return dense(layer, call);
    case "conv":
      return conv(layer, call);
    case "pool":
      return pool(layer, call);
    case "norm":
      return norm(layer, call);
    case "scale":
      return scale(layer, call);
    case "embedding":
      return embedding(call);
    case "recurrent":
      return recurrent(layer, call);
    case "attention":
      return attention(layer, call);
    case "dropout":
      return dropout(layer, call);
    case "activation":
      return activation(layer, call);
    case "merge":
      return merge(layer, call);
    case "pad":
      return pad(layer, call);
    case "reshape":
      return reshape(layer, call);
    default:
      return unreachable(layer);
  }
}
