import * as tf from "@tensorflow/tfjs-core";

/*
 * Products of matrices, or of batches of them record by record. libtensorflow takes a transposed matrix as it lies;
 * wasm's own transposed product, and its own product of batches, take ten times as long as what stands here for them.
 */

/** a · b: [R, I, T] × [R, T, O] → [R, I, O]. */
export function batchTimes(a_RIT: tf.Tensor3D, b_RTO: tf.Tensor3D): tf.Tensor3D {
  if (!isWasm()) return tf.matMul(a_RIT, b_RTO);
  return tf.tidy(() => {
    const right = tf.unstack(b_RTO);
    const products = tf.unstack(a_RIT).map((own, record) => tf.matMul(own, right[record] ?? own));
    return tf.stack(products) as tf.Tensor3D;
  });
}

/** aᵀ · b: [R, T, I] × [R, T, O] → [R, I, O]. */
export function transposedBatchTimes(a_RTI: tf.Tensor3D, b_RTO: tf.Tensor3D): tf.Tensor3D {
  if (!isWasm()) return tf.matMul(a_RTI, b_RTO, true, false);
  return tf.tidy(() => batchTimes(tf.transpose(a_RTI, [0, 2, 1]), b_RTO));
}

/** a · aᵀ, the products of all pairs of positions: [R, T, I] → [R, T, T]. */
export function gram(a_RTI: tf.Tensor3D): tf.Tensor3D {
  if (!isWasm()) return tf.matMul(a_RTI, a_RTI, false, true);
  return tf.tidy(() => batchTimes(a_RTI, tf.transpose(a_RTI, [0, 2, 1])));
}

/** a · bᵀ: [N, O] × [I, O] → [N, I]. */
export function timesTransposed(a_NO: tf.Tensor2D, b_IO: tf.Tensor2D): tf.Tensor2D {
  if (!isWasm()) return tf.matMul(a_NO, b_IO, false, true);
  return tf.tidy(() => tf.matMul(a_NO, tf.transpose(b_IO)));
}

/** aᵀ · b: [N, I] × [N, O] → [I, O]. */
export function transposedTimes(a_NI: tf.Tensor2D, b_NO: tf.Tensor2D): tf.Tensor2D {
  if (!isWasm()) return tf.matMul(a_NI, b_NO, true, false);
  return tf.tidy(() => tf.matMul(tf.transpose(a_NI), b_NO));
}

/** Σ over positions: [R, T, C] → [R, 1, C]. libtensorflow's own sum along a middle axis takes up to three times. */
export function sumOfPositions(a_RTC: tf.Tensor3D): tf.Tensor3D {
  if (isWasm()) return tf.sum(a_RTC, 1, true);
  const [records, positions] = a_RTC.shape;
  if (positions === 1) return tf.clone(a_RTC);
  return tf.tidy(() => tf.matMul(tf.ones<tf.Rank.R3>([records, 1, positions]), a_RTC));
}

function isWasm(): boolean {
  return tf.getBackend() === "wasm";
}
