import * as tf from "@tensorflow/tfjs-core";
import { patches } from "./layer/patches.ts";
import type { Cut } from "./layer/window.ts";

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

/** The numbers of a view, or of `count` of its records from `first` on, as a new tensor. */
export function cut({ source, cuts, shape }: View, first = 0, count = shape[0]): tf.Tensor3D {
  const [records, positions, inputs] = shape;
  return tf.tidy(() => {
    const some = count === records ? source : recordsOf(source, first, count);
    return tf.reshape(cuts === undefined ? some : patches(some as tf.Tensor4D, cuts), [count, positions, inputs]);
  });
}

function recordsOf(source: tf.Tensor, first: number, count: number): tf.Tensor {
  const others = source.shape.slice(1);
  return tf.slice(source, [first, ...others.map(() => 0)], [count, ...others]);
}

/**
 * The same view of another source: one number a pixel in place of the channels, [R, height, width, 1]. A place of the
 * window then sees one number, so a position has as many as the window has places.
 */
export function withoutChannels(view: View & { readonly cuts: readonly Cut[] }, source: tf.Tensor4D): View {
  const cuts = view.cuts.map((own) => ({ ...own, channel: 0, channels: 1 }));
  return { source, cuts, shape: [view.shape[0], view.shape[1], cuts.length] };
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
