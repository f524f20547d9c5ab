import * as tf from "@tensorflow/tfjs-core";

/** Zeros between neighbours, so that they lie a stride apart; none after the last. Joined: quick on every backend. */
export function spread(values: tf.Tensor4D, down: number, right: number): tf.Tensor4D {
  if (down === 1 && right === 1) return values;
  const [records, height, width, channels] = values.shape;
  const columns = withZeros(tf.reshape(values, [records * height * width, 1, channels]), right);
  const rows = withZeros(tf.reshape(columns, [records * height, 1, width * right * channels]), down);
  const full: tf.Tensor4D = tf.reshape(rows, [records, height * down, width * right, channels]);
  return tf.slice(full, [0, 0, 0, 0], [-1, (height - 1) * down + 1, (width - 1) * right + 1, -1]);
}

/** [N, 1, W] → [N, times, W]: each followed by times − 1 rows of zeros. */
function withZeros(values: tf.Tensor3D, times: number): tf.Tensor3D {
  if (times === 1) return values;
  const [count, , width] = values.shape;
  return tf.concat([values, tf.zeros<tf.Rank.R3>([count, times - 1, width])], 1);
}
