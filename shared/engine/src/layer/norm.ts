import { assert } from "@consilium/shared/failure/failure";
import type { NormLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import { sumOfPositions } from "../product.ts";
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
  /** Mean over a group from sums over positions, once for each channel: [alone, 1, C] → [alone, 1, C]. */
  const groupMean = (sums: tf.Tensor): tf.Tensor3D => {
    const mean = tf.div(tf.sum(tf.reshape(sums, groups), 2, true), size);
    return tf.reshape(tf.tile(mean, [1, 1, channels / layer.groups]), [alone, 1, channels]);
  };
  const apart = (values: tf.Tensor): tf.Tensor3D => tf.reshape(values, [alone, positions, channels]);
  const [output, mean, inverse] = tf.tidy(() => {
    const mean = groupMean(sumOfPositions(apart(input)));
    const centred: tf.Tensor3D = tf.sub(apart(input), mean);
    const inverse = tf.rsqrt(tf.add(groupMean(sumOfPositions(tf.square(centred))), layer.epsilon));
    const scaled = tf.add(tf.mul(centred, tf.mul(inverse, factor.tensor)), shift.tensor);
    return [tf.reshape(scaled, input.shape), mean, inverse] as const;
  });
  return {
    output,
    backward: (upstream, [isWanted]) => {
      const own = apart(upstream);
      // Again: to keep it would take as much as the input itself.
      const centred: tf.Tensor3D = tf.sub(apart(input), mean);
      const sum = sumOfPositions(own);
      const along = tf.mul(sumOfPositions(tf.mul(own, centred)), inverse);
      const back = (): tf.Tensor => {
        const through = tf.mul(own, tf.mul(inverse, factor.tensor));
        const meanAlong = groupMean(tf.mul(along, factor.tensor));
        const away = tf.mul(centred, tf.mul(tf.square(inverse), meanAlong));
        const level = tf.mul(inverse, groupMean(tf.mul(sum, factor.tensor)));
        return tf.reshape(tf.sub(through, tf.add(away, level)), input.shape);
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
