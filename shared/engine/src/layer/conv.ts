import { assert } from "@consilium/shared/failure/failure";
import { windowSteps } from "@consilium/shared/model/graph";
import type { ConvLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import type { ParameterUse, View } from "../use.ts";
import { activate, throughActivation } from "./activation.ts";
import { biasUse } from "./dense.ts";
import type { LayerCall, LayerResult } from "./ops.ts";
import { spread } from "./spread.ts";

/** A convolution over two axes; one over a single axis has height 1. */
interface Plane {
  readonly layer: ConvLayer;
  readonly records: number;
  readonly channels: number;
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly dilation: readonly [number, number];
  /** Height and width of the output. */
  readonly steps: readonly [number, number];
  /** Zeros before and after height and width. */
  readonly padding: readonly [readonly [number, number], readonly [number, number]];
}

/**
 * Cross-correlation. Its derivatives are convolutions and products too, none of them a kernel that wasm lacks or that
 * is slow on libtensorflow: ∂input is a convolution of the dilated deltas by the turned kernel, and each place of the
 * kernel is a product of one shifted window of the input with the deltas.
 */
export function conv(layer: ConvLayer, { inputs: [input], parameters: [kernel, bias] }: LayerCall): LayerResult {
  assert(input !== undefined && kernel !== undefined, "a convolution has input and kernel");
  const plane = planeOf(layer, input);
  const { records, steps, padding } = plane;
  const image = tf.reshape(input, [records, ...imageSize(input), plane.channels]) as tf.Tensor4D;
  const kernel_HWIO = tf.reshape(kernel.tensor, [...plane.kernel, plane.channels / layer.groups, layer.outputs]);
  const padded = tf.pad(image, [[0, 0], [...padding[0]], [...padding[1]], [0, 0]]);
  const z = correlate(plane, padded as tf.Tensor4D, kernel_HWIO as tf.Tensor4D);
  const biased = bias === undefined ? z : tf.add(z, bias.tensor);
  const shape = layer.kernel.length === 1 ? [records, steps[1], layer.outputs] : biased.shape;
  const output = activate(layer.activation, tf.reshape(biased, shape));
  return {
    output,
    backward: (upstream, [isWanted]) => {
      const delta = tf.reshape(throughActivation(layer.activation, upstream, output), z.shape) as tf.Tensor4D;
      const delta_RTO: tf.Tensor3D = tf.reshape(delta, [records, steps[0] * steps[1], layer.outputs]);
      const uses = kernel.offset === null ? [] : kernelUses(plane, padded, delta_RTO, kernel.offset);
      if (bias !== undefined && bias.offset !== null) uses.push(biasUse(bias.offset, delta_RTO));
      const back = (): tf.Tensor =>
        tf.reshape(inputDelta(plane, delta, kernel_HWIO as tf.Tensor4D, padded.shape), input.shape);
      return { inputs: [isWanted === true ? back() : null], uses };
    },
  };
}

function imageSize(input: tf.Tensor): [number, number] {
  return input.rank === 3 ? [1, input.shape[1] ?? 1] : [input.shape[1] ?? 1, input.shape[2] ?? 1];
}

function planeOf(layer: ConvLayer, input: tf.Tensor): Plane {
  const isLine = layer.kernel.length === 1;
  const both = (value: number): [number, number] => [isLine ? 1 : value, value];
  const kernel: [number, number] = isLine ? [1, layer.kernel[0] ?? 1] : [layer.kernel[0] ?? 1, layer.kernel[1] ?? 1];
  const [stride, dilation] = [both(layer.stride), both(layer.dilation)];
  const axes = imageSize(input).map((length, axis) => {
    const reach = ((kernel[axis] ?? 1) - 1) * (dilation[axis] ?? 1) + 1;
    const count = windowSteps(length, reach, stride[axis] ?? 1, layer.padding);
    const missing = Math.max(0, (count - 1) * (stride[axis] ?? 1) + reach - length);
    const before = layer.padding === "same" ? Math.floor(missing / 2) : 0;
    return { count, padding: [before, layer.padding === "same" ? missing - before : 0] as [number, number] };
  });
  const [height, width] = axes;
  assert(height !== undefined && width !== undefined, "a plane has two axes");
  return {
    layer,
    records: input.shape[0] ?? 0,
    channels: input.shape.at(-1) ?? 0,
    kernel,
    stride,
    dilation,
    steps: [height.count, width.count],
    padding: [height.padding, width.padding],
  };
}

function correlate(plane: Plane, padded: tf.Tensor4D, kernel_HWIO: tf.Tensor4D): tf.Tensor4D {
  const { layer, stride, dilation, channels } = plane;
  if (layer.groups === 1) return tf.conv2d(padded, kernel_HWIO, [...stride], "valid", "NHWC", [...dilation]);
  const width = channels / layer.groups;
  if (width === 1 && layer.outputs === channels && stride[0] === stride[1]) {
    const kernel_HWIM = tf.transpose(kernel_HWIO, [0, 1, 3, 2]) as tf.Tensor4D;
    return tf.depthwiseConv2d(padded, kernel_HWIM, [...stride], "valid", "NHWC", [...dilation]);
  }
  const inputs: tf.Tensor4D[] = tf.split(padded, layer.groups, 3);
  const kernels: tf.Tensor4D[] = tf.split(kernel_HWIO, layer.groups, 3);
  const outputs = inputs.map((own, group) =>
    tf.conv2d(own, kernels[group] ?? kernel_HWIO, [...stride], "valid", "NHWC", [...dilation]),
  );
  return tf.concat(outputs, 3);
}

/**
 * ∂loss/∂input: deltas with zeros put between them for the stride, correlated with the kernel turned by half a circle,
 * its channels and outputs swapped; then the padding is cut off.
 */
function inputDelta(
  plane: Plane,
  delta: tf.Tensor4D,
  kernel_HWIO: tf.Tensor4D,
  padded: readonly number[],
): tf.Tensor4D {
  const { layer, kernel, dilation, padding } = plane;
  const apart = spread(delta, ...plane.stride);
  const reach = [0, 1].map((axis) => ((kernel[axis] ?? 1) - 1) * (dilation[axis] ?? 1));
  const fill = [0, 1].map((axis): [number, number] => {
    const before = reach[axis] ?? 0;
    return [before, (padded[axis + 1] ?? 0) + before - before - (apart.shape[axis + 1] ?? 0)];
  });
  const wide = tf.pad(apart, [[0, 0], ...fill.map(([before, after]): [number, number] => [before, after]), [0, 0]]);
  const groups = layer.groups;
  const turned = tf.split(tf.reverse(kernel_HWIO, [0, 1]), groups, 3).map((own) => tf.transpose(own, [0, 1, 3, 2]));
  const parts = groups === 1 ? [wide] : tf.split(wide, groups, 3);
  const back = parts.map((own, group) =>
    tf.conv2d(own as tf.Tensor4D, turned[group] as tf.Tensor4D, 1, "valid", "NHWC", [...dilation]),
  );
  const whole = groups === 1 ? back[0] : tf.concat(back, 3);
  assert(whole !== undefined, "there is a group");
  const [rows, columns] = [0, 1].map(
    (axis) => (padded[axis + 1] ?? 0) - (padding[axis]?.[0] ?? 0) - (padding[axis]?.[1] ?? 0),
  );
  return tf.slice(whole, [0, padding[0][0], padding[1][0], 0], [-1, rows ?? 1, columns ?? 1, -1]);
}

/** Each place of the kernel and each group is a block of its own. */
function kernelUses(plane: Plane, padded: tf.Tensor, delta_RTO: tf.Tensor3D, offset: number): ParameterUse[] {
  const { layer, kernel, records, channels, steps } = plane;
  const width = channels / layer.groups;
  const outputs = layer.outputs / layer.groups;
  const uses: ParameterUse[] = [];
  const deltas: tf.Tensor3D[] = layer.groups === 1 ? [delta_RTO] : tf.split(delta_RTO, layer.groups, 2);
  for (let row = 0; row < kernel[0]; row++) {
    for (let column = 0; column < kernel[1]; column++) {
      const place = offset + (row * kernel[1] + column) * width * layer.outputs;
      if (width === 1 && outputs === 1) {
        const window = tf.stridedSlice(padded, ...windowAt(plane, row, column, 0, channels));
        const product = tf.mul(tf.reshape(window, delta_RTO.shape), delta_RTO);
        uses.push({ kind: "direct", offset: place, gradient_RS: tf.sum(product, 1) });
        continue;
      }
      for (const [group, own_RTO] of deltas.entries()) {
        const [begin, end, strides] = windowAt(plane, row, column, group * width, width);
        const input_RTI: View = {
          source: padded,
          window: { begin, end, strides },
          shape: [records, steps[0] * steps[1], width],
        };
        uses.push({
          kind: "product",
          offset: place + group * outputs,
          rowLength: layer.outputs,
          input_RTI,
          delta_RTO: own_RTO,
        });
      }
    }
  }
  return uses;
}

/** Begin, end and steps of what one place of the kernel saw. */
function windowAt(
  { records, steps, stride, dilation }: Plane,
  row: number,
  column: number,
  channel: number,
  channels: number,
): [number[], number[], number[]] {
  const [top, left] = [row * dilation[0], column * dilation[1]];
  return [
    [0, top, left, channel],
    [records, top + (steps[0] - 1) * stride[0] + 1, left + (steps[1] - 1) * stride[1] + 1, channel + channels],
    [1, stride[0], stride[1], 1],
  ];
}
