import { assert } from "@consilium/shared/failure/failure";
import * as tf from "@tensorflow/tfjs-core";
import type { LayerCall, LayerResult } from "./ops.ts";

/** Row of the table for each index; indices are records' numbers and have no derivative. */
export function embedding({ inputs: [input], parameters: [table] }: LayerCall): LayerResult {
  assert(input !== undefined && table !== undefined, "an embedding has an input and a table");
  const table_VO = table.tensor as tf.Tensor2D;
  const [vocabulary, width] = table_VO.shape;
  // Whole rows of the table and no others: what isn't one would read another's memory on some backends, and two indices
  // within the same row would count as two rows for a patient's norm.
  const isNumber = tf.equal(input, input);
  const whole = tf.floor(tf.where(isNumber, input, tf.zerosLike(input)));
  const index_RT = tf.clipByValue(whole, 0, vocabulary - 1) as tf.Tensor2D;
  const [records, positions] = index_RT.shape;
  const rows = tf.gather(table_VO, tf.cast(tf.reshape(index_RT, [records * positions]), "int32"));
  return {
    output: tf.reshape(rows, [records, positions, width]),
    backward: (upstream) => ({
      inputs: [null],
      uses:
        table.offset === null
          ? []
          : [{ kind: "lookup", offset: table.offset, index_RT, delta_RTO: upstream as tf.Tensor3D }],
    }),
  };
}
