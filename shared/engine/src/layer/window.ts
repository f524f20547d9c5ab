import { assert } from "@consilium/shared/failure/failure";
import { windowSteps } from "@consilium/shared/model/graph";
import * as tf from "@tensorflow/tfjs-core";

/** Along one axis: how a window of `size` values, `dilation` apart, moves over it. */
export interface Sweep {
  readonly length: number;
  readonly size: number;
  readonly stride: number;
  readonly dilation: number;
  /** Places where the window stops. */
  readonly steps: number;
  /** Padding before and after. */
  readonly before: number;
  readonly after: number;
}

/** How windows move over [height, width, channels]; a line, [length, channels], is a plane of height 1. */
export interface Sweeps {
  readonly records: number;
  readonly channels: number;
  readonly down: Sweep;
  readonly right: Sweep;
}

export interface Moves {
  readonly window: readonly number[];
  readonly stride: number | undefined;
  readonly dilation: number;
  readonly padding: "same" | "valid";
}

export function sweepsOf(input: tf.Tensor, moves: Moves): Sweeps {
  const [records = 0, ...axes] = input.shape;
  const channels = axes.pop() ?? 0;
  const [down, right] =
    moves.window.length === 1
      ? [REST, sweep(axes[0] ?? 1, 0, moves)]
      : axes.map((length, axis) => sweep(length, axis, moves));
  assert(down !== undefined && right !== undefined, "a window moves over a line or a plane");
  return { records, channels, down, right };
}

const REST: Sweep = { length: 1, size: 1, stride: 1, dilation: 1, steps: 1, before: 0, after: 0 };

function sweep(length: number, axis: number, { window, stride, dilation, padding }: Moves): Sweep {
  const size = window[axis] ?? 1;
  const own = stride ?? size;
  const reach = (size - 1) * dilation + 1;
  const steps = windowSteps(length, reach, own, padding);
  const needed = (steps - 1) * own + reach;
  const before = padding === "same" ? Math.floor(Math.max(0, needed - length) / 2) : 0;
  // Up to a whole step after the last window, which adds no window: `cutOut` takes whole steps.
  return { length, size, stride: own, dilation, steps, before, after: needed + own - 1 - length - before };
}

/** The input as [records, height, width, channels] with its padding. */
export function padded(input: tf.Tensor, { records, channels, down, right }: Sweeps, value = 0): tf.Tensor4D {
  const plane: tf.Tensor4D = tf.reshape(input, [records, down.length, right.length, channels]);
  if (down.before + down.after + right.before + right.after === 0) return plane;
  return tf.pad(
    plane,
    [
      [0, 0],
      [down.before, down.after],
      [right.before, right.after],
      [0, 0],
    ],
    value,
  );
}

/** What one place of the window sees of the padded input: some channels of a stepped, shifted part. */
export interface Cut {
  readonly top: number;
  readonly left: number;
  readonly down: Sweep;
  readonly right: Sweep;
  readonly channel: number;
  readonly channels: number;
}

export function cutAt({ channels, down, right }: Sweeps, row: number, column: number): Cut {
  return { top: row * down.dilation, left: column * right.dilation, down, right, channel: 0, channels };
}

/**
 * The numbers of a cut, [records, steps down, steps right, channels]. Steps are taken by slicing the first of each
 * group of neighbours: wasm's own strided slice takes a hundred times as long.
 */
export function cutOut(source: tf.Tensor4D, { top, left, down, right, channel, channels }: Cut): tf.Tensor4D {
  const [rows, columns] = [down.steps * down.stride, right.steps * right.stride];
  const part = tf.slice(source, [0, top, left, channel], [-1, rows, columns, channels]);
  const [records] = part.shape;
  const thinned = firstOf(tf.reshape(part, [records * down.steps, down.stride, columns * channels]));
  const both = firstOf(tf.reshape(thinned, [records * down.steps * right.steps, right.stride, channels]));
  return tf.reshape(both, [records, down.steps, right.steps, channels]);
}

/** [N, S, W] → [N, 1, W]. */
function firstOf(values: tf.Tensor3D): tf.Tensor3D {
  return values.shape[1] === 1 ? values : tf.slice(values, [0, 0, 0], [-1, 1, -1]);
}

/** Rows and columns of the window, place by place. */
export function placesOf({ down, right }: Sweeps): readonly (readonly [row: number, column: number])[] {
  return Array.from({ length: down.size * right.size }, (_, place) => [
    Math.floor(place / right.size),
    place % right.size,
  ]);
}
