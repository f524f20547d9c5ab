import { layerGraph, volume } from "@consilium/shared/model/graph";
import { featureCount, type ModelSpec } from "@consilium/shared/model/spec";
import type { Weights } from "@consilium/shared/model/weights";
import * as tf from "@tensorflow/tfjs-core";
import { forward, outputOf } from "./forward.ts";
import { loadNetwork, type Network } from "./network.ts";
import { borrowData } from "./tensorData.ts";

/** What the tensors of one pass may take; WebAssembly has 2 GiB in all. */
const PASS_BYTES = 512 * 2 ** 20;
/** wasm's kernels give a row the same bits whoever is beside it, in multiples of this many rows. */
const ROW_MULTIPLE = 16;
const ROWS_MAX = 256;

/**
 * Records of one pass, by the network alone: what all layers give stays until its end, and the largest layer makes some
 * ten times its numbers on the way.
 */
export function rowsOfPass(spec: ModelSpec): number {
  const sizes = layerGraph(spec).nodes.map(({ inputs, output }) => {
    return Math.max(volume(output), ...inputs.map(volume));
  });
  const numbers = 2 * sizes.reduce((sum, size) => sum + size, 0) + 10 * Math.max(...sizes);
  const rows = Math.floor(PASS_BYTES / (4 * numbers));
  return Math.max(ROW_MULTIPLE, Math.min(ROWS_MAX, rows - (rows % ROW_MULTIPLE)));
}

/** Probability of each class for each record, [records, classes] row by row; one logit gives [1 − p, p]. */
export function predict(spec: ModelSpec, { parameters, frozen }: Weights, features: Float32Array): Float32Array {
  const network = loadNetwork(spec, parameters, frozen);
  try {
    return predictWith(network, features);
  } finally {
    network.dispose();
  }
}

/**
 * The same with a model that is on the device already. All passes have the same rows, filled up with zeros: kernels may
 * sum in another order where rows are fewer, and what a record comes to must not tell how many others there are.
 */
export function predictWith(network: Network, features: Float32Array): Float32Array {
  const { spec } = network;
  const inputs = featureCount(spec);
  const classes = classesOf(spec);
  const records = features.length / inputs;
  const probabilities = new Float32Array(records * classes);
  const rows = rowsOfPass(spec);
  for (let start = 0; start < records; start += rows) {
    const end = Math.min(records, start + rows);
    const part = new Float32Array(rows * inputs);
    part.set(features.subarray(start * inputs, end * inputs));
    const result = tf.tidy(() => outputs(spec, outputOf(forward(network, tf.tensor2d(part, [rows, inputs])))));
    probabilities.set(borrowData(result).subarray(0, (end - start) * classes), start * classes);
    result.dispose();
  }
  return probabilities;
}

export function classesOf(spec: ModelSpec): number {
  return spec.loss.kind === "sigmoid-cross-entropy" ? 2 : spec.loss.classes;
}

function outputs(spec: ModelSpec, logits_RO: tf.Tensor2D): tf.Tensor2D {
  if (spec.loss.kind === "acgan") return tf.softmax(tf.slice(logits_RO, [0, 1]));
  if (spec.loss.kind !== "sigmoid-cross-entropy") return tf.softmax(logits_RO);
  // Both tails from their own logit: 1 − p would lose the small one.
  return tf.concat([tf.sigmoid(tf.neg(logits_RO)), tf.sigmoid(logits_RO)], 1);
}
