import { borrowData, numbersFrom } from "@consilium/engine/tensorData";
import { cut, type ParameterUse, type ProductUse } from "@consilium/engine/use";
import * as tf from "@tensorflow/tfjs-core";
import { forEachMaterialised, materialises } from "./materialised.ts";
import { type RowStart, read } from "./norms.ts";
import { ROW_MULTIPLE } from "./pass.ts";
import type { SumBuffer } from "./sumBuffer.ts";

/** Numbers in one block of a kernel's gradient: the device never holds a second copy of the whole. */
const BLOCK_NUMBERS = 4 * 2 ** 20;
/** Multiplications that plain JavaScript does in the time of a few tensor operations. */
const EXACT_PRODUCTS = 2 ** 21;
const SMALL_KERNEL = 2 ** 16;

/** What a step's sums share. */
export interface Summing {
  /** Each row's clip factor: its patient's, and 0 for rows that count for nobody. */
  readonly scale_R: Float64Array;
  readonly rowStart: RowStart;
  /** Most places (rows times positions, or formed gradients) that one float32 sum may take. */
  readonly placesInSum: number;
  readonly buffer: SumBuffer;
}

/** Adds Σ over rows of scale · gradient of one block. A row with factor 0 adds exactly 0, whatever it holds. */
export function addBlock(use: ParameterUse, summing: Summing): void {
  const { buffer, scale_R } = summing;
  switch (use.kind) {
    case "direct": {
      const size = use.gradient_RS.shape[1];
      buffer.add(use.offset, columnSums(scaleRows(read(use.gradient_RS), size, scale_R), size));
      return;
    }
    case "lookup":
      addLookup(use, summing);
      return;
    case "product":
      if (materialises(use)) addMaterialised(use, summing);
      else addProduct(use, summing);
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
  const index = read(use.index_RT);
  const scaled = scaleRows(read(use.delta_RTO), positions * width, scale_R);
  const rows = new Map<number, Float64Array>();
  for (const [place, row] of index.entries()) {
    if (scale_R[Math.floor(place / positions)] === 0) continue;
    const sum = rows.get(row) ?? new Float64Array(width);
    for (let i = 0; i < width; i++) sum[i] = (sum[i] ?? 0) + (scaled[place * width + i] ?? 0);
    rows.set(row, sum);
  }
  for (const [row, sum] of rows) buffer.add(use.offset + row * width, sum);
}

/** Σ scale · G over formed gradients, at most `placesInSum` of them in one float32 sum. */
function addMaterialised(use: ProductUse, { scale_R, rowStart, placesInSum, buffer }: Summing): void {
  const [inputs, outputs] = [use.input_RTI.shape[2], use.delta_RTO.shape[2]];
  forEachMaterialised(use, rowStart, (gradient_RIO, start) => {
    const count = gradient_RIO.shape[0];
    for (let first = 0; first < count; first += placesInSum) {
      const taken = Math.min(placesInSum, count - first);
      const scale = Float32Array.from(scale_R.subarray(start + first, start + first + taken));
      const sum = tf.tidy(() => {
        const some = tf.reshape(tf.slice(gradient_RIO, [first, 0, 0], [taken, -1, -1]), [taken, inputs * outputs]);
        const isKept = tf.tensor2d(scale.map(Math.sign), [taken, 1], "float32");
        const kept = scale.includes(0) ? tf.where(tf.greater(isKept, 0), some, tf.zerosLike(some)) : some;
        return tf.matMul(tf.tensor2d(scale, [1, taken]), kept);
      });
      addRows(buffer, use, 0, borrowData(sum));
      sum.dispose();
    }
  });
}

/** aᵀ(scale ⊙ delta) over all rows and positions. */
function addProduct(use: ProductUse, summing: Summing): void {
  const { scale_R, placesInSum, buffer } = summing;
  const [, positions, inputs] = use.input_RTI.shape;
  const rowsInSum = Math.max(1, Math.floor(placesInSum / positions));
  const outputs = use.delta_RTO.shape[2];
  const scaled = scaleRows(read(use.delta_RTO), positions * outputs, scale_R);
  if (worthNoTensors(use, rowsInSum)) {
    const input = numbersFrom(() => read(cut(use.input_RTI)));
    addRows(buffer, use, 0, exactKernel(input, scaled, { inputs, outputs, positions }, scale_R));
    return;
  }
  const input = cleaned(use, scale_R);
  try {
    addKernel(input, scaled, use, rowsInSum, buffer);
  } finally {
    input.dispose();
  }
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

/**
 * Whether plain float64 sums are as quick as tensors: small layers, and products so short that calls cost more than
 * sums.
 */
function worthNoTensors({ input_RTI, delta_RTO }: ProductUse, rowsInSum: number): boolean {
  const [records, positions, inputs] = input_RTI.shape;
  const outputs = delta_RTO.shape[2];
  return (
    records * positions * inputs * outputs <= EXACT_PRODUCTS ||
    (rowsInSum * positions < ROW_MULTIPLE && inputs * outputs < SMALL_KERNEL)
  );
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

/** The block's input; rows with factor 0 that aren't finite become zeros (∞ · 0 is NaN). */
function cleaned(use: ProductUse, scale_R: Float64Array): tf.Tensor3D {
  const input = cut(use.input_RTI);
  if (!scale_R.includes(0)) return input;
  const [records, positions, inputs] = use.input_RTI.shape;
  const values = borrowData(input);
  const width = positions * inputs;
  let clean: Float32Array | undefined;
  for (const [row, scale] of scale_R.entries()) {
    if (scale > 0 || values.subarray(row * width, (row + 1) * width).every(Number.isFinite)) continue;
    clean ??= values.slice();
    clean.fill(0, row * width, (row + 1) * width);
  }
  if (clean === undefined) return input;
  input.dispose();
  return tf.tensor3d(clean, [records, positions, inputs]);
}

/** aᵀ(scale ⊙ delta) in products of at most `rowsInSum` records, each in blocks of the kernel's rows. */
function addKernel(
  input_RTI: tf.Tensor3D,
  scaled: Float32Array,
  use: ProductUse,
  rowsInSum: number,
  buffer: SumBuffer,
): void {
  const [records, positions, inputs] = input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const blockInputs = Math.max(1, Math.floor(BLOCK_NUMBERS / outputs));
  const width = positions * outputs;
  for (let row = 0; row < records; row += rowsInSum) {
    const taken = Math.min(rowsInSum, records - row);
    const places = taken * positions;
    const part_IN = tf.tidy(() => {
      const part = tf.slice(input_RTI, [row, 0, 0], [taken, positions, inputs]);
      return tf.transpose(tf.reshape(part, [places, inputs]));
    });
    const part_NO = tf.tensor2d(scaled.subarray(row * width, (row + taken) * width), [places, outputs]);
    for (let from = 0; from < inputs; from += blockInputs) {
      const length = Math.min(blockInputs, inputs - from);
      const block_IO = tf.tidy(() => tf.matMul(tf.slice(part_IN, [from, 0], [length, places]), part_NO));
      addRows(buffer, use, from, borrowData(block_IO));
      block_IO.dispose();
    }
    tf.dispose([part_IN, part_NO]);
  }
}
