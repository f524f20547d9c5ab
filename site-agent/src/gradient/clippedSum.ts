import type { Network } from "@consilium/engine/network";
import { borrowData } from "@consilium/engine/tensorData";
import { clippedSensitivity } from "@consilium/shared/contribution/grid";
import { asClippedSum, type ClippedSum } from "@consilium/shared/contribution/stages";
import { type ModelSpec, parameterCount, parameterSlots } from "@consilium/shared/model/spec";
import * as tf from "@tensorflow/tfjs-core";
import { type PhysicalBatch, physicalBatches } from "../batch/physicalBatches.ts";
import type { Batch } from "../batch/poissonSampler.ts";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { clipScale } from "./clipScale.ts";
import { patientNorm, type TapValues } from "./denseNorm.ts";
import { rowsPerSum } from "./rowsPerSum.ts";
import type { SumBuffer } from "./sumBuffer.ts";
import { ROW_MULTIPLE, runTaps, type Taps } from "./taps.ts";

/** What the tensors of one physical batch may take on the device, its parameters apart. */
const PHYSICAL_BATCH_BYTES = 256 * 2 ** 20;
/** Past this a larger matrix product is no faster. */
const ROWS_MAX = 512;
/** Numbers in one block of a kernel's gradient: the device never holds a second copy of the whole. */
const BLOCK_NUMBERS = 4 * 2 ** 20;
/** Multiplications that plain JavaScript does in the time of a few tensor operations. */
const EXACT_PRODUCTS = 2 ** 21;
const SMALL_KERNEL = 2 ** 16;

/**
 * Σ over the batch's patients of clip(∇ of the sum of the patient's losses, C); an empty batch gives zeros.
 *
 * Guarantee: adding or removing one patient moves the result's L2 norm by ≤ C(1 + η), η = `clipRounding(d)`:
 * each patient's part is a function of the model and that patient alone and at most C long (`clipScale`), and all float
 * sums together err within η (`rowsPerSum`). A patient with a number that is not finite adds exactly zero, and nothing
 * else about the step differs. The result borrows `buffer` until its next `start`.
 */
export function clippedSum(
  network: Network,
  patients: PreparedPatients,
  batch: Batch,
  clippingNorm: number,
  buffer: SumBuffer,
): ClippedSum {
  const { spec } = network;
  const dimension = parameterCount(spec);
  const parts = physicalBatches(batch.patients, patients.recordStart, rowsMax(spec));
  const rowsInSum = rowsPerSum(dimension, batch.patients.length, mostRecords(parts));
  buffer.start(parts.reduce((sum, part) => sum + Math.ceil(paddedRows(part) / rowsInSum), 0));
  for (const part of parts) {
    const { features, labels } = gather(patients, part);
    const taps = runTaps(network, features, labels);
    try {
      const scale_R = clipScales(taps.values, part, labels.length, clippingNorm);
      addScaled(spec, taps, scale_R, rowsInSum, buffer);
    } finally {
      taps.dispose();
    }
  }
  return asClippedSum(buffer.values, clippedSensitivity(dimension, clippingNorm));
}

/** Rows of a physical batch within the memory budget: inputs and their transpose, pre-activations, outputs, deltas. */
export function rowsMax(spec: ModelSpec): number {
  const numbers = spec.layers.reduce((sum, layer) => sum + 2 * layer.inputs + 6 * layer.outputs, 0);
  const rows = Math.floor(PHYSICAL_BATCH_BYTES / (4 * numbers));
  return Math.max(ROW_MULTIPLE, Math.min(ROWS_MAX, rows - (rows % ROW_MULTIPLE)));
}

function mostRecords(parts: readonly PhysicalBatch[]): number {
  let most = 0;
  for (const { rowStart } of parts) {
    for (let i = 1; i < rowStart.length; i++) most = Math.max(most, (rowStart[i] ?? 0) - (rowStart[i - 1] ?? 0));
  }
  return most;
}

