import * as tf from "@tensorflow/tfjs-core";

/** Zeros between neighbours, so that they lie a stride apart; none after the last. */
export function spread(values: tf.Tensor4D, down: number, right: number): tf.Tensor4D {
  if (down === 1 && right === 1) return values;
  const [records, height, width, channels] = values.shape;
  const none: [number, number] = [0, 0];
  const rows = tf.pad(tf.reshape(values, [records, height, 1, width, channels]), [
    none,
    none,
    [0, down - 1],
    none,
    none,
  ]);
  const columns = tf.pad(tf.reshape(rows, [records, height * down, width, 1, channels]), [
    none,
    none,
    none,
    [0, right - 1],
    none,
  ]);
  const full = tf.reshape(columns, [records, height * down, width * right, channels]) as tf.Tensor4D;
  return tf.slice(full, [0, 0, 0, 0], [-1, (height - 1) * down + 1, (width - 1) * right + 1, -1]);
}
