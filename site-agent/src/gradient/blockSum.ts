import { batchTimes } from "@consilium/engine/product";
import { borrowData, numbersFrom, ownData } from "@consilium/engine/tensorData";
import { cut, type ParameterUse, type ProductUse } from "@consilium/engine/use";
import * as tf from "@tensorflow/tfjs-core";
import { hasFormedNorm } from "./formedGradients.ts";
import { addKernel } from "./kernelSum.ts";
import { rowsOfSum } from "./placesPerSum.ts";
import { addRows, onlyKept, type Summing } from "./summing.ts";

/** Multiplications for one record that plain JavaScript does about as quickly as the device is called. */
const EXACT_PRODUCTS = 2 ** 12;
/** Rows in a sum below which as many sums cost more than forming each record's gradient. */
const ROWS_WORTH_A_SUM = 4;

/** Adds Σ over rows of scale · gradient of one block. A row with factor 0 adds exactly 0, whatever it holds. */
export function addBlock(use: ParameterUse, summing: Summing): void {
  const { buffer, scale_R, isFirst } = summing;
  switch (use.kind) {
    case "direct": {
      const size = use.gradient_RS.shape[1];
      buffer.write(use.offset, columnSums(scaleRows(ownData(use.gradient_RS), size, scale_R), size), isFirst);
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
function addLookup(use: Extract<ParameterUse, { kind: "lookup" }>, { scale_R, buffer, isFirst }: Summing): void {
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
  for (const [row, sum] of rows) buffer.write(use.offset + row * width, sum, isFirst);
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
function addFormed(use: ProductUse, summing: Summing): void {
  const { scale_R, areFinite, places, formed, buffer } = summing;
  let { isFirst } = summing;
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
      for (let at = 0; at < values.length; at += size) {
        addRows(buffer, use, 0, values.subarray(at, at + size), isFirst);
        isFirst = false;
      }
      sums.dispose();
      first += groups * rows;
    }
  });
}

/** aᵀ(scale ⊙ delta) in float64: small layers, for which calls to the device cost more than sums. */
function addExactly(use: ProductUse, { scale_R, buffer, isFirst }: Summing): void {
  const [, positions, inputs] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const scaled = scaleRows(ownData(use.delta_RTO), positions * outputs, scale_R);
  const input = numbersFrom(() => ownData(cut(use.input_RTI)));
  addRows(buffer, use, 0, exactKernel(input, scaled, { inputs, outputs, positions }, scale_R), isFirst);
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
