import type { LayerNode } from "@consilium/shared/model/graph";
import type * as tf from "@tensorflow/tfjs-core";
import type { ParameterUse } from "../use.ts";

/** A layer's parameters on the device, each with its place in the flat vector; null where they are frozen. */
export interface PlacedParameter {
  readonly tensor: tf.Tensor;
  readonly offset: number | null;
}

/** What every layer is given; the first axis of every tensor is that of records. */
export interface LayerCall {
  readonly node: LayerNode;
  readonly inputs: readonly tf.Tensor[];
  readonly parameters: readonly PlacedParameter[];
  /** While training, dropout draws its masks; null otherwise. */
  readonly training: { readonly dropoutMask: (shape: readonly number[], rate: number) => tf.Tensor } | null;
}

/** A layer's output, and how a derivative goes back through it. */
export interface LayerResult {
  readonly output: tf.Tensor;
  /**
   * From ∂loss/∂output of each record: ∂loss/∂input for each input (null where `wanted` says that nobody asks), and
   * what the records did with the layer's parameters.
   */
  readonly backward: (upstream: tf.Tensor, wanted: readonly boolean[]) => BackwardResult;
}

export interface BackwardResult {
  readonly inputs: readonly (tf.Tensor | null)[];
  readonly uses: readonly ParameterUse[];
}
