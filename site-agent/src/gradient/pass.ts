import { backward } from "@consilium/engine/backward";
import { forward } from "@consilium/engine/forward";
import type { Network } from "@consilium/engine/network";
import { cut, type ParameterUse, tensorsOf } from "@consilium/engine/use";
import * as tf from "@tensorflow/tfjs-core";

/** How some records used the parameters; owned by the caller until `dispose`. */
export interface Uses {
  /** One for each block of the parameter vector: several uses of a block are joined. */
  readonly blocks: readonly ParameterUse[];
  dispose(): void;
}

/**
 * Rows are filled up to a multiple of this, so that a record's row goes through the same kernel whoever is beside it.
 */
export const ROW_MULTIPLE = 16;

/**
 * One forward and one backward pass. From what they leave come norms and clipped sum (book-keeping: Bu et al. 2023,
 * arXiv:2210.00038; Li et al. 2022, arXiv:2110.05679). `features` [R, I], R a multiple of `ROW_MULTIPLE`; they belong
 * to the pass from here on.
 */
export function runPass(
  network: Network,
  features: Float32Array,
  labels: Int32Array,
  dropoutMask: (shape: readonly number[], rate: number) => tf.Tensor,
): Uses {
  let blocks: ParameterUse[] = [];
  const kept = tf.tidy(() => {
    const features_RI = tf.tensor2d(features, [labels.length, features.length / labels.length]);
    const pass = forward(network, features_RI, { dropoutMask });
    blocks = joined(backward(network, pass, tf.tensor1d(labels, "int32")));
    return [...new Set(blocks.flatMap(tensorsOf))];
  });
  return { blocks, dispose: () => tf.dispose(kept) };
}

/** A parameter used twice has the sum of both gradients: positions are put one after another, gradients added. */
function joined(uses: readonly ParameterUse[]): ParameterUse[] {
  const blocks = new Map<number, ParameterUse>();
  for (const use of uses) {
    const known = blocks.get(use.offset);
    blocks.set(use.offset, known === undefined ? use : join(known, use));
  }
  return [...blocks.values()];
}

function join(a: ParameterUse, b: ParameterUse): ParameterUse {
  if (a.kind === "product" && b.kind === "product") {
    const source = tf.concat([cut(a.input_RTI), cut(b.input_RTI)], 1);
    const input_RTI = { source, shape: source.shape };
    return { ...a, input_RTI, delta_RTO: tf.concat([a.delta_RTO, b.delta_RTO], 1) };
  }
  if (a.kind === "lookup" && b.kind === "lookup") {
    const index_RT = tf.concat([a.index_RT, b.index_RT], 1);
    return { ...a, index_RT, delta_RTO: tf.concat([a.delta_RTO, b.delta_RTO], 1) };
  }
  if (a.kind === "direct" && b.kind === "direct") {
    return { ...a, gradient_RS: tf.add(a.gradient_RS, b.gradient_RS) };
  }
  throw new Error("a block of parameters is used in one way");
}
