import { backward, type Deltas } from "@consilium/engine/backward";
import { forward, type LayerTrace, type Network } from "@consilium/engine/network";
import { borrowData } from "@consilium/engine/tensorData";
import { assert } from "@consilium/shared/failure/failure";
import * as tf from "@tensorflow/tfjs-core";
import type { TapValues } from "./denseNorm.ts";

/** What one forward and one backward pass leave for clipping; owned by the caller until `dispose`. */
export interface Taps {
  /** Layers in order, then the centroids, if any. */
  readonly values: readonly TapValues[];
  /** Each dense layer's input on the device. */
  readonly inputs_RI: readonly tf.Tensor2D[];
  dispose(): void;
}

/**
 * Rows are filled up to a multiple of this, so that a record's row goes through the same kernel whoever is beside it.
 */
export const ROW_MULTIPLE = 16;

/**
 * One forward and one backward pass: each layer's input a and delta g = ∂loss/∂z for every record. From these alone
 * come norms and clipped sum (book-keeping: Bu et al. 2023, arXiv:2210.00038; Li et al. 2022, arXiv:2110.05679).
 * `features` [R, I], R a multiple of `ROW_MULTIPLE`; they belong to the taps from here on.
 */
export function runTaps(network: Network, features: Float32Array, labels: Int32Array): Taps {
  const passes = tf.tidy(() => {
    const features_RI = tf.tensor2d(features, [labels.length, network.spec.layers[0]?.inputs ?? 0]);
    const traces = forward(network, features_RI);
    const deltas = backward(network, traces, tf.tensor1d(labels, "int32"));
    const inputs_RI = traces.map((trace) => trace.input_RI);
    return { inputs_RI, delta_RO: [...deltas.delta_RO], ...centroidTensors(deltas) };
  });
  const values = readTaps(network, features, passes.inputs_RI, passes);
  tf.dispose([passes.delta_RO, passes.nearest_R, passes.centroid_RH]);
  return { values, inputs_RI: passes.inputs_RI, dispose: () => tf.dispose(passes.inputs_RI) };
}

/** `tidy` keeps tensors in plain fields and lists. */
function centroidTensors({ centroids }: Deltas) {
  return centroids === undefined
    ? { nearest_R: [], centroid_RH: [] }
    : { nearest_R: [centroids.nearest_R], centroid_RH: [centroids.delta_RH] };
}

function readTaps(
  network: Network,
  features: Float32Array,
  inputs_RI: readonly LayerTrace["input_RI"][],
  passes: { delta_RO: tf.Tensor2D[]; nearest_R: tf.Tensor[]; centroid_RH: tf.Tensor[] },
): TapValues[] {
  const copy = (tensor: tf.Tensor | undefined): Float32Array => {
    assert(tensor !== undefined, "every layer has its input and delta");
    return borrowData(tensor).slice();
  };
  const values: TapValues[] = network.spec.layers.map((layer, index) => ({
    kind: "dense",
    inputs: layer.inputs,
    outputs: layer.outputs,
    input_RI: index === 0 ? features : copy(inputs_RI[index]),
    delta_RO: copy(passes.delta_RO[index]),
  }));
  const outputs = network.spec.layers.at(-1)?.inputs ?? 0;
  for (const [index, nearest_R] of passes.nearest_R.entries()) {
    const delta_RO = copy(passes.centroid_RH[index]);
    values.push({ kind: "centroids", outputs, nearest_R: copy(nearest_R), delta_RO });
  }
  return values;
}
