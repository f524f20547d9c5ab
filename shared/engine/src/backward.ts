import { assert } from "@consilium/shared/failure/failure";
import type { DenseLayer, LossSpec } from "@consilium/shared/model/spec";
import * as tf from "@tensorflow/tfjs-core";
import type { LayerTrace, Network } from "./network.ts";

/** Derivatives of each record's own loss. */
export interface Deltas {
  /** ∂loss/∂z of each layer, z its pre-activation, [R, O]. */
  readonly delta_RO: readonly tf.Tensor2D[];
  /** DeepType's: which centroid each record is drawn to (float32 indices) and ∂loss/∂that centroid. */
  readonly centroids: { readonly nearest_R: tf.Tensor1D; readonly delta_RH: tf.Tensor2D } | undefined;
}

/**
 * One backward pass to every layer's pre-activation, for all records at once. Weight gradients are not formed: what one
 * record adds to them is its input ⊗ delta. Call within `tf.tidy`; the returned tensors are the caller's.
 */
export function backward(network: Network, traces: readonly LayerTrace[], labels_R: tf.Tensor1D): Deltas {
  const { loss } = network.spec;
  const last = traces.at(-1);
  assert(last !== undefined, "a network has a layer");
  const pull = loss.kind === "deeptype" ? clusterPull(network, last.input_RI, loss.clusterWeight) : undefined;
  const delta_RO: tf.Tensor2D[] = [];
  let upstream_RO = outputDelta(loss, last.output_RO, labels_R);
  for (let index = traces.length - 1; index >= 0; index--) {
    const own = network.layers[index];
    const trace = traces[index];
    assert(own !== undefined && trace !== undefined, "every layer left a trace");
    const own_RO = throughActivation(own.layer, upstream_RO, trace.output_RO);
    delta_RO.unshift(own_RO);
    if (index === 0) break;
    // W is transposed first: wasm's own transposed product is ten times slower.
    upstream_RO = tf.matMul(own_RO, tf.transpose(own.kernel_IO));
    if (pull !== undefined && index === traces.length - 1) upstream_RO = tf.add(upstream_RO, pull.hidden_RH);
  }
  const centroids = pull && { nearest_R: pull.nearest_R, delta_RH: tf.neg(pull.hidden_RH) };
  return { delta_RO, centroids };
}

/** ∂loss/∂(last layer's output): σ(z) − y for one logit, softmax(z) − onehot(y) for one a class. */
function outputDelta(loss: LossSpec, logits_RO: tf.Tensor2D, labels_R: tf.Tensor1D): tf.Tensor2D {
  if (loss.kind !== "sigmoid-cross-entropy") {
    // Cast afterwards: tfjs-backend-wasm 4.22 writes integer ones into a float32 oneHot.
    return tf.sub(tf.softmax(logits_RO), tf.cast(tf.oneHot(labels_R, loss.classes), "float32"));
  }
  return tf.sub(tf.sigmoid(logits_RO), tf.expandDims(tf.cast(labels_R, "float32"), 1));
}

/** ∂loss/∂z from ∂loss/∂output: each derivative is a function of the output. At z = 0 that of relu is 0. */
function throughActivation(layer: DenseLayer, upstream_RO: tf.Tensor2D, output_RO: tf.Tensor2D): tf.Tensor2D {
  switch (layer.activation) {
    case "linear":
      return upstream_RO;
    case "relu":
      return tf.mul(upstream_RO, tf.step(output_RO));
    case "sigmoid":
      return tf.mul(upstream_RO, tf.mul(output_RO, tf.sub(1, output_RO)));
    case "tanh":
      return tf.mul(upstream_RO, tf.sub(1, tf.square(output_RO)));
  }
}

/**
 * Derivative of clusterWeight · ‖h − c‖², c the nearest centroid, in h; in c it is the negative. Which centroid is
 * nearest, argmin over k of ‖c_k‖² − 2 h·c_k, is piecewise constant in everything.
 */
function clusterPull(network: Network, hidden_RH: tf.Tensor2D, clusterWeight: number) {
  const { centroids_KH } = network;
  assert(centroids_KH !== undefined, "DeepType has centroids");
  const product_RK = tf.matMul(hidden_RH, tf.transpose(centroids_KH));
  const distance_RK = tf.sub(tf.sum(tf.square(centroids_KH), 1), tf.mul(2, product_RK));
  const nearest_R = tf.argMin(distance_RK, 1) as tf.Tensor1D;
  const own_RH = tf.gather(centroids_KH, nearest_R);
  const hidden: tf.Tensor2D = tf.mul(2 * clusterWeight, tf.sub(hidden_RH, own_RH));
  return { nearest_R: tf.cast(nearest_R, "float32") as tf.Tensor1D, hidden_RH: hidden };
}
