import type { ProductUse } from "@consilium/engine/use";
import * as tf from "@tensorflow/tfjs-core";
import type { FormedGradients } from "./formedGradients.ts";
import type { Places } from "./placesPerSum.ts";
import type { SumBuffer } from "./sumBuffer.ts";

/** What a step's sums share. */
export interface Summing {
  /** Each row's clip factor: its patient's, and 0 for rows that count for nobody. */
  readonly scale_R: Float64Array;
  /** Whether every row's inputs and deltas are finite: 0 times them is then 0. */
  readonly areFinite: boolean;
  /** Most additions in one float32 sum. */
  readonly places: Places;
  readonly formed: FormedGradients;
  readonly buffer: SumBuffer;
  /** Whether nothing of this step is in the buffer yet but other blocks. */
  readonly isFirst: boolean;
}

/** Puts rows of O numbers where they belong: one after another, or apart where other groups lie between. */
export function addRows(
  buffer: SumBuffer,
  use: ProductUse,
  firstRow: number,
  values: Float32Array | Float64Array,
  isFirst: boolean,
): void {
  const outputs = use.delta_RTO.shape[2];
  const { rowLength } = use;
  if (rowLength === outputs) {
    buffer.write(use.offset + firstRow * outputs, values, isFirst);
    return;
  }
  for (let row = 0; row * outputs < values.length; row++) {
    const own = values.subarray(row * outputs, (row + 1) * outputs);
    buffer.write(use.offset + (firstRow + row) * rowLength, own, isFirst);
  }
}

/** 0 · NaN is NaN: a row with factor 0 becomes zeros, whatever it held. */
export function onlyKept(values: tf.Tensor3D, scale_R: Float64Array): tf.Tensor3D {
  const isKept = tf.tensor3d(Float32Array.from(scale_R, Math.sign), [scale_R.length, 1, 1]);
  return tf.where(tf.greater(isKept, 0), values, tf.zerosLike(values));
}
