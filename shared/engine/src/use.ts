import * as tf from "@tensorflow/tfjs-core";
import { type Cut, cutOut } from "./layer/window.ts";

/** A tensor, or windows of one: cut out when needed, since nine copies of an image take nine times its room. */
export interface View {
  readonly source: tf.Tensor;
  /** Without them all of `source`; with them `source` is [R, height, width, channels], their channels side by side. */
  readonly cuts?: readonly Cut[];
  /** [R records, T positions, I]. */
  readonly shape: readonly [number, number, number];
}

/**
 * How a block of the flat parameter vector was used by some records: what each record adds to its gradient is found
 * from this alone. Tensors belong to the pass. Uses of one block by several layers, or several times, all count.
 */
export type ParameterUse =
  /** Σ over positions of input ⊗ delta, into rows of O numbers that lie `rowLength` apart. */
  | {
      readonly kind: "product";
      readonly offset: number;
      readonly rowLength: number;
      readonly input_RTI: View;
      readonly delta_RTO: tf.Tensor3D;
    }
  /** delta of each position into the row of a table that its index names. */
  | {
      readonly kind: "lookup";
      readonly offset: number;
      readonly index_RT: tf.Tensor2D;
      readonly delta_RTO: tf.Tensor3D;
    }
  /** Each record's own gradient, of S numbers. */
  | { readonly kind: "direct"; readonly offset: number; readonly gradient_RS: tf.Tensor2D };

export type ProductUse = Extract<ParameterUse, { kind: "product" }>;

/** The numbers of a view, as a new tensor. */
export function cut({ source, cuts, shape }: View): tf.Tensor3D {
  return tf.tidy(() => {
    const windows = cuts?.map((own) => cutOut(source as tf.Tensor4D, own)) ?? [source];
    return tf.reshape(windows.length === 1 ? (windows[0] ?? source) : tf.concat(windows, 3), [...shape]);
  });
}

/** Tensors that a use holds. */
export function tensorsOf(use: ParameterUse): tf.Tensor[] {
  switch (use.kind) {
    case "product":
      return [use.input_RTI.source, use.delta_RTO];
    case "lookup":
      return [use.index_RT, use.delta_RTO];
    case "direct":
      return [use.gradient_RS];
  }
}
