import { transposedBatchTimes, transposedTimes } from "@consilium/engine/product";
import { borrowData } from "@consilium/engine/tensorData";
import { cut, type ProductUse } from "@consilium/engine/use";
import * as tf from "@tensorflow/tfjs-core";
import { type RowsOfSum, rowsOfSum } from "./placesPerSum.ts";
import { addRows, onlyKept, type Summing } from "./summing.ts";

/** Numbers in one block of a kernel's gradient: the device never holds a second copy of the whole. */
const BLOCK_NUMBERS = 4 * 2 ** 20;
/** Numbers that are read and added in the time of the calls that would make fewer of them. */
const APART_NUMBERS = 2 ** 20;
/** Rows that are worth a product of their own on WebAssembly, whose batches of products are copied twice. */
const ROWS_WORTH_A_PRODUCT = 24;

/** aᵀ(scale ⊙ delta) in as few float32 sums as `places` allow, or in as few products where these are small. */
export function addKernel(use: ProductUse, places: number, { scale_R, areFinite, buffer, isFirst }: Summing): void {
  const [records, positions, inputs] = use.input_RTI.shape;
  for (let row = 0; row < records; ) {
    const rest = records - row;
    const products = productsOf(rest, positions, places, inputs * use.delta_RTO.shape[2]);
    const count = products.groups * products.rowsInGroup;
    const scale = scale_R.subarray(row, row + count);
    const clean = (values: tf.Tensor3D): tf.Tensor3D => (areFinite ? values : onlyKept(values, scale));
    const [input, scaled] = tf.tidy(() => {
      const delta = clean(count === records ? use.delta_RTO : tf.slice(use.delta_RTO, [row, 0, 0], [count, -1, -1]));
      const scale_R11 = tf.tensor3d(Float32Array.from(scale), [count, 1, 1]);
      return [clean(cut(use.input_RTI, row, count)), tf.mul(delta, scale_R11)] as const;
    });
    try {
      const isFirstRow = row === 0;
      forProducts(input, scaled, products, (firstInput, values, product) => {
        addRows(buffer, use, firstInput, values, isFirst && isFirstRow && product === 0);
      });
    } finally {
      tf.dispose([input, scaled]);
    }
    row += count;
  }
}

interface Products extends RowsOfSum {
  /** Whether the groups' products are one sum; else the buffer adds them. */
  readonly areAdded: boolean;
}

/**
 * Rows of the next sum, or, where it can't hold all rows and products are small, of several products at once, each with
 * as many rows as a sum may hold: a number read and added costs less than a call to the device.
 */
function productsOf(rows: number, positions: number, places: number, size: number): Products {
  const sum = rowsOfSum(rows, positions, places);
  const rowsInGroup = Math.max(1, Math.floor(places / positions));
  const groups = Math.floor(rows / rowsInGroup);
  const isWhole = sum.groups * sum.rowsInGroup >= rows;
  const isLarge = groups * size > APART_NUMBERS;
  if (!isWhole && isLarge && tf.getBackend() === "wasm" && rowsInGroup >= ROWS_WORTH_A_PRODUCT) {
    return { groups: 1, rowsInGroup, areAdded: true };
  }
  if (isWhole || groups < 2 || isLarge) return { ...sum, areAdded: true };
  return { groups, rowsInGroup, areAdded: false };
}

/** aᵀg of each product, or of their sum, for some inputs at a time. */
function forProducts(
  input_RTI: tf.Tensor3D,
  delta_RTO: tf.Tensor3D,
  { groups, areAdded }: Products,
  visit: (firstInput: number, values: Float32Array, product: number) => void,
): void {
  const [records, positions, inputs] = input_RTI.shape;
  const outputs = delta_RTO.shape[2];
  const places = (records / groups) * positions;
  const blockInputs = Math.max(1, Math.floor(BLOCK_NUMBERS / (outputs * groups)));
  tf.tidy(() => {
    const input_GPI: tf.Tensor3D = tf.reshape(input_RTI, [groups, places, inputs]);
    const delta_GPO: tf.Tensor3D = tf.reshape(delta_RTO, [groups, places, outputs]);
    let firstInput = 0;
    for (const part of partsOf(input_GPI, blockInputs)) {
      const block = tf.tidy(() => (areAdded ? sumOfProducts : transposedBatchTimes)(part, delta_GPO));
      const values = borrowData(block);
      const size = part.shape[2] * outputs;
      for (let product = 0; product * size < values.length; product++) {
        visit(firstInput, values.subarray(product * size, (product + 1) * size), product);
      }
      firstInput += part.shape[2];
      tf.dispose([block, part]);
    }
  });
}

/** Cut along the last axis, all at once: one by one between products takes five times as long. */
function partsOf(input_GPI: tf.Tensor3D, length: number): tf.Tensor3D[] {
  const inputs = input_GPI.shape[2];
  if (length >= inputs) return [input_GPI];
  const lengths = Array.from({ length: Math.ceil(inputs / length) }, (_, i) => Math.min(length, inputs - i * length));
  return tf.split(input_GPI, lengths, 2);
}

/** Σ over groups of aᵀg, [I, O]. */
function sumOfProducts(input_GPI: tf.Tensor3D, delta_GPO: tf.Tensor3D): tf.Tensor {
  const [groups, places, inputs] = input_GPI.shape;
  const outputs = delta_GPO.shape[2];
  if (groups === 1) {
    return transposedTimes(tf.reshape(input_GPI, [places, inputs]), tf.reshape(delta_GPO, [places, outputs]));
  }
  const parts_GN = tf.reshape(transposedBatchTimes(input_GPI, delta_GPO), [groups, inputs * outputs]);
  return tf.matMul(tf.ones<tf.Rank.R2>([1, groups]), parts_GN);
}
