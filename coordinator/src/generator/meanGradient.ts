import { backward } from "@consilium/engine/backward";
import { forward } from "@consilium/engine/forward";
import type { Network } from "@consilium/engine/network";
import { recordGradients } from "@consilium/engine/recordGradients";
import { borrowData } from "@consilium/engine/tensorData";
import type { ParameterUse, ProductUse } from "@consilium/engine/use";
import { assert } from "@consilium/shared/failure/failure";
import { parameterCount } from "@consilium/shared/model/spec";
import * as tf from "@tensorflow/tfjs-core";

/** Made records of one pass; a discriminator's own gradients are all in memory at once. */
const RECORDS_PER_PASS = 16;

export interface LabelledRecords {
  /** [records, inputs]. */
  readonly input: Float32Array;
  /** As the network's loss takes them. */
  readonly labels: Uint8Array;
}

/**
 * Sum of the records' gradients, each clipped to `norm` (∞: as it is), as real patients' are at the sites. These
 * records were made from public noise: nothing here is private, and nothing here ever sees a patient's.
 */
export function clippedGradientSum(
  network: Network,
  { input, labels }: LabelledRecords,
  norm: number,
  uniform: (() => number) | null = null,
): Float64Array {
  const sum = new Float64Array(parameterCount(network.spec));
  const records = labels.length;
  const width = input.length / records;
  const training = uniform === null ? null : { dropoutMask: maskFrom(uniform) };
  for (let start = 0; start < records; start += RECORDS_PER_PASS) {
    const end = Math.min(records, start + RECORDS_PER_PASS);
    tf.tidy(() => {
      const features = tf.tensor2d(input.subarray(start * width, end * width), [end - start, width]);
      const pass = forward(network, features, training);
      const uses = backward(network, pass, tf.tensor1d(Int32Array.from(labels.subarray(start, end)), "int32"));
      const blocks = uses.flatMap((use) => blocksOf(use, end - start));
      for (let record = 0; record < end - start; record++) addClipped(sum, blocks, record, norm);
    });
  }
  return sum;
}

/** Part of every record's own gradient: [records, size] at one place of the flat vector. */
interface Block {
  readonly offset: number;
  readonly size: number;
  readonly values: Float32Array;
}

function blocksOf(use: ParameterUse, records: number): Block[] {
  assert(use.kind !== "lookup", "neither generators nor discriminators look anything up");
  if (use.kind === "direct") {
    const { offset, gradient_RS } = use;
    return [{ offset, size: gradient_RS.shape[1], values: borrowData(gradient_RS).slice() }];
  }
  return [productBlock(use, records)];
}

function productBlock(use: ProductUse, records: number): Block {
  const [, , outputs] = use.delta_RTO.shape;
  assert(use.rowLength === outputs, "a kernel of one group lies in one piece");
  const own = recordGradients(use, 0, records);
  return { offset: use.offset, size: own.size / records, values: borrowData(own).slice() };
}

function addClipped(sum: Float64Array, blocks: readonly Block[], record: number, norm: number): void {
  let squares = 0;
  for (const { size, values } of blocks)
    for (let i = record * size; i < (record + 1) * size; i++) squares += (values[i] ?? 0) ** 2;
  const scale = Math.min(1, norm / Math.sqrt(squares));
  for (const { offset, size, values } of blocks)
    for (let i = 0; i < size; i++) sum[offset + i] = (sum[offset + i] ?? 0) + scale * (values[record * size + i] ?? 0);
}

/** Zero with probability `rate`, else 1/(1 − rate): from public uniforms, as everything that is made. */
function maskFrom(uniform: () => number): (shape: readonly number[], rate: number) => tf.Tensor {
  return (shape, rate) => {
    const size = shape.reduce((product, length) => product * length, 1);
    const values = Float32Array.from({ length: size }, () => (uniform() < rate ? 0 : 1 / (1 - rate)));
    return tf.tensor(values, [...shape]);
  };
}
