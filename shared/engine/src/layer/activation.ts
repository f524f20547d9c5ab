import type { Activation } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";

export function activate(activation: Activation, z: tf.Tensor): tf.Tensor {
  switch (activation) {
    case "linear":
      return z;
    case "relu":
      return tf.relu(z);
    case "sigmoid":
      return tf.sigmoid(z);
    case "tanh":
      return tf.tanh(z);
  }
}

/** ∂loss/∂z from ∂loss/∂output: each derivative is a function of the output. At z = 0 that of relu is 0. */
export function throughActivation(activation: Activation, upstream: tf.Tensor, output: tf.Tensor): tf.Tensor {
  switch (activation) {
    case "linear":
      return upstream;
    case "relu":
      return tf.mul(upstream, tf.step(output));
    case "sigmoid":
      return tf.mul(upstream, tf.mul(output, tf.sub(1, output)));
    case "tanh":
      return tf.mul(upstream, tf.sub(1, tf.square(output)));
  }
}
