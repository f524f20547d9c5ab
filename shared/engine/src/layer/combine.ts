import { assert } from "@consilium/shared/failure/failure";
import type { ActivationLayer, MergeLayer, PadLayer, ReshapeLayer, ScaleLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import type { ParameterUse } from "../use.ts";
import { activate, throughActivation } from "./activation.ts";
import type { LayerCall, LayerResult } from "./ops.ts";

export function activation(layer: ActivationLayer, { inputs: [input] }: LayerCall): LayerResult {
  assert(input !== undefined, "an activation has an input");
  const output = activate(layer.activation, input);
  return {
    output,
    backward: (upstream) => ({ inputs: [throughActivation(layer.activation, upstream, output)], uses: [] }),
  };
}

export function reshape(layer: ReshapeLayer, { inputs: [input] }: LayerCall): LayerResult {
  assert(input !== undefined, "a reshape has an input");
  return {
    output: tf.reshape(input, [input.shape[0] ?? 0, ...layer.shape]),
    backward: (upstream) => ({ inputs: [tf.reshape(upstream, input.shape)], uses: [] }),
  };
}

export function merge(layer: MergeLayer, { inputs }: LayerCall): LayerResult {
  if (layer.operation === "add") {
    return { output: tf.addN([...inputs]), backward: (upstream) => ({ inputs: inputs.map(() => upstream), uses: [] }) };
  }
  const axis = (inputs[0]?.rank ?? 1) - 1;
  const widths = inputs.map((input) => input.shape[axis] ?? 0);
  return {
    output: tf.concat([...inputs], axis),
    backward: (upstream) => ({ inputs: tf.split(upstream, widths, axis), uses: [] }),
  };
}

export function pad(layer: PadLayer, { inputs: [input] }: LayerCall): LayerResult {
  assert(input !== undefined, "a pad has an input");
  const begin = [0, ...layer.margins.map(([before]) => before)];
  return {
    output: tf.pad(input, [[0, 0], ...layer.margins]),
    backward: (upstream) => ({ inputs: [tf.slice(upstream, begin, input.shape)], uses: [] }),
  };
}

/** x·scale + shift by channel. */
export function scale(_: ScaleLayer, { inputs: [input], parameters: [factor, shift] }: LayerCall): LayerResult {
  assert(input !== undefined && factor !== undefined && shift !== undefined, "a scale has factor and shift");
  return {
    output: tf.add(tf.mul(input, factor.tensor), shift.tensor),
    backward: (upstream) => ({
      inputs: [tf.mul(upstream, factor.tensor)],
      uses: channelUses(input, upstream, factor.offset, shift.offset),
    }),
  };
}

/** What records add to a scale and a shift by channel, `normalised` being what was scaled. */
export function channelUses(
  normalised: tf.Tensor,
  upstream: tf.Tensor,
  factorOffset: number | null,
  shiftOffset: number | null,
): ParameterUse[] {
  const positions = Array.from({ length: normalised.rank - 2 }, (_, axis) => axis + 1);
  const summed = (values: tf.Tensor): tf.Tensor2D =>
    tf.reshape(positions.length === 0 ? values : tf.sum(values, positions), [
      normalised.shape[0] ?? 0,
      normalised.shape.at(-1) ?? 0,
    ]);
  const uses: ParameterUse[] = [];
  if (factorOffset !== null) {
    uses.push({ kind: "direct", offset: factorOffset, gradient_RS: summed(tf.mul(upstream, normalised)) });
  }
  if (shiftOffset !== null) uses.push({ kind: "direct", offset: shiftOffset, gradient_RS: summed(upstream) });
  return uses;
}
