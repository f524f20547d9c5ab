import { featureCount, type ModelSpec } from "@consilium/shared/model/spec";
import type { Weights } from "@consilium/shared/model/weights";
import * as tf from "@tensorflow/tfjs-core";
import { forward, outputOf } from "./forward.ts";
import { loadNetwork, type Network } from "./network.ts";
import { borrowData } from "./tensorData.ts";

/** Records in one pass: 20,000 features of them are 20 MB. */
const RECORDS_PER_PASS = 256;

/** Probability of each class for each record, [records, classes] row by row; one logit gives [1 − p, p]. */
export function predict(spec: ModelSpec, { parameters, frozen }: Weights, features: Float32Array): Float32Array {
  const network = loadNetwork(spec, parameters, frozen);
  try {
    return predictWith(network, features);
  } finally {
    network.dispose();
  }
}

/** The same with a model that is on the device already. */
export function predictWith(network: Network, features: Float32Array): Float32Array {
  const { spec } = network;
  const inputs = featureCount(spec);
  const classes = classesOf(spec);
  const records = features.length / inputs;
  const probabilities = new Float32Array(records * classes);
  for (let start = 0; start < records; start += RECORDS_PER_PASS) {
    const end = Math.min(records, start + RECORDS_PER_PASS);
    const part = features.subarray(start * inputs, end * inputs);
    const result = tf.tidy(() => outputs(spec, outputOf(forward(network, tf.tensor2d(part, [end - start, inputs])))));
    probabilities.set(borrowData(result), start * classes);
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
