import { type Activation, LEAKY_SLOPE } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import { nativeKernel } from "./nativeKernel.ts";

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
    case "relu6":
      return tf.clipByValue(z, 0, 6);
    case "leaky-relu":
      return tf.maximum(z, tf.mul(z, LEAKY_SLOPE));
  }
}

/** ∂loss/∂z from ∂loss/∂output: each derivative is a function of the output. At a kink it is the smaller side. */
export function throughActivation(activation: Activation, upstream: tf.Tensor, output: tf.Tensor): tf.Tensor {
  return ownKernel(activation, upstream, output) ?? composed(activation, upstream, output);
}

/** libtensorflow's derivatives take one pass over the numbers; its step alone takes six. */
function ownKernel(activation: Activation, upstream: tf.Tensor, output: tf.Tensor): tf.Tensor | null {
  switch (activation) {
    case "linear":
      return upstream;
    case "relu":
      return nativeKernel("ReluGrad", [upstream, output]);
    case "sigmoid":
      return nativeKernel("SigmoidGrad", [output, upstream]);
    case "tanh":
      return nativeKernel("TanhGrad", [output, upstream]);
    case "relu6":
      return nativeKernel("Relu6Grad", [upstream, output]);
    case "leaky-relu":
      return nativeKernel("LeakyReluGrad", [upstream, output], { floats: { alpha: LEAKY_SLOPE } });
  }
}

function composed(activation: Activation, upstream: tf.Tensor, output: tf.Tensor): tf.Tensor {
  switch (activation) {
    case "linear":
      return upstream;
    case "relu":
      return tf.mul(upstream, tf.step(output));
    case "sigmoid":
      return tf.mul(upstream, tf.mul(output, tf.sub(1, output)));
    case "tanh":
      return tf.mul(upstream, tf.sub(1, tf.square(output)));
    case "relu6":
      return tf.mul(upstream, tf.mul(tf.step(output), tf.step(tf.sub(6, output))));
    case "leaky-relu":
      return tf.mul(upstream, tf.step(output, LEAKY_SLOPE));
  }
}
