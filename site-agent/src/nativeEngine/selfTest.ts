import { publicUniform } from "@consilium/shared/model/initial";
import * as tf from "@tensorflow/tfjs-core";

/**
 * Largest error that a backend may make, over the largest result. Sums of some dozens of float32 products come out
 * within 10⁻⁶; TF32, which newer GPUs take for float32 unless told not to, misses by 10⁻³.
 */
export const SELF_TEST_ERROR_MAX = 1e-5;

interface Check {
  readonly name: string;
  readonly found: () => tf.Tensor;
  /** The same by plain loops in float64. */
  readonly expected: () => number[];
}

const next = publicUniform(4220);
const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => 2 * next() - 1);
const at = (values: Float32Array, index: number): number => values[index] ?? Number.NaN;
const table = (counts: readonly number[], value: (...index: number[]) => number): number[] => {
  const [count, ...rest] = counts;
  if (count === undefined) return [value()];
  return Array.from({ length: count }, (_, i) => table(rest, (...index) => value(i, ...index))).flat();
};
const sum = (count: number, value: (i: number) => number): number => {
  let total = 0;
  for (let i = 0; i < count; i++) total += value(i);
  return total;
};

const a = numbers(64 * 48);
const b = numbers(48 * 40);
const image = numbers(2 * 7 * 7 * 3);
const kernel = numbers(3 * 3 * 3 * 4);

/** An input of the convolution; zero in the padding, which for 7 → 4 by stride 2 is one wide. */
const pixel = (n: number, y: number, x: number, c: number): number =>
  y < 0 || x < 0 || y > 6 || x > 6 ? 0 : at(image, ((n * 7 + y) * 7 + x) * 3 + c);

const CHECKS: readonly Check[] = [
  {
    name: "matMul",
    found: () => tf.matMul(tf.tensor2d(a, [64, 48]), tf.tensor2d(b, [48, 40])),
    expected: () => table([64, 40], (i = 0, j = 0) => sum(48, (k) => at(a, i * 48 + k) * at(b, k * 40 + j))),
  },
  {
    name: "batchMatMul",
    found: () => tf.matMul(tf.tensor3d(a, [4, 16, 48]), tf.tensor3d(b, [4, 10, 48]), false, true),
    expected: () =>
      table([4, 16, 10], (n = 0, i = 0, j = 0) =>
        sum(48, (k) => at(a, (n * 16 + i) * 48 + k) * at(b, (n * 10 + j) * 48 + k)),
      ),
  },
  {
    name: "conv2d",
    found: () => tf.conv2d(tf.tensor4d(image, [2, 7, 7, 3]), tf.tensor4d(kernel, [3, 3, 3, 4]), 2, "same"),
    expected: () =>
      table([2, 4, 4, 4], (n = 0, y = 0, x = 0, o = 0) =>
        sum(27, (k) => {
          const [dy, dx, c] = [Math.floor(k / 9), Math.floor(k / 3) % 3, k % 3];
          return pixel(n, 2 * y + dy - 1, 2 * x + dx - 1, c) * at(kernel, k * 4 + o);
        }),
      ),
  },
  {
    name: "stridedSlice",
    found: () => tf.stridedSlice(tf.tensor2d(a, [64, 48]), [1, 2], [60, 47], [3, 5]),
    expected: () => table([20, 9], (i = 0, j = 0) => at(a, (1 + 3 * i) * 48 + 2 + 5 * j)),
  },
];

/** Each operation's largest error on the current backend, over the largest result; ∞ where the shape is another. */
export function selfTest(): Record<string, number> {
  return Object.fromEntries(
    CHECKS.map(({ name, found, expected }) => {
      const result = tf.tidy(() => found().dataSync());
      const wanted = expected();
      if (result.length !== wanted.length) return [name, Number.POSITIVE_INFINITY];
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      const error = wanted.reduce((most, value, i) => worse(most, Math.abs(value - (result[i] ?? Number.NaN))), 0);
      return [name, error / largest];
    }),
  );
}

/** What is not a number is worse than any number. */
function worse(most: number, error: number): number {
  return error <= most ? most : Number.isNaN(error) ? Number.POSITIVE_INFINITY : error;
}

const SIDE = 1024;

/** 10⁹ float32 operations a second of products of two matrices of 1,024 × 1,024, for at least this long. */
export function measureGflops(durationMs: number): number {
  return tf.tidy(() => {
    const matrix = tf.tensor2d(
      Float32Array.from({ length: SIDE * SIDE }, (_, i) => (i % 7) - 3),
      [SIDE, SIDE],
    );
    const once = (): void => tf.tidy(() => void tf.matMul(matrix, matrix).dataSync());
    once();
    const start = performance.now();
    let count = 0;
    for (; performance.now() - start < durationMs; count++) once();
    return (count * 2 * SIDE ** 3) / (performance.now() - start) / 1e6;
  });
}
