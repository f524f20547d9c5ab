import { batchMatMul } from "@consilium/engine/batchMatMul";
import { numbersFrom } from "@consilium/engine/tensorData";
import { cut, type ProductUse } from "@consilium/engine/use";
import * as tf from "@tensorflow/tfjs-core";
import { forEachMaterialised } from "./materialised.ts";
import { type BlockNorms, dot, float32Error, forPatients, noNorms, type RowStart, read, UNDERFLOW } from "./norms.ts";

/**
 * One position a record: a kernel's gradient is input ⊗ delta and is never formed for its norm (Goodfellow 2015,
 * arXiv:1510.01799). Products of float32 numbers are exact in float64, and a dot product of n of them errs by at most
 * n·2⁻⁵³ of the product of norms.
 */
export function denseNorms(use: ProductUse, rowStart: RowStart): BlockNorms {
  const [records, , inputs] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const input = numbersFrom(() => read(cut(use.input_RTI)));
  const delta = read(use.delta_RTO);
  const norms = noNorms(rowStart.length - 1, records);
  const product = (row: number, other: number): [number, number] => [
    dot(input, row * inputs, other * inputs, inputs),
    dot(delta, row * outputs, other * outputs, outputs),
  ];
  forPatients(rowStart, (patient, first, end) => {
    let squared = 0;
    for (let row = first; row < end; row++) {
      const [own, ownDelta] = product(row, row);
      squared += own * ownDelta;
      norms.triangleSquared_R[row] = own * ownDelta;
      // Not Math.max over finite values alone: NaN must come through.
      norms.largest_R[row] = Math.sqrt(Math.max(own, ownDelta));
      for (let other = first; other < row; other++) {
        const [crossed, crossedDelta] = product(row, other);
        squared += 2 * crossed * crossedDelta;
      }
    }
    norms.squared_P[patient] = squared;
  });
  return norms;
}

/** ‖delta‖² of each record: places of one kernel share their deltas. */
const deltaSquares = new WeakMap<tf.Tensor, Float64Array>();

/** ‖input‖² and ‖delta‖² of each record over its positions: the product of norms that cancellation is held against. */
function frobenius(use: ProductUse): { input_R: Float64Array; delta_R: Float64Array } {
  const [records, , inputs] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const squares = (tensor: tf.Tensor, width: number): Float64Array => {
    const rows = numbersFrom(() => read(tf.sum(tf.square(tensor), 2)));
    const positions = rows.length / records;
    return Float64Array.from({ length: records }, (_, row) => {
      let sum = 0;
      for (let t = row * positions; t < (row + 1) * positions; t++) sum += rows[t] ?? 0;
      return sum * (1 + float32Error(width + 2)) + positions * width * UNDERFLOW;
    });
  };
  const input_R = numbersFrom(() => squares(cut(use.input_RTI), inputs));
  const delta_R = deltaSquares.get(use.delta_RTO) ?? squares(use.delta_RTO, outputs);
  deltaSquares.set(use.delta_RTO, delta_R);
  return { input_R, delta_R };
}

/**
 * ‖Σ_t a_t ⊗ g_t‖² = Σ_{s,t} (a_s·a_t)(g_s·g_t), over all positions of all the patient's records. Float32 products err
 * by at most γ of Σ_{s,t} ‖a_s‖‖a_t‖‖g_s‖‖g_t‖ ≤ ‖a‖²‖g‖², which is added: never too small.
 */
export function ghostNorms(use: ProductUse, rowStart: RowStart): BlockNorms {
  const [records, positions, inputs] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const norms = noNorms(rowStart.length - 1, records);
  const { input_R, delta_R } = frobenius(use);
  for (let row = 0; row < records; row++) {
    norms.triangleSquared_R[row] = (input_R[row] ?? 0) * (delta_R[row] ?? 0);
    norms.largest_R[row] = Math.sqrt(Math.max(input_R[row] ?? 0, delta_R[row] ?? 0));
  }
  const alone_R = numbersFrom(() => rowSums(gram(cut(use.input_RTI)), gram(use.delta_RTO), records));
  forPatients(rowStart, (patient, first, end) => {
    const count = end - first;
    let triangle = 0;
    for (let row = first; row < end; row++) triangle += Math.sqrt(norms.triangleSquared_R[row] ?? 0);
    const own = count === 1 ? (alone_R[first] ?? Number.NaN) : crossedGram(use, first, count);
    const places = count * positions;
    norms.squared_P[patient] =
      own +
      float32Error(inputs + outputs + 3 * places + 4) * triangle ** 2 +
      places ** 2 *
        UNDERFLOW *
        (1 + inputs * largestSquare(delta_R, first, end) + outputs * largestSquare(input_R, first, end));
  });
  return norms;
}

