import * as tf from "@tensorflow/tfjs-core";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import { startBackend } from "./backend.ts";
import { copyBox } from "./wasmKernels.ts";

/** A box of an array: its shape, and along each axis where it begins and how long it is. */
const box = fc
  .array(fc.integer({ min: 1, max: 6 }), { minLength: 1, maxLength: 5 })
  .chain((shape) =>
    fc.tuple(
      fc.constant(shape),
      fc.tuple(...shape.map((length) => fc.tuple(fc.nat(length), fc.nat(length)).map(([a, b]) => [a, b] as const))),
    ),
  )
  .map(([shape, ends]) => ({
    shape,
    begin: ends.map(([a, b]) => Math.min(a, b)),
    size: ends.map(([a, b]) => Math.abs(a - b)),
  }));

const volumeOf = (shape: readonly number[]): number => shape.reduce((product, length) => product * length, 1);
const counted = (shape: readonly number[]): Float32Array =>
  Float32Array.from({ length: volumeOf(shape) }, (_, i) => i + 1);

/** Number by number. */
function slowBox(from: Float32Array, shape: readonly number[], begin: readonly number[], size: readonly number[]) {
  let indices: number[] = [0];
  for (const [axis, length] of shape.entries()) {
    const own = Array.from({ length: size[axis] ?? 0 }, (_, i) => (begin[axis] ?? 0) + i);
    indices = indices.flatMap((index) => own.map((i) => index * length + i));
  }
  return indices.map((index) => from[index] ?? Number.NaN);
}

describe("wasm's kernels that take a tensor apart", () => {
  beforeAll(() => startBackend("wasm"));

  test("copy a box as number by number would", () => {
    fc.assert(
      fc.property(box, ({ shape, begin, size }) => {
        const to = new Float32Array(volumeOf(size));
        copyBox(counted(shape), shape, to, begin, size);
        expect([...to]).toEqual(slowBox(counted(shape), shape, begin, size));
      }),
    );
  });

  test("runs longer than what is copied one by one", () => {
    const [shape, begin, size] = [
      [3, 5, 40],
      [1, 2, 3],
      [2, 2, 30],
    ];
    const to = new Float32Array(120);
    copyBox(counted(shape ?? []), shape ?? [], to, begin ?? [], size ?? []);
    expect([...to]).toEqual(slowBox(counted(shape ?? []), shape ?? [], begin ?? [], size ?? []));
  });

  test("slices, unstacks and splits are TF.js's, of floats and of integers", () => {
    fc.assert(
      fc.property(box, fc.constantFrom("float32", "int32"), fc.nat(), (own, type, choice) => {
        const { shape, begin, size } = own;
        const axis = choice % shape.length;
        tf.tidy(() => {
          const x = tf.cast(tf.tensor(counted(shape), shape), type);
          const cut = tf.slice(x, begin, size);
          expect([cut.dtype, cut.shape, [...cut.dataSync()]]).toEqual([
            type,
            size,
            slowBox(counted(shape), shape, begin, size),
          ]);
          for (const parts of [tf.unstack(x, axis), tf.split(x, shape[axis] ?? 1, axis)]) {
            expect(parts.map((part) => [part.dtype, ...part.dataSync()])).toEqual(
              Array.from({ length: shape[axis] ?? 0 }, (_, i) => {
                const from = shape.map((_length, other) => (other === axis ? i : 0));
                const one = shape.map((length, other) => (other === axis ? 1 : length));
                return [type, ...slowBox(counted(shape), shape, from, one)];
              }),
            );
          }
        });
      }),
    );
  });

  test("stay whole where the heap grows while a part is made", () => {
    const x = tf.tensor(counted([64, 4096]), [64, 4096]);
    const parts = Array.from({ length: 40 }, () => tf.unstack(x));
    for (const rows of parts) expect(rows[63]?.dataSync()[4095]).toBe(64 * 4096);
    tf.dispose([x, ...parts.flat()]);
  });

  test("lose no tensor", () => {
    const before = tf.memory().numTensors;
    tf.tidy(() => {
      tf.split(tf.zeros([6, 4]), [1, 2, 3], 0);
    });
    expect(tf.memory().numTensors).toBe(before);
  });
});
