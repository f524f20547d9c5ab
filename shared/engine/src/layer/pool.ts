import { assert } from "@consilium/shared/failure/failure";
import { windowSteps } from "@consilium/shared/model/graph";
import type { PoolLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import type { LayerCall, LayerResult } from "./ops.ts";
import { spread } from "./spread.ts";

/** Largest or mean value of each window, channel by channel. */
export function pool(layer: PoolLayer, { inputs: [input] }: LayerCall): LayerResult {
  assert(input !== undefined, "a pool has an input");
  return layer.window === "global" ? globalPool(layer, input) : windowPool(layer, layer.window, input);
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
      const spread = tf.expandDims(upstream, 1);
      const back =
        operation === "max"
          ? tf.mul(spread, shareOfMost(flat, tf.expandDims(output, 1)))
          : tf.tile(tf.div(spread, positions), [1, positions, 1]);
      return { inputs: [tf.reshape(back, input.shape)], uses: [] };
    },
  };
}

/** 1 over the number of largest values where a value is one of them, else 0: several largest share the derivative. */
function shareOfMost(values: tf.Tensor, most: tf.Tensor): tf.Tensor {
  const isMost = tf.cast(tf.equal(values, most), "float32");
  return tf.div(isMost, tf.sum(isMost, 1, true));
}

/**
 * Windows are laid out one place at a time: the output is the largest, or the mean, over shifted and stepped copies.
 * The derivative puts each copy's share back with zeros between its steps. No pooling kernel is needed, of which
 * backends have different ones, one with a gradient that is wrong.
 */
function windowPool(layer: PoolLayer, window: readonly number[], input: tf.Tensor): LayerResult {
  const channels = input.shape.at(-1) ?? 0;
  const records = input.shape[0] ?? 0;
  const isLine = window.length === 1;
  const size = isLine ? [1, window[0] ?? 1] : window;
  const lengths = isLine ? [1, input.shape[1] ?? 1] : [input.shape[1] ?? 1, input.shape[2] ?? 1];
  const axes = lengths.map((length, axis) => {
    const stride = isLine && axis === 0 ? 1 : (layer.stride ?? size[axis] ?? 1);
    const count = windowSteps(length, size[axis] ?? 1, stride, layer.padding);
    const missing = Math.max(0, (count - 1) * stride + (size[axis] ?? 1) - length);
    const before = layer.padding === "same" ? Math.floor(missing / 2) : 0;
    const after = layer.padding === "same" ? missing - before : 0;
    return { stride, count, before, after, length };
  });
  const [down, right] = axes;
  assert(down !== undefined && right !== undefined, "a plane has two axes");
  const [height = 1, width = 1] = lengths;
  const image: tf.Tensor4D = tf.reshape(input, [records, height, width, channels]);
  const margins: [number, number][] = [
    [0, 0],
    [down.before, down.after],
    [right.before, right.after],
    [0, 0],
  ];
  // A value below every other never is the largest; of a mean, padding counts neither as value nor in the divisor.
  const padded = tf.pad(image, margins, layer.operation === "max" ? LOWEST : 0);
  const copies = placesOf(size).map(([row, column]) =>
    tf.stridedSlice(
      padded,
      [0, row, column, 0],
      [records, row + (down.count - 1) * down.stride + 1, column + (right.count - 1) * right.stride + 1, channels],
      [1, down.stride, right.stride, 1],
    ),
  );
  const counted = (): tf.Tensor => {
    const ones = tf.pad(tf.onesLike(image), margins);
    return tf.addN(
      placesOf(size).map(([row, column]) =>
        tf.stridedSlice(
          ones,
          [0, row, column, 0],
          [records, row + (down.count - 1) * down.stride + 1, column + (right.count - 1) * right.stride + 1, channels],
          [1, down.stride, right.stride, 1],
        ),
      ),
    );
  };
  const stacked = tf.stack(copies, 1);
  const divisor = layer.operation === "average" ? counted() : undefined;
  const pooled = divisor === undefined ? tf.max(stacked, 1) : tf.div(tf.sum(stacked, 1), divisor);
  const output = isLine ? tf.reshape(pooled, [records, right.count, channels]) : pooled;
  return {
    output,
    backward: (upstream) => {
      const delta = tf.reshape(upstream, pooled.shape);
      const shares =
        divisor === undefined
          ? tf.unstack(tf.mul(tf.expandDims(delta, 1), shareOfMost(stacked, tf.expandDims(pooled, 1))), 1)
          : copies.map(() => tf.div(delta, divisor));
      const whole = tf.addN(
        placesOf(size).map(([row, column], index) => {
          const apart = spread(shares[index] as tf.Tensor4D, down.stride, right.stride);
          const below = (padded.shape[1] ?? 0) - row - apart.shape[1];
          const beyond = (padded.shape[2] ?? 0) - column - apart.shape[2];
          return tf.pad(apart, [
            [0, 0],
            [row, below],
            [column, beyond],
            [0, 0],
          ]);
        }),
      );
      const back = tf.slice(whole, [0, down.before, right.before, 0], [-1, down.length, right.length, -1]);
      return { inputs: [tf.reshape(back, input.shape)], uses: [] };
    },
  };
}

const LOWEST = -3.4e38;

function placesOf([height, width]: readonly number[]): [number, number][] {
  return Array.from({ length: (height ?? 1) * (width ?? 1) }, (_, place) => [
    Math.floor(place / (width ?? 1)),
    place % (width ?? 1),
  ]);
}
