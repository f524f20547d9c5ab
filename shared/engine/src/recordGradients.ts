import * as tf from "@tensorflow/tfjs-core";
import { isNative } from "./layer/nativeKernel.ts";
import { transposedBatchTimes } from "./product.ts";
import { cut, type ProductUse } from "./use.ts";

/**
 * Positions from which on libtensorflow takes one record's kernel gradient quicker than many records' windows are put
 * side by side for a product: nine numbers would be written for each that is read.
 */
const MANY_POSITIONS = 512;

/** Σ over positions of input ⊗ delta of each of `count` records from `first` on: [count, I, O]. */
export function recordGradients(use: ProductUse, first: number, count: number): tf.Tensor3D {
  const { input_RTI, delta_RTO } = use;
  const [, positions, outputs] = delta_RTO.shape;
  return tf.tidy(() => {
    if (isOfImages(use)) {
      const own = Array.from({ length: count }, (_, i) => imageGradient(use, first + i));
      return tf.reshape(tf.stack(own), [count, input_RTI.shape[2], outputs]);
    }
    const delta = tf.slice(delta_RTO, [first, 0, 0], [count, positions, outputs]);
    return transposedBatchTimes(cut(input_RTI, first, count), delta);
  });
}

/** Whether all of a plain convolution's windows over many positions are the input. */
function isOfImages({ input_RTI: { source, cuts, shape } }: ProductUse): boolean {
  const [own] = cuts ?? [];
  if (own === undefined || shape[1] < MANY_POSITIONS || !isNative()) return false;
  return own.channels === source.shape[3] && own.down.dilation === 1 && own.right.dilation === 1;
}

/** One record's kernel gradient, by libtensorflow's kernel for whole batches: a function of this record alone. */
function imageGradient({ input_RTI: { source, cuts }, delta_RTO }: ProductUse, record: number): tf.Tensor {
  const [own] = cuts ?? [];
  if (own === undefined) throw new Error("a convolution's window has a place");
  const { down, right, channels } = own;
  const [height = 1, width = 1] = source.shape.slice(1);
  const outputs = delta_RTO.shape[2];
  const x = tf.slice(source, [record, 0, 0, 0], [1, height, width, channels]);
  const delta = tf.slice(delta_RTO, [record, 0, 0], [1, -1, -1]);
  const dy = tf.reshape(delta, [1, down.steps, right.steps, outputs]);
  const filterShape = [down.size, right.size, channels, outputs];
  const strides = [down.stride, right.stride];
  return tf
    .engine()
    .runKernel(tf.Conv2DBackpropFilter, { x, dy }, { strides, pad: "valid", dataFormat: "NHWC", filterShape });
}
