import type { ConvLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import { isNative } from "./nativeKernel.ts";
import { putBack } from "./pool.ts";
import { spread } from "./spread.ts";
import { placesOf, type Sweeps } from "./window.ts";

/** A convolution in its place. */
export interface ConvGeometry {
  readonly layer: ConvLayer;
  readonly sweeps: Sweeps;
  /** Input channels and outputs of one group. */
  readonly inputs: number;
  readonly outputs: number;
}

/** ∂loss/∂input of a convolution, [records, height, width, channels], from ∂loss/∂(its output). */
export function inputDelta(geometry: ConvGeometry, delta: tf.Tensor4D, kernel_HWIO: tf.Tensor4D): tf.Tensor {
  const { layer, sweeps } = geometry;
  const { down, right } = sweeps;
  if (!isNative() || layer.groups > 1 || layer.dilation > 1) return turnedDelta(geometry, delta, kernel_HWIO);
  if (down.steps * right.steps <= down.size * right.size) return putBackDelta(geometry, delta, kernel_HWIO);
  const inputShape = [sweeps.records, down.length, right.length, sweeps.channels];
  const strides = [down.stride, right.stride];
  const attributes = { strides, pad: layer.padding, dataFormat: "NHWC", inputShape };
  return tf.engine().runKernel(tf.Conv2DBackpropInput, { dy: delta, filter: kernel_HWIO }, attributes);
}

/**
 * Each window's derivative by one product, each of its numbers put back where the window saw it. For few positions:
 * libtensorflow's own kernel takes three times as long for 2×2 of them, and without oneDNN thirty times.
 */
function putBackDelta({ sweeps }: ConvGeometry, delta: tf.Tensor4D, kernel_HWIO: tf.Tensor4D): tf.Tensor {
  const { records, down, right, channels } = sweeps;
  const places = placesOf(sweeps);
  const outputs = delta.shape[3];
  const seen = tf.matMul(
    tf.reshape(delta, [records * down.steps * right.steps, outputs]),
    tf.reshape(kernel_HWIO, [places.length * channels, outputs]),
    false,
    true,
  );
  const shares = tf.split(
    tf.reshape(seen, [records, down.steps, right.steps, places.length * channels]),
    places.length,
    3,
  );
  return putBack(shares, sweeps, [records, down.length, right.length, channels]);
}

/**
 * By kernels that wasm has: deltas with zeros put between them for the stride, correlated with the kernel turned by
 * half a circle, its inputs and outputs swapped; the padding's part is never made.
 */
function turnedDelta({ layer, sweeps, inputs, outputs }: ConvGeometry, delta: tf.Tensor4D, kernel_HWIO: tf.Tensor4D) {
  const { down, right } = sweeps;
  const apart = spread(delta, down.stride, right.stride);
  const margins = [down, right].map(({ size, dilation, length, before }, axis): [number, number] => {
    const first = (size - 1) * dilation - before;
    return [first, length + (size - 1) * dilation - first - (apart.shape[axis + 1] ?? 0)];
  });
  const wide = withMargins(apart, margins);
  const places = down.size * right.size;
  // Turned by putting places in the other order: the backends' own reversal takes longer than the convolution.
  const ofPlaces = tf.split(tf.reshape(kernel_HWIO, [places, inputs * layer.outputs]), places);
  const flat = tf.concat(ofPlaces.reverse());
  const turned = tf.reshape(flat, [places, inputs, layer.outputs]);
  const own = (part: tf.Tensor, kernel: tf.Tensor): tf.Tensor4D =>
    tf.conv2d(
      part as tf.Tensor4D,
      tf.reshape(tf.transpose(kernel, [0, 2, 1]), [down.size, right.size, outputs, inputs]),
      1,
      "valid",
      "NHWC",
      [down.dilation, right.dilation],
    );
  if (layer.groups === 1) return own(wide, turned);
  const parts = tf.split(wide, layer.groups, 3);
  const kernels = tf.split(turned, layer.groups, 2);
  return tf.concat(
    parts.map((part, group) => own(part, kernels[group] ?? turned)),
    3,
  );
}

/** Zeros around height and width; where a margin is below zero, that much is cut off. */
function withMargins(image: tf.Tensor4D, margins: readonly (readonly [number, number])[]): tf.Tensor4D {
  const [rows = [0, 0], columns = [0, 0]] = margins;
  const less = (margin: readonly [number, number]): [number, number] => [
    Math.max(0, -margin[0]),
    Math.max(0, -margin[1]),
  ];
  const more = (margin: readonly [number, number]): [number, number] => [
    Math.max(0, margin[0]),
    Math.max(0, margin[1]),
  ];
  const [cutRows, cutColumns] = [less(rows), less(columns)];
  const [, height, width] = image.shape;
  const kept = tf.slice(
    image,
    [0, cutRows[0], cutColumns[0], 0],
    [-1, height - cutRows[0] - cutRows[1], width - cutColumns[0] - cutColumns[1], -1],
  );
  return tf.pad(kept, [[0, 0], more(rows), more(columns), [0, 0]]);
}