function largestSquare(squares: Float64Array, first: number, end: number): number {
  return squares.subarray(first, end).reduce((largest, square) => Math.max(largest, square), 0);
}

/** The same Gram sum over all positions of several records of one patient. */
function crossedGram(use: ProductUse, first: number, count: number): number {
  const [, positions, inputs] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const [sum] = numbersFrom(() => {
    const input = tf.slice(cut(use.input_RTI), [first, 0, 0], [count, positions, inputs]);
    const delta = tf.slice(use.delta_RTO, [first, 0, 0], [count, positions, outputs]);
    const flat = (tensor: tf.Tensor, width: number): tf.Tensor3D => tf.reshape(tensor, [1, count * positions, width]);
    return rowSums(gram(flat(input, inputs)), gram(flat(delta, outputs)), 1);
  });
  return sum ?? Number.NaN;
}

/** Products of all pairs of positions, [R, T, T]. */
function gram(values_RTI: tf.Tensor3D): tf.Tensor3D {
  return batchMatMul(values_RTI, tf.transpose(values_RTI, [0, 2, 1]));
}

/** Σ of the elementwise product for each record: rows in float32, their sum in float64. */
function rowSums(a_RTT: tf.Tensor3D, b_RTT: tf.Tensor3D, records: number): Float64Array {
  const rows = read(tf.sum(tf.mul(a_RTT, b_RTT), 2));
  const positions = rows.length / records;
  return Float64Array.from({ length: records }, (_, row) => {
    let sum = 0;
    for (let t = row * positions; t < (row + 1) * positions; t++) sum += rows[t] ?? 0;
    return sum;
  });
}

/** Gradients are formed, a few records at a time; their squares are summed in float32 rows, raised, then in float64. */
export function materialisedNorms(use: ProductUse, rowStart: RowStart): BlockNorms {
  const [records] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const norms = noNorms(rowStart.length - 1, records);
  const { input_R, delta_R } = frobenius(use);
  for (let row = 0; row < records; row++) {
    norms.largest_R[row] = Math.sqrt(Math.max(input_R[row] ?? 0, delta_R[row] ?? 0));
  }
  const squares = (gradient_RIO: tf.Tensor3D): Float64Array => {
    const count = gradient_RIO.shape[0];
    const rows = numbersFrom(() => read(tf.sum(tf.square(gradient_RIO), 2)));
    const width = rows.length / count;
    return Float64Array.from({ length: count }, (_, row) => {
      let sum = 0;
      for (let i = row * width; i < (row + 1) * width; i++) sum += rows[i] ?? 0;
      return sum * (1 + float32Error(outputs + 2)) + width * outputs * UNDERFLOW;
    });
  };
  forEachMaterialised(use, rowStart, (gradient_RIO, first) => {
    for (const [i, square] of squares(gradient_RIO).entries()) norms.triangleSquared_R[first + i] = square;
    forPatients(rowStart, (patient, start, end) => {
      const count = end - start;
      if (start < first || end > first + gradient_RIO.shape[0] || count < 2) return;
      const sum = numbersFrom(() => {
        const own = tf.slice(gradient_RIO, [start - first, 0, 0], [count, -1, -1]);
        return squares(tf.expandDims(tf.sum(own, 0), 0) as tf.Tensor3D)[0] ?? Number.NaN;
      });
      let triangle = 0;
      for (let row = start; row < end; row++) triangle += Math.sqrt(norms.triangleSquared_R[row] ?? 0);
      norms.squared_P[patient] = (Math.sqrt(sum) + float32Error(count + 2) * triangle) ** 2;
    });
  });
  forPatients(rowStart, (patient, first, end) => {
    if (end - first === 1) norms.squared_P[patient] = norms.triangleSquared_R[first] ?? Number.NaN;
  });
  return norms;
}
