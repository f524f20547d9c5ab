import { assert } from "@consilium/shared/failure/failure";
import type { ConvLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import type { ParameterUse } from "../use.ts";
import { activate, throughActivation } from "./activation.ts";
import { type ConvGeometry, inputDelta } from "./convInput.ts";
import { biasUse } from "./dense.ts";
import { isNative } from "./nativeKernel.ts";
import type { LayerCall, LayerResult } from "./ops.ts";
import { patches } from "./patches.ts";
import { type Cut, cutAt, cutOut, padded, placesOf, sweepsOf } from "./window.ts";

/**
 * Cross-correlation. The kernel's derivative is a product of shifted windows of the input, side by side, with the
 * deltas; where these windows are few, the output is a product of them too.
 */
export function conv(layer: ConvLayer, { node, inputs: [input], parameters: [kernel, bias] }: LayerCall): LayerResult {
  assert(input !== undefined && kernel !== undefined, "a convolution has input and kernel");
  const { stride, dilation, padding, groups } = layer;
  const sweeps = sweepsOf(input, { window: layer.kernel, stride, dilation, padding });
  const { records, down, right, channels } = sweeps;
  const geometry = { layer, sweeps, inputs: channels / groups, outputs: layer.outputs / groups };
  const kernel_HWIO: tf.Tensor4D = tf.reshape(kernel.tensor, [down.size, right.size, geometry.inputs, layer.outputs]);
  const image = padded(input, sweeps);
  const windows = isUnrolled(geometry) ? patches(image, cutsOf(geometry)) : null;
  const output = tf.tidy(() => {
    const z = windows === null ? correlate(geometry, image, kernel_HWIO) : timesKernel(windows, kernel_HWIO);
    const biased = bias === undefined ? z : tf.add(z, bias.tensor);
    return activate(layer.activation, tf.reshape(biased, [records, ...node.output]));
  });
  return {
    output,
    backward: (upstream, [isWanted]) => {
      const shape: [number, number, number, number] = [records, down.steps, right.steps, layer.outputs];
      const delta: tf.Tensor4D = tf.reshape(throughActivation(layer.activation, upstream, output), shape);
      const delta_RTO: tf.Tensor3D = tf.reshape(delta, [records, down.steps * right.steps, layer.outputs]);
      const uses = kernel.offset === null ? [] : kernelUses(geometry, image, windows, delta_RTO, kernel.offset);
      if (bias !== undefined && bias.offset !== null) uses.push(biasUse(bias.offset, delta_RTO));
      const back = (): tf.Tensor => tf.reshape(inputDelta(geometry, delta, kernel_HWIO), input.shape);
      return { inputs: [isWanted === true ? back() : null], uses };
    },
  };
}

/**
 * Whether a kernel is used at so few positions that putting its numbers in a convolution's order, as libtensorflow does
 * at each call, takes longer than multiplying by them.
 */
function isUnrolled({ layer, sweeps: { down, right } }: ConvGeometry): boolean {
  return layer.groups === 1 && down.steps * right.steps < 2 * down.size * right.size && isNative();
}

function timesKernel(windows: tf.Tensor4D, kernel_HWIO: tf.Tensor4D): tf.Tensor4D {
  const [records, height, width, numbers] = windows.shape;
  const outputs = kernel_HWIO.shape[3];
  const product = tf.matMul(
    tf.reshape(windows, [records * height * width, numbers]),
    tf.reshape(kernel_HWIO, [numbers, outputs]),
  );
  return tf.reshape(product, [records, height, width, outputs]);
}

/** What each place of the window sees. */
function cutsOf({ sweeps }: ConvGeometry): Cut[] {
  return placesOf(sweeps).map(([row, column]) => cutAt(sweeps, row, column));
}

function correlate({ layer, sweeps, inputs, outputs }: ConvGeometry, image: tf.Tensor4D, kernel_HWIO: tf.Tensor4D) {
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
 * A group's part of the kernel is one block: rows of all its places, each seeing its own shifted window of the input.
 * Where every channel has a kernel of its own, each record's gradient is found at once.
 */
function kernelUses(
  geometry: ConvGeometry,
  image: tf.Tensor4D,
  windows: tf.Tensor4D | null,
  delta_RTO: tf.Tensor3D,
  offset: number,
): ParameterUse[] {
  const { layer, inputs, outputs } = geometry;
  const [records, positions] = delta_RTO.shape;
  const places = cutsOf(geometry);
  const shape = [records, positions, places.length * inputs] as const;
  if (inputs === 1 && outputs === 1) {
    return places.map((cut, place) => {
      const seen = tf.reshape(cutOut(image, cut), delta_RTO.shape);
      const gradient_RS: tf.Tensor2D = tf.sum(tf.mul(seen, delta_RTO), 1);
      return { kind: "direct", offset: offset + place * layer.outputs, gradient_RS };
    });
  }
  if (windows !== null) {
    return [{ kind: "product", offset, rowLength: outputs, input_RTI: { source: windows, shape }, delta_RTO }];
  }
  const deltas: tf.Tensor3D[] = layer.groups === 1 ? [delta_RTO] : tf.split(delta_RTO, layer.groups, 2);
  return deltas.map((own_RTO, group) => ({
    kind: "product",
    offset: offset + group * outputs,
    rowLength: layer.outputs,
    input_RTI: {
      source: image,
      cuts: places.map((cut) => ({ ...cut, channel: group * inputs, channels: inputs })),
      shape,
    },
    delta_RTO: own_RTO,
  }));
}
