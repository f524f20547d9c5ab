import { assert } from "@consilium/shared/failure/failure";
import { type DenseLayer, type ModelSpec, parameterSlots } from "@consilium/shared/model/spec";
import * as tf from "@tensorflow/tfjs-core";

/** A layer's parameters as tensors. */
interface DenseTensors {
  readonly layer: DenseLayer;
  readonly kernel_IO: tf.Tensor2D;
  readonly bias_O: tf.Tensor1D;
}

/** A model on the device: owned by whoever loaded it, until `dispose`. */
export interface Network {
  readonly spec: ModelSpec;
  readonly layers: readonly DenseTensors[];
  /** DeepType's centroids [clusters, hidden]. */
  readonly centroids_KH: tf.Tensor2D | undefined;
  dispose(): void;
}

/** Copies a flat parameter vector (`parameterSlots` order) to the device. */
export function loadNetwork(spec: ModelSpec, parameters: Float32Array): Network {
  const tensors = parameterSlots(spec).map((slot) => {
    const values = parameters.subarray(slot.offset, slot.offset + slot.size);
    assert(values.length === slot.size, "the parameter vector fits the model");
    return tf.tensor(values, [...slot.shape], "float32");
  });
  const layers = spec.layers.map((layer, index) => ({
    layer,
    kernel_IO: tensors[2 * index] as tf.Tensor2D,
    bias_O: tensors[2 * index + 1] as tf.Tensor1D,
  }));
  const centroids_KH = tensors[2 * layers.length] as tf.Tensor2D | undefined;
  return { spec, layers, centroids_KH, dispose: () => tf.dispose(tensors) };
}

/** What one layer saw and what became of it. */
export interface LayerTrace {
  /** [R records, I]. */
  readonly input_RI: tf.Tensor2D;
  /** After the activation, [R, O]. */
  readonly output_RO: tf.Tensor2D;
}

/** Runs records through the network. Call within `tf.tidy`; the returned tensors are the caller's. */
export function forward(network: Network, features_RI: tf.Tensor2D): LayerTrace[] {
  const traces: LayerTrace[] = [];
  let input_RI = features_RI;
  for (const { layer, kernel_IO, bias_O } of network.layers) {
    const output_RO = activate(layer, tf.add(tf.matMul(input_RI, kernel_IO), bias_O)) as tf.Tensor2D;
    traces.push({ input_RI, output_RO });
    input_RI = output_RO;
  }
  return traces;
}

function activate(layer: DenseLayer, z: tf.Tensor): tf.Tensor {
  switch (layer.activation) {
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
