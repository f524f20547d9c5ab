import { assert } from "@consilium/shared/failure/failure";
import type { AttentionLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import type { LayerCall, LayerResult } from "./ops.ts";

/**
 * Y = PV, P = softmax(QKᵀ/√w) for each head (Vaswani et al. 2017, arXiv:1706.03762, eq. 1). Backward:
 * ∂V = Pᵀ∂Y, ∂S = P ∘ (∂P − rowsum(∂P ∘ P)) with ∂P = ∂Y Vᵀ, ∂Q = ∂S K/√w, ∂K = ∂Sᵀ Q/√w.
 */
export function attention({ heads }: AttentionLayer, { inputs: [queries, keys, values] }: LayerCall): LayerResult {
  assert(queries !== undefined && keys !== undefined && values !== undefined, "attention has three inputs");
  const q = apart(queries, heads);
  const k = apart(keys, heads);
  const v = apart(values, heads);
  const shrink = 1 / Math.sqrt(q.shape[3]);
  const weights = tf.softmax(tf.mul(tf.matMul(q, turned(k)), shrink)) as tf.Tensor4D;
  return {
    output: together(tf.matMul(weights, v)),
    backward: (upstream) => {
      const delta = apart(upstream, heads);
      const deltaWeights = tf.matMul(delta, turned(v));
      const along = tf.sum(tf.mul(deltaWeights, weights), 3, true);
      const scores = tf.mul(tf.mul(weights, tf.sub(deltaWeights, along)), shrink) as tf.Tensor4D;
      return {
        inputs: [
          together(tf.matMul(scores, k)),
          together(tf.matMul(turned(scores), q)),
          together(tf.matMul(turned(weights), delta)),
        ],
        uses: [],
      };
    },
  };
}

/** [R, T, heads · w] → [R, heads, T, w]. */
function apart(values: tf.Tensor, heads: number): tf.Tensor4D {
  const [records = 0, positions = 0, width = 0] = values.shape;
  return tf.transpose(tf.reshape(values, [records, positions, heads, width / heads]), [0, 2, 1, 3]);
}

/** [R, heads, T, w] → [R, T, heads · w]. */
function together(values: tf.Tensor): tf.Tensor {
  const [records = 0, heads = 0, positions = 0, width = 0] = values.shape;
  return tf.reshape(tf.transpose(values, [0, 2, 1, 3]), [records, positions, heads * width]);
}

/** The last two axes swapped: wasm's own transposed product is ten times slower. */
function turned(values: tf.Tensor4D): tf.Tensor4D {
  return tf.transpose(values, [0, 1, 3, 2]);
}
