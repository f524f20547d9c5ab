import { assert } from "@consilium/shared/failure/failure";
import type { DenseLayer } from "@consilium/shared/model/layer";
import * as tf from "@tensorflow/tfjs-core";
import { timesTransposed } from "../product.ts";
import type { ParameterUse } from "../use.ts";
import { activate, throughActivation } from "./activation.ts";
import type { LayerCall, LayerResult } from "./ops.ts";

/** z = aW + b on the last axis; any axes between records and it are positions. */
export function dense(layer: DenseLayer, { inputs: [input], parameters: [kernel, bias] }: LayerCall): LayerResult {
  assert(input !== undefined && kernel !== undefined, "a dense layer has input and kernel");
  const kernel_IO = kernel.tensor as tf.Tensor2D;
  const [inputs, outputs] = kernel_IO.shape;
  const records = input.shape[0] ?? 0;
  const positions = input.size / (records * inputs);
  const flat_NI = tf.reshape(input, [records * positions, inputs]);
  const product = tf.matMul(flat_NI, kernel_IO);
  const biased = bias === undefined ? product : tf.add(product, bias.tensor);
  const z = tf.reshape(biased, [...input.shape.slice(0, -1), outputs]);
  const output = activate(layer.activation, z);
  return {
    output,
    backward: (upstream, [isWanted]) => {
      const delta = throughActivation(layer.activation, upstream, output);
      const delta_RTO: tf.Tensor3D = tf.reshape(delta, [records, positions, outputs]);
      const uses: ParameterUse[] = [];
      if (kernel.offset !== null) {
        const input_RTI = { source: input, shape: [records, positions, inputs] } as const;
        uses.push({ kind: "product", offset: kernel.offset, rowLength: outputs, input_RTI, delta_RTO });
      }
      if (bias !== undefined && bias.offset !== null) uses.push(biasUse(bias.offset, delta_RTO));
      const back = (): tf.Tensor =>
        tf.reshape(timesTransposed(tf.reshape(delta, [records * positions, outputs]), kernel_IO), input.shape);
      return { inputs: [isWanted === true ? back() : null], uses };
    },
  };
}

/** A bias is added at every position: each record's gradient is the sum of its deltas. */
export function biasUse(offset: number, delta_RTO: tf.Tensor3D): ParameterUse {
  const [records, positions, outputs] = delta_RTO.shape;
  const sum: tf.Tensor = positions === 1 ? delta_RTO : tf.sum(delta_RTO, 1);
  return { kind: "direct", offset, gradient_RS: tf.reshape(sum, [records, outputs]) };
}
