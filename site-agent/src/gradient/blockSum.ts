import { batchTimes, transposedBatchTimes, transposedTimes } from "@consilium/engine/product";
import { borrowData, numbersFrom, ownData } from "@consilium/engine/tensorData";
import { cut, type ParameterUse, type ProductUse } from "@consilium/engine/use";
import * as tf from "@tensorflow/tfjs-core";
import { type FormedGradients, hasFormedNorm } from "./formedGradients.ts";
import { type Places, rowsOfSum } from "./placesPerSum.ts";
import type { SumBuffer } from "./sumBuffer.ts";

/** Numbers in one block of a kernel's gradient: the device never holds a second copy of the whole. */
const BLOCK_NUMBERS = 4 * 2 ** 20;
/** Multiplications for one record that plain JavaScript does about as quickly as the device is called. */
const EXACT_PRODUCTS = 2 ** 12;
/** Rows in a sum below which as many sums cost more than forming each record's gradient. */
const ROWS_WORTH_A_SUM = 4;

/** What a step's sums share. */
export interface Summing {
  /** Each row's clip factor: its patient's, and 0 for rows that count for nobody. */
  readonly scale_R: Float64Array;
  /** Whether every row's inputs and deltas are finite: 0 times them is then 0. */
  readonly areFinite: boolean;
  /** Most additions in one float32 sum. */
  readonly places: Places;
  readonly formed: FormedGradients;
  readonly buffer: SumBuffer;
}

/** Adds Σ over rows of scale · gradient of one block. A row with factor 0 adds exactly 0, whatever it holds. */
export function addBlock(use: ParameterUse, summing: Summing): void {
  const { buffer, scale_R } = summing;
  switch (use.kind) {
    case "direct": {
      const size = use.gradient_RS.shape[1];
      buffer.add(use.offset, columnSums(scaleRows(ownData(use.gradient_RS), size, scale_R), size));
      return;
    }
    case "lookup":
      addLookup(use, summing);
      return;
    case "product":
      addProduct(use, summing);
      return;
  }
}

/** scale ⊙ values, row by row. 0 · NaN is NaN: a row with factor 0 becomes zeros, whatever it held. */
function scaleRows(values: Float32Array, width: number, scale_R: Float64Array): Float32Array {
  const scaled = new Float32Array(values.length);
  for (const [row, scale] of scale_R.entries()) {
    if (scale === 0) continue;
    const end = (row + 1) * width;
    for (let i = row * width; i < end; i++) scaled[i] = scale * (values[i] ?? 0);
  }
  return scaled;
}

function columnSums(values: Float32Array, width: number): Float64Array {
  const sums = new Float64Array(width);
  for (let start = 0; start < values.length; start += width) {
    for (let i = 0; i < width; i++) sums[i] = (sums[i] ?? 0) + (values[start + i] ?? 0);
  }
  return sums;
}

/** Row by row of the table, in float64. */
function addLookup(use: Extract<ParameterUse, { kind: "lookup" }>, { scale_R, buffer }: Summing): void {
  const [, positions, width] = use.delta_RTO.shape;
  const index = ownData(use.index_RT);
  const scaled = scaleRows(ownData(use.delta_RTO), positions * width, scale_R);
  const rows = new Map<number, Float64Array>();
  for (const [place, row] of index.entries()) {
    if (scale_R[Math.floor(place / positions)] === 0) continue;
    const sum = rows.get(row) ?? new Float64Array(width);
    for (let i = 0; i < width; i++) sum[i] = (sum[i] ?? 0) + (scaled[place * width + i] ?? 0);
    rows.set(row, sum);
  }
  for (const [row, sum] of rows) buffer.add(use.offset + row * width, sum);
}

function addProduct(use: ProductUse, summing: Summing): void {
  const [records, positions, inputs] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const places = positions === 1 ? summing.places.whole : summing.places.several;
  const { groups, rowsInGroup } = rowsOfSum(records, positions, places);
  const isFew = positions > 1 && groups * rowsInGroup < Math.min(records, ROWS_WORTH_A_SUM);
  // What was measured is what is added: an exact sum of positions that cancel may be longer than the formed one.
  if (hasFormedNorm(use)) addFormed(use, summing);
  else if (positions * inputs * outputs <= EXACT_PRODUCTS) addExactly(use, summing);
  else if (isFew) addFormed(use, summing);
  else addKernel(use, places, summing);
}

/** Σ scale · G over formed gradients, at most `places.whole` of them in one float32 sum. */
function addFormed(use: ProductUse, { scale_R, areFinite, places, formed, buffer }: Summing): void {
  const size = use.input_RTI.shape[2] * use.delta_RTO.shape[2];
  formed.forSum(use, (gradient_RIO, start) => {
    const count = gradient_RIO.shape[0];
    for (let first = 0; first < count; ) {
      const rows = Math.min(places.whole, count - first);
      const groups = Math.floor((count - first) / rows);
      const scale = scale_R.subarray(start + first, start + first + groups * rows);
      const sums = tf.tidy(() => {
        const some = tf.slice(gradient_RIO, [first, 0, 0], [groups * rows, -1, -1]);
        const kept = areFinite ? some : onlyKept(some, scale);
        const scale_G1R = tf.tensor3d(Float32Array.from(scale), [groups, 1, rows]);
        return batchTimes(scale_G1R, tf.reshape(kept, [groups, rows, size]));
      });
      const values = borrowData(sums);
      for (let at = 0; at < values.length; at += size) addRows(buffer, use, 0, values.subarray(at, at + size));
      sums.dispose();
      first += groups * rows;
    }
  });
}