function paddedRows(part: PhysicalBatch): number {
  return Math.ceil((part.rowStart.at(-1) ?? 0) / ROW_MULTIPLE) * ROW_MULTIPLE;
}

/** The patients' records as one matrix, filled up with rows of zeros that no patient owns. */
function gather(patients: PreparedPatients, part: PhysicalBatch): { features: Float32Array; labels: Int32Array } {
  const width = patients.featureCount;
  const rows = paddedRows(part);
  const features = new Float32Array(rows * width);
  const labels = new Int32Array(rows);
  for (const [index, patient] of part.patients.entries()) {
    const first = patients.recordStart[patient] ?? 0;
    const end = patients.recordStart[patient + 1] ?? 0;
    const row = part.rowStart[index] ?? 0;
    features.set(patients.features.subarray(first * width, end * width), row * width);
    labels.set(patients.labels.subarray(first, end), row);
  }
  return { features, labels };
}

/** Each row's factor: its patient's, and 0 for rows that no patient owns. */
function clipScales(layers: readonly TapValues[], part: PhysicalBatch, rows: number, clippingNorm: number) {
  const scale_R = new Float64Array(rows);
  for (let index = 0; index < part.patients.length; index++) {
    const first = part.rowStart[index] ?? 0;
    const end = part.rowStart[index + 1] ?? 0;
    scale_R.fill(clipScale(patientNorm(layers, first, end), clippingNorm), first, end);
  }
  return scale_R;
}

/** Adds Σ over rows of scale · gradient, layer by layer: aᵀ(scale ⊙ delta). */
function addScaled(spec: ModelSpec, taps: Taps, scale_R: Float64Array, rowsInSum: number, buffer: SumBuffer): void {
  const slots = parameterSlots(spec);
  for (const [index, layer] of taps.values.entries()) {
    const offset = slots[2 * index]?.offset ?? 0;
    const scaled_RO = scaleRows(layer, scale_R);
    if (layer.kind === "centroids") {
      buffer.add(offset, centroidSums(layer, scaled_RO, slots[2 * index]?.size ?? 0));
      continue;
    }
    buffer.add(slots[2 * index + 1]?.offset ?? 0, columnSums(scaled_RO, layer.outputs));
    if (worthNoTensors(layer, rowsInSum)) {
      buffer.add(offset, exactKernel(layer, scaled_RO, scale_R));
      continue;
    }
    const input = keptInput(taps.inputs_RI[index], layer, scale_R);
    try {
      addKernel(input.tensor_RI, scaled_RO, layer, rowsInSum, (at, values) => buffer.add(offset + at, values));
    } finally {
      if (input.replaced) input.tensor_RI.dispose();
    }
  }
}

/** scale ⊙ delta. 0 · NaN is NaN: a row with factor 0 becomes zeros, whatever it held. */
function scaleRows(layer: TapValues, scale_R: Float64Array): Float32Array {
  const { outputs, delta_RO } = layer;
  const scaled_RO = new Float32Array(delta_RO.length);
  for (const [row, scale] of scale_R.entries()) {
    if (scale === 0) continue;
    const end = (row + 1) * outputs;
    for (let i = row * outputs; i < end; i++) scaled_RO[i] = scale * (delta_RO[i] ?? 0);
  }
  return scaled_RO;
}

function columnSums(values_RO: Float32Array, outputs: number): Float64Array {
  const sums = new Float64Array(outputs);
  for (let start = 0; start < values_RO.length; start += outputs) {
    for (let i = 0; i < outputs; i++) sums[i] = (sums[i] ?? 0) + (values_RO[start + i] ?? 0);
  }
  return sums;
}

