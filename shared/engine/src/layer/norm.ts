import { assert } from "@consilium/shared/failure/failure";
import type { NormLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import { channelUses } from "./combine.ts";
import type { LayerCall, LayerResult } from "./ops.ts";

/**
 * y = scale · (x − μ)/√(v + ε) + shift, μ and v over all positions and channels of a group of one record (Wu & He 2018,
 * arXiv:1803.08494, eq. 1–2), or over the group's channels at one position. Backward: with ĝ = upstream · scale and x̂ the normalised input,
 * ∂x = (ĝ − mean(ĝ) − x̂ · mean(ĝ · x̂)) / √(v + ε), means over the group.
 */
export function norm(layer: NormLayer, { inputs: [input], parameters: [factor, shift] }: LayerCall): LayerResult {
  assert(input !== undefined && factor !== undefined && shift !== undefined, "a norm has scale and shift");
  const channels = input.shape.at(-1) ?? 0;
  const alone = layer.over === "channels" ? input.size / channels : (input.shape[0] ?? 0);
  const positions = input.size / (alone * channels);
  const grouped = [alone, positions, layer.groups, channels / layer.groups];
  const size = (positions * channels) / layer.groups;
  const meanOf = (values: tf.Tensor): tf.Tensor => tf.div(tf.sum(values, [1, 3], true), size);
  const x = tf.reshape(input, grouped);
  const centred = tf.sub(x, meanOf(x));
  const inverse = tf.rsqrt(tf.add(meanOf(tf.square(centred)), layer.epsilon));
  const normalised = tf.mul(centred, inverse);
  const flat = tf.reshape(normalised, input.shape);
  return {
    output: tf.add(tf.mul(flat, factor.tensor), shift.tensor),
    backward: (upstream, [isWanted]) => {
      const back = (): tf.Tensor => {
        const scaled = tf.reshape(tf.mul(upstream, factor.tensor), grouped);
        const along = tf.mul(normalised, meanOf(tf.mul(scaled, normalised)));
        return tf.reshape(tf.mul(tf.sub(tf.sub(scaled, meanOf(scaled)), along), inverse), input.shape);
      };
      return {
        inputs: [isWanted === true ? back() : null],
        uses: channelUses(flat, upstream, factor.offset, shift.offset),
      };
    },
  };
}