/** 0 · NaN is NaN: a row with factor 0 becomes zeros, whatever it held. */
function onlyKept(values: tf.Tensor3D, scale_R: Float64Array): tf.Tensor3D {
  const isKept = tf.tensor3d(Float32Array.from(scale_R, Math.sign), [scale_R.length, 1, 1]);
  return tf.where(tf.greater(isKept, 0), values, tf.zerosLike(values));
}

/** Puts rows of O numbers where they belong: one after another, or apart where other groups lie between. */
function addRows(buffer: SumBuffer, use: ProductUse, firstRow: number, values: Float32Array | Float64Array): void {
  const outputs = use.delta_RTO.shape[2];
  const { rowLength } = use;
  if (rowLength === outputs) {
    buffer.add(use.offset + firstRow * outputs, values);
    return;
  }
  for (let row = 0; row * outputs < values.length; row++) {
    buffer.add(use.offset + (firstRow + row) * rowLength, values.subarray(row * outputs, (row + 1) * outputs));
  }
}

/** aᵀ(scale ⊙ delta) in float64: small layers, for which calls to the device cost more than sums. */
function addExactly(use: ProductUse, { scale_R, buffer }: Summing): void {
  const [, positions, inputs] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const scaled = scaleRows(ownData(use.delta_RTO), positions * outputs, scale_R);
  const input = numbersFrom(() => ownData(cut(use.input_RTI)));
  addRows(buffer, use, 0, exactKernel(input, scaled, { inputs, outputs, positions }, scale_R));
}

interface KernelSize {
  readonly inputs: number;
  readonly outputs: number;
  readonly positions: number;
}

/** aᵀ(scale ⊙ delta) in float64. */
function exactKernel(
  input: Float32Array,
  scaled: Float32Array,
  { inputs, outputs, positions }: KernelSize,
  scale_R: Float64Array,
): Float64Array {
  const sums = new Float64Array(inputs * outputs);
  for (let place = 0; place < scale_R.length * positions; place++) {
    if (scale_R[Math.floor(place / positions)] === 0) continue;
    for (let i = 0; i < inputs; i++) {
      const value = input[place * inputs + i] ?? 0;
      for (let o = 0; o < outputs; o++) {
        const at = i * outputs + o;
        sums[at] = (sums[at] ?? 0) + value * (scaled[place * outputs + o] ?? 0);
      }
    }
  }
  return sums;
}

/** aᵀ(scale ⊙ delta) in as few float32 sums as `places` allow, each in blocks of the kernel's rows. */
function addKernel(use: ProductUse, places: number, { scale_R, areFinite, buffer }: Summing): void {
  const [records, positions] = use.input_RTI.shape;
  for (let row = 0; row < records; ) {
    const sum = rowsOfSum(records - row, positions, places);
    const count = sum.groups * sum.rowsInGroup;
    const scale = scale_R.subarray(row, row + count);
    const clean = (values: tf.Tensor3D): tf.Tensor3D => (areFinite ? values : onlyKept(values, scale));
    const [input, scaled] = tf.tidy(() => {
      const delta = clean(tf.slice(use.delta_RTO, [row, 0, 0], [count, -1, -1]));
      const scale_R11 = tf.tensor3d(Float32Array.from(scale), [count, 1, 1]);
      return [clean(cut(use.input_RTI, row, count)), tf.mul(delta, scale_R11)] as const;
    });
    try {
      addBlocks(input, scaled, use, sum.groups, buffer);
    } finally {
      tf.dispose([input, scaled]);
    }
    row += count;
  }
}

/** aᵀg as a sum of products of `groups` groups of rows. */
function addBlocks(
  input_RTI: tf.Tensor3D,
  delta_RTO: tf.Tensor3D,
  use: ProductUse,
  groups: number,
  buffer: SumBuffer,
): void {
  const [records, positions, inputs] = input_RTI.shape;
  const outputs = delta_RTO.shape[2];
  const places = (records / groups) * positions;
  const blockInputs = Math.max(1, Math.floor(BLOCK_NUMBERS / (outputs * groups)));
  tf.tidy(() => {
    const input_GPI: tf.Tensor3D = tf.reshape(input_RTI, [groups, places, inputs]);
    const delta_GPO: tf.Tensor3D = tf.reshape(delta_RTO, [groups, places, outputs]);
    for (let from = 0; from < inputs; from += blockInputs) {
      const length = Math.min(blockInputs, inputs - from);
      const part = length === inputs ? input_GPI : tf.slice(input_GPI, [0, 0, from], [groups, places, length]);
      const block = tf.tidy(() => sumOfProducts(part, delta_GPO));
      addRows(buffer, use, from, borrowData(block));
      tf.dispose(length === inputs ? [block] : [block, part]);
    }
  });
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
