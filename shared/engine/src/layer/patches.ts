import { assert } from "@consilium/shared/failure/failure";
import * as tf from "@tensorflow/tfjs-core";
import { nativeKernel } from "./nativeKernel.ts";
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

/** libtensorflow has a kernel for it, which TF.js has no name for; slower than slices where the window moves by one. */
function byOwnKernel(source: tf.Tensor4D, { down, right }: Cut): tf.Tensor4D | null {
  if (down.stride === 1 && right.stride === 1) return null;
  const pair = (of: "size" | "stride" | "dilation"): number[] => [1, down[of], right[of], 1];
  const integers = { ksizes: pair("size"), strides: pair("stride"), rates: pair("dilation") };
  return nativeKernel("ExtractImagePatches", [source], { integers, text: { padding: "VALID" } }) as tf.Tensor4D | null;
}
