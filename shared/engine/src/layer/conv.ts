import { assert } from "@consilium/shared/failure/failure";
import type { ConvLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import type { ParameterUse } from "../use.ts";
import { activate, throughActivation } from "./activation.ts";
import { biasUse } from "./dense.ts";
import type { LayerCall, LayerResult } from "./ops.ts";
import { spread } from "./spread.ts";
import { cutAt, cutOut, padded, placesOf, type Sweeps, sweepsOf } from "./window.ts";

interface Geometry {
  readonly layer: ConvLayer;
  readonly sweeps: Sweeps;
  /** Input channels and outputs of one group. */
  readonly inputs: number;
  readonly outputs: number;
}

/**
 * Cross-correlation. Its derivatives are convolutions and products too, none of them a kernel that wasm lacks or that
 * is slow on libtensorflow: ∂input is a convolution of the spread deltas by the turned kernel, and the kernel's is a
 * product of shifted windows of the input, side by side, with the deltas.
 */
export function conv(layer: ConvLayer, { node, inputs: [input], parameters: [kernel, bias] }: LayerCall): LayerResult {
  assert(input !== undefined && kernel !== undefined, "a convolution has input and kernel");
  const { stride, dilation, padding, groups } = layer;
  const sweeps = sweepsOf(input, { window: layer.kernel, stride, dilation, padding });
  const { records, down, right, channels } = sweeps;
  const geometry = { layer, sweeps, inputs: channels / groups, outputs: layer.outputs / groups };
  const kernel_HWIO: tf.Tensor4D = tf.reshape(kernel.tensor, [down.size, right.size, geometry.inputs, layer.outputs]);
  const image = padded(input, sweeps);
  const output = tf.tidy(() => {
    const z = correlate(geometry, image, kernel_HWIO);
    const biased = bias === undefined ? z : tf.add(z, bias.tensor);
    return activate(layer.activation, tf.reshape(biased, [records, ...node.output]));
  });
  return {
    output,
    backward: (upstream, [isWanted]) => {
      const shape: [number, number, number, number] = [records, down.steps, right.steps, layer.outputs];
      const delta: tf.Tensor4D = tf.reshape(throughActivation(layer.activation, upstream, output), shape);
      const delta_RTO: tf.Tensor3D = tf.reshape(delta, [records, down.steps * right.steps, layer.outputs]);
      const uses = kernel.offset === null ? [] : kernelUses(geometry, image, delta_RTO, kernel.offset);
      if (bias !== undefined && bias.offset !== null) uses.push(biasUse(bias.offset, delta_RTO));
      const back = (): tf.Tensor => tf.reshape(inputDelta(geometry, delta, kernel_HWIO), input.shape);
      return { inputs: [isWanted === true ? back() : null], uses };
    },
  };
}

function correlate({ layer, sweeps, inputs, outputs }: Geometry, image: tf.Tensor4D, kernel_HWIO: tf.Tensor4D) {
  const { down, right } = sweeps;
  const strides: [number, number] = [down.stride, right.stride];
  const dilations: [number, number] = [down.dilation, right.dilation];
  const whole = (own: tf.Tensor4D, kernel: tf.Tensor4D): tf.Tensor4D =>
    tf.conv2d(own, kernel, strides, "valid", "NHWC", dilations);
  if (layer.groups === 1) return whole(image, kernel_HWIO);
  if (inputs === 1 && outputs === 1 && strides[0] === strides[1]) {
    const kernel_HWIM: tf.Tensor4D = tf.transpose(kernel_HWIO, [0, 1, 3, 2]);
    return tf.depthwiseConv2d(image, kernel_HWIM, strides, "valid", "NHWC", dilations);
  }
  const images: tf.Tensor4D[] = tf.split(image, layer.groups, 3);
  const kernels: tf.Tensor4D[] = tf.split(kernel_HWIO, layer.groups, 3);
  return tf.concat(
    images.map((own, group) => whole(own, kernels[group] ?? kernel_HWIO)),
    3,
  );
}

/**
 * ∂loss/∂input: deltas with zeros put between them for the stride, correlated with the kernel turned by half a circle,
 * its inputs and outputs swapped; the padding's part is never made.
 */
function inputDelta({ layer, sweeps, inputs, outputs }: Geometry, delta: tf.Tensor4D, kernel_HWIO: tf.Tensor4D) {
  const { down, right } = sweeps;
  const apart = spread(delta, down.stride, right.stride);
  const margins = [down, right].map(({ size, dilation, length, before }, axis): [number, number] => {
    const first = (size - 1) * dilation - before;
    return [first, length + (size - 1) * dilation - first - (apart.shape[axis + 1] ?? 0)];
  });
  const wide = withMargins(apart, margins);
  const places = down.size * right.size;
  // Turned by gathering places: the backends' own reversal takes longer than the convolution.
  const order = Array.from({ length: places }, (_, place) => places - 1 - place);
  const flat = tf.gather(tf.reshape(kernel_HWIO, [places, inputs * layer.outputs]), tf.tensor1d(order, "int32"));
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

/**
 * A group's part of the kernel is one block: rows of all its places, each seeing its own shifted window of the input.
 * Where every channel has a kernel of its own, each record's gradient is found at once.
 */
function kernelUses(
  { layer, sweeps, inputs, outputs }: Geometry,
  image: tf.Tensor4D,
  delta_RTO: tf.Tensor3D,
  offset: number,
): ParameterUse[] {
  const [records, positions] = delta_RTO.shape;
  const places = placesOf(sweeps).map(([row, column]) => cutAt(sweeps, row, column));
  if (inputs === 1 && outputs === 1) {
    return places.map((cut, place) => {
      const seen = tf.reshape(cutOut(image, cut), delta_RTO.shape);
      const gradient_RS: tf.Tensor2D = tf.sum(tf.mul(seen, delta_RTO), 1);
      return { kind: "direct", offset: offset + place * layer.outputs, gradient_RS };
    });
  }
  const deltas: tf.Tensor3D[] = layer.groups === 1 ? [delta_RTO] : tf.split(delta_RTO, layer.groups, 2);
  return deltas.map((own_RTO, group) => ({
    kind: "product",
    offset: offset + group * outputs,
    rowLength: layer.outputs,
    input_RTI: {
      source: image,
      cuts: places.map((cut) => ({ ...cut, channel: group * inputs, channels: inputs })),
      shape: [records, positions, places.length * inputs],
    },
    delta_RTO: own_RTO,
  }));
}
