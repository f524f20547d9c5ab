import { assert } from "@consilium/shared/failure/failure";
import type { NormLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import type { ParameterUse } from "../use.ts";
import type { LayerCall, LayerResult } from "./ops.ts";

/**
 * y = scale · x̂ + shift, x̂ = (x − μ)/√(v + ε), μ and v over all positions and channels of a group of one record (Wu &
 * He 2018, arXiv:1803.08494, eq. 1–2), or over the group's channels at one position. Backward, with ĝ = upstream ·
 * scale and means over the group: ∂x = (ĝ − mean(ĝ) − x̂ · mean(ĝ · x̂)) / √(v + ε). Both means follow from sums over
 * positions, which are the derivatives of shift and scale: nothing is summed twice.
 */
export function norm(layer: NormLayer, { inputs: [input], parameters: [factor, shift] }: LayerCall): LayerResult {
  assert(input !== undefined && factor !== undefined && shift !== undefined, "a norm has scale and shift");
  const records = input.shape[0] ?? 0;
  const channels = input.shape.at(-1) ?? 0;
  // What is normalised by itself: a record, or one position of it.
  const alone = layer.over === "channels" ? input.size / channels : records;
  const positions = input.size / (alone * channels);
  const groups = [alone, layer.groups, channels / layer.groups];
  const size = (positions * channels) / layer.groups;
  /** Mean over a group from sums over positions, once for each channel: [alone, C] → [alone, 1, C]. */
  const groupMean = (sums: tf.Tensor): tf.Tensor3D => {
    const mean = tf.div(tf.sum(tf.reshape(sums, groups), 2, true), size);
    return tf.reshape(tf.tile(mean, [1, 1, channels / layer.groups]), [alone, 1, channels]);
  };
  const x: tf.Tensor3D = tf.reshape(input, [alone, positions, channels]);
  const [inverse, normalised] = tf.tidy(() => {
    const centred = tf.sub(x, groupMean(tf.sum(x, 1)));
    const inverse = tf.rsqrt(tf.add(groupMean(tf.sum(tf.square(centred), 1)), layer.epsilon));
    return [inverse, tf.mul(centred, inverse)] as const;
  });
  return {
    output: tf.tidy(() => tf.reshape(tf.add(tf.mul(normalised, factor.tensor), shift.tensor), input.shape)),
    backward: (upstream, [isWanted]) => {
      const own = tf.reshape(upstream, x.shape);
      const [sum, along] = [tf.sum(own, 1), tf.sum(tf.mul(own, normalised), 1)];
      const back = (): tf.Tensor => {
        const mean = groupMean(tf.mul(sum, factor.tensor));
        const meanAlong = groupMean(tf.mul(along, factor.tensor));
        const through = tf.mul(own, tf.mul(inverse, factor.tensor));
        const away = tf.add(tf.mul(normalised, tf.mul(inverse, meanAlong)), tf.mul(inverse, mean));
        return tf.reshape(tf.sub(through, away), input.shape);
      };
      const use = (offset: number | null, sums: tf.Tensor): ParameterUse[] => {
        if (offset === null) return [];
        const each = tf.reshape(sums, [records, alone / records, channels]);
        return [{ kind: "direct", offset, gradient_RS: tf.sum(each, 1) }];
      };
      return {
        inputs: [isWanted === true ? back() : null],
        uses: [...use(factor.offset, along), ...use(shift.offset, sum)],
      };
    },
  };
}
