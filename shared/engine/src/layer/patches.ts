import { assert } from "@consilium/shared/failure/failure";
import * as tf from "@tensorflow/tfjs-core";
import { z } from "zod";
import { type Cut, cutOut } from "./window.ts";

/** Up to this many channels, and numbers in a window, a convolution copies them quicker than anything else. */
const FEW_CHANNELS = 3;
const SMALL_WINDOW = 256;

/**
 * What each place of a window sees, side by side in the channels: [R, steps down, steps right, places · channels].
 * `cuts` are all places of one window, in order.
 */
export function patches(source: tf.Tensor4D, cuts: readonly Cut[]): tf.Tensor4D {
  const [first] = cuts;
  assert(first !== undefined, "a window has a place");
  if (cuts.length === 1) return cutOut(source, first);
  const { channel, channels } = first;
  const [, height, width, all] = source.shape;
  const seen = channels === all ? source : tf.slice(source, [0, 0, 0, channel], [-1, height, width, channels]);
  if (channels <= FEW_CHANNELS && cuts.length * channels <= SMALL_WINDOW) return byConvolution(seen, first);
  return (
    byOwnKernel(seen, first) ??
    tf.concat(
      cuts.map((cut) => cutOut(source, cut)),
      3,
    )
  );
}

/** Each number of a window by a kernel that is 1 there and 0 elsewhere: exact, where a record's numbers are finite. */
function byConvolution(source: tf.Tensor4D, { down, right, channels }: Cut): tf.Tensor4D {
  const numbers = down.size * right.size * channels;
  const unit: tf.Tensor4D = tf.reshape(tf.eye(numbers), [down.size, right.size, channels, numbers]);
  return tf.conv2d(source, unit, [down.stride, right.stride], "valid", "NHWC", [down.dilation, right.dilation]);
}

/** libtensorflow has a kernel for it, which TF.js has no name for. */
function byOwnKernel(source: tf.Tensor4D, { down, right }: Cut): tf.Tensor4D | undefined {
  const native = Native.safeParse(tf.backend());
  if (!native.success) return undefined;
  const { executeSingleOutput: execute, binding } = native.data;
  const pair = (name: string, of: "size" | "stride" | "dilation"): Attribute => {
    return { name, type: binding.TF_ATTR_INT, value: [1, down[of], right[of], 1] };
  };
  const attributes: Attribute[] = [
    pair("ksizes", "size"),
    pair("strides", "stride"),
    pair("rates", "dilation"),
    { name: "T", type: binding.TF_ATTR_TYPE, value: binding.TF_FLOAT },
    { name: "padding", type: binding.TF_ATTR_STRING, value: "VALID" },
  ];
  return execute.call(tf.backend(), "ExtractImagePatches", attributes, [source]);
}

interface Attribute {
  readonly name: string;
  readonly type: number;
  readonly value: number | string | readonly number[];
}
type Execute = (this: unknown, name: string, attributes: readonly Attribute[], inputs: tf.Tensor[]) => tf.Tensor4D;

/** TF.js's backend for libtensorflow, as far as a kernel is called by its own name. */
const Native = z.object({
  executeSingleOutput: z.custom<Execute>((value) => typeof value === "function"),
  binding: z.object({
    TF_ATTR_INT: z.number(),
    TF_ATTR_TYPE: z.number(),
    TF_ATTR_STRING: z.number(),
    TF_FLOAT: z.number(),
  }),
});
