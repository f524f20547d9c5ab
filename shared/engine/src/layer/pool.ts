import { assert } from "@consilium/shared/failure/failure";
import type { PoolLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import { isNative } from "./nativeKernel.ts";
import type { LayerCall, LayerResult } from "./ops.ts";
import { spread } from "./spread.ts";
import { cutAt, cutOut, padded, placesOf, type Sweeps, sweepsOf } from "./window.ts";

/** Largest or mean value of each window, channel by channel. */
export function pool(layer: PoolLayer, { node, inputs: [input] }: LayerCall): LayerResult {
  assert(input !== undefined, "a pool has an input");
  const { window, stride, padding, operation } = layer;
  if (window === "global") return globalPool(layer, input);
  const sweeps = sweepsOf(input, { window, stride, padding, dilation: 1 });
  const shape = [sweeps.records, ...node.output];
  if (operation === "average") return averagePool(input, sweeps, shape);
  return isNative() ? ownMaxPool(input, sweeps, padding, shape) : maxPool(input, sweeps, shape);
}

function globalPool({ operation }: PoolLayer, input: tf.Tensor): LayerResult {
  const records = input.shape[0] ?? 0;
  const channels = input.shape.at(-1) ?? 0;
  const positions = input.size / (records * channels);
  const flat = tf.reshape(input, [records, positions, channels]);
  const output = operation === "max" ? tf.max(flat, 1) : tf.div(tf.sum(flat, 1), positions);
  return {
    output,
    backward: (upstream) => {
      const apart = tf.reshape(upstream, [records, 1, channels]);
      if (operation === "average") {
        return { inputs: [tf.reshape(tf.tile(tf.div(apart, positions), [1, positions, 1]), input.shape)], uses: [] };
      }
      const isMost = tf.cast(tf.equal(flat, tf.reshape(output, [records, 1, channels])), "float32");
      const share = tf.div(apart, tf.sum(isMost, 1, true));
      return { inputs: [tf.reshape(tf.mul(isMost, share), input.shape)], uses: [] };
    },
  };
}

/*
 * Windows are taken one place at a time: each place of the window is a shifted, stepped copy of the input, and the
 * output is the largest, or the mean, over copies. The derivative puts each copy's share back with zeros between its
 * steps. Only for the largest on libtensorflow are the backend's own kernels used: wasm has no derivative, and some
 * backends' derivative of a mean is wrong.
 */

/** libtensorflow's own kernels; of several largest values one has the derivative. */
function ownMaxPool(input: tf.Tensor, sweeps: Sweeps, pad: "same" | "valid", shape: number[]): LayerResult {
  const { records, channels, down, right } = sweeps;
  const plane = (): tf.Tensor4D => tf.reshape(input, [records, down.length, right.length, channels]);
  const [filterSize, strides]: [number, number][] = [
    [down.size, right.size],
    [down.stride, right.stride],
  ];
  assert(filterSize !== undefined && strides !== undefined, "a window has a size and a stride");
  const output = tf.tidy(() => tf.reshape(tf.maxPool(plane(), filterSize, strides, pad), shape));
  return {
    output,
    backward: (upstream) => {
      const [most, dy] = [output, upstream].map((own) => tf.reshape(own, [records, down.steps, right.steps, channels]));
      assert(most !== undefined && dy !== undefined, "a pool has an output");
      const inputs = { dy, input: plane(), output: most };
      const back: tf.Tensor = tf.engine().runKernel(tf.MaxPoolGrad, inputs, { filterSize, strides, pad });
      return { inputs: [tf.reshape(back, input.shape)], uses: [] };
    },
  };
}

/** Several largest values share the derivative. */
function maxPool(input: tf.Tensor, sweeps: Sweeps, shape: number[]): LayerResult {
  const whole = padded(input, sweeps, LOWEST);
  const copies = placesOf(sweeps).map(([row, column]) => cutOut(whole, cutAt(sweeps, row, column)));
  const most = copies.reduce((largest, copy) => tf.maximum(largest, copy));
  return {
    output: tf.reshape(most, shape),
    backward: (upstream) => {
      const isMost = copies.map((copy) => tf.cast(tf.equal(copy, most), "float32"));
      const share = tf.div(tf.reshape(upstream, most.shape), tf.addN(isMost));
      return {
        inputs: [
          putBack(
            isMost.map((own) => tf.mul(own, share)),
            sweeps,
            input.shape,
          ),
        ],
        uses: [],
      };
    },
  };
}

/** Below every value that a network holds: padding never is the largest. */
const LOWEST = -3.4e38;

/** Padding counts neither as value nor in the divisor. */
function averagePool(input: tf.Tensor, sweeps: Sweeps, shape: number[]): LayerResult {
  const whole = padded(input, sweeps);
  const one: Sweeps = { ...sweeps, records: 1, channels: 1 };
  const inside = padded(tf.ones([1, sweeps.down.length, sweeps.right.length, 1]), one);
  const sum = (source: tf.Tensor4D, of: Sweeps): tf.Tensor =>
    tf.addN(placesOf(of).map(([row, column]) => cutOut(source, cutAt(of, row, column))));
  const count = sum(inside, one);
  return {
    output: tf.reshape(tf.div(sum(whole, sweeps), count), shape),
    backward: (upstream) => {
      const { records, channels, down, right } = sweeps;
      const share = tf.div(tf.reshape(upstream, [records, down.steps, right.steps, channels]), count);
      return {
        inputs: [
          putBack(
            placesOf(sweeps).map(() => share),
            sweeps,
            input.shape,
          ),
        ],
        uses: [],
      };
    },
  };
}

/** Σ over the window's places of what each adds to the values that it saw; padding's part is dropped. */
export function putBack(shares: readonly tf.Tensor[], sweeps: Sweeps, shape: number[]): tf.Tensor {
  const { down, right } = sweeps;
  const [height, width] = [down, right].map(({ length, before, after }) => length + before + after);
  const whole = tf.addN(
    placesOf(sweeps).map(([row, column], place) => {
      const apart = spread(shares[place] as tf.Tensor4D, down.stride, right.stride);
      const [top, left] = [row * down.dilation, column * right.dilation];
      const below = (height ?? 0) - top - apart.shape[1];
      const beyond = (width ?? 0) - left - apart.shape[2];
      return tf.pad(apart, [
        [0, 0],
        [top, below],
        [left, beyond],
        [0, 0],
      ]);
    }),
  );
  return tf.reshape(tf.slice(whole, [0, down.before, right.before, 0], [-1, down.length, right.length, -1]), shape);
}