function centroidSums(layer: TapValues & { kind: "centroids" }, scaled_RO: Float32Array, size: number): Float64Array {
  const sums = new Float64Array(size);
  for (const [row, nearest] of layer.nearest_R.entries()) {
    const at = nearest * layer.outputs;
    const from = row * layer.outputs;
    for (let i = 0; i < layer.outputs; i++) sums[at + i] = (sums[at + i] ?? 0) + (scaled_RO[from + i] ?? 0);
  }
  return sums;
}

/**
 * Whether plain float64 sums are as quick as tensors: small layers, and products so short that calls cost more than
 * sums.
 */
function worthNoTensors(layer: TapValues & { kind: "dense" }, rowsInSum: number): boolean {
  const kernel = layer.inputs * layer.outputs;
  return layer.input_RI.length * layer.outputs <= EXACT_PRODUCTS || (rowsInSum < ROW_MULTIPLE && kernel < SMALL_KERNEL);
}

/** aᵀ(scale ⊙ delta) in float64. */
function exactKernel(
  layer: TapValues & { kind: "dense" },
  scaled_RO: Float32Array,
  scale_R: Float64Array,
): Float64Array {
  const { inputs, outputs, input_RI } = layer;
  const sums = new Float64Array(inputs * outputs);
  for (const [row, scale] of scale_R.entries()) {
    if (scale === 0) continue;
    for (let i = 0; i < inputs; i++) {
      const input = input_RI[row * inputs + i] ?? 0;
      for (let o = 0; o < outputs; o++) {
        const at = i * outputs + o;
        sums[at] = (sums[at] ?? 0) + input * (scaled_RO[row * outputs + o] ?? 0);
      }
    }
  }
  return sums;
}

/** The layer's input; where a row with factor 0 isn't finite, a copy with that row zero (∞ · 0 is NaN). */
function keptInput(
  input_RI: tf.Tensor2D | undefined,
  layer: TapValues & { kind: "dense" },
  scale_R: Float64Array,
): { tensor_RI: tf.Tensor2D; replaced: boolean } {
  const { inputs } = layer;
  let cleaned: Float32Array | undefined;
  for (const [row, scale] of scale_R.entries()) {
    if (scale > 0) continue;
    const own = layer.input_RI.subarray(row * inputs, (row + 1) * inputs);
    if (own.every(Number.isFinite)) continue;
    cleaned ??= layer.input_RI.slice();
    cleaned.fill(0, row * inputs, (row + 1) * inputs);
  }
  if (cleaned !== undefined) return { tensor_RI: tf.tensor2d(cleaned, [scale_R.length, inputs]), replaced: true };
  if (input_RI === undefined) throw new Error("every dense layer has its input");
  return { tensor_RI: input_RI, replaced: false };
}

/** aᵀ(scale ⊙ delta) in products of at most `rowsInSum` rows, each in blocks of its rows. */
function addKernel(
  input_RI: tf.Tensor2D,
  scaled_RO: Float32Array,
  layer: { inputs: number; outputs: number },
  rowsInSum: number,
  add: (offset: number, values: Float32Array) => void,
): void {
  const { inputs, outputs } = layer;
  const [rows] = input_RI.shape;
  const blockInputs = Math.max(1, Math.floor(BLOCK_NUMBERS / outputs));
  for (let row = 0; row < rows; row += rowsInSum) {
    const taken = Math.min(rowsInSum, rows - row);
    const part_IR = tf.tidy(() => tf.transpose(tf.slice2d(input_RI, [row, 0], [taken, inputs])));
    const part_RO = tf.tensor2d(scaled_RO.subarray(row * outputs, (row + taken) * outputs), [taken, outputs]);
    for (let from = 0; from < inputs; from += blockInputs) {
      const length = Math.min(blockInputs, inputs - from);
      const block_IO = tf.tidy(() => tf.matMul(tf.slice2d(part_IR, [from, 0], [length, taken]), part_RO));
      add(from * outputs, borrowData(block_IO));
      block_IO.dispose();
    }
    tf.dispose([part_IR, part_RO]);
  }
}
