import { gram } from "@consilium/engine/product";
import { numbersFrom, ownData } from "@consilium/engine/tensorData";
import { cut, type ProductUse, type View, withoutChannels } from "@consilium/engine/use";
import * as tf from "@tensorflow/tfjs-core";
import type { FormedGradients } from "./formedGradients.ts";
import { type BlockNorms, dot, float32Error, forPatients, noNorms, type RowStart, UNDERFLOW } from "./norms.ts";

/**
 * One position a record: a kernel's gradient is input ⊗ delta and is never formed for its norm (Goodfellow 2015,
 * arXiv:1510.01799). Products of float32 numbers are exact in float64, and a dot product of n of them errs by at most
 * n·2⁻⁵³ of the product of norms.
 */
export function denseNorms(use: ProductUse, rowStart: RowStart): BlockNorms {
  const [records, , inputs] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const input = numbersFrom(() => ownData(cut(use.input_RTI)));
  const delta = ownData(use.delta_RTO);
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
  for (let row = rowStart.at(-1) ?? 0; row < records; row++) {
    norms.largest_R[row] = Math.sqrt(Math.max(...product(row, row)));
  }
  return norms;
}

/** ‖a_t‖² and ‖g_t‖² of every position of every record, [R · T], in float64 and raised by their float32 error. */
function positionSquares({ input_RTI, delta_RTO }: ProductUse): { input: Float64Array; delta: Float64Array } {
  const raised = (sums: Float32Array, width: number): Float64Array =>
    Float64Array.from(sums, (sum) => sum * (1 + float32Error(width + 3)) + width * UNDERFLOW);
  return {
    input: numbersFrom(() => raised(ownData(inputSquares(input_RTI)), input_RTI.shape[2])),
    delta: numbersFrom(() => raised(ownData(tf.sum(tf.square(delta_RTO), 2)), delta_RTO.shape[2])),
  };
}

/** Σ of squares over what each position sees; a window's channels are summed once, not once for every window. */
function inputSquares(view: View): tf.Tensor {
  const { source, cuts } = view;
  const [own] = cuts ?? [];
  if (cuts === undefined || own === undefined) return tf.sum(tf.square(cut(view)), 2);
  const [, height, width] = source.shape;
  const seen = tf.slice(source, [0, 0, 0, own.channel], [-1, height ?? 1, width ?? 1, own.channels]);
  const squared: tf.Tensor4D = tf.sum(tf.square(seen), 3, true);
  return tf.sum(cut(withoutChannels({ ...view, cuts }, squared)), 2);
}

/** Float32 sums over a position's `width` numbers, added in float64 over positions and raised by their error. */
function squares(sums_RT: tf.Tensor, [records, positions, width]: readonly [number, number, number]): Float64Array {
  const sums = ownData(sums_RT);
  return Float64Array.from({ length: records }, (_, row) => {
    let sum = 0;
    for (let t = row * positions; t < (row + 1) * positions; t++) sum += sums[t] ?? 0;
    return sum * (1 + float32Error(width + 3)) + positions * width * UNDERFLOW;
  });
}

/**
 * ‖Σ_t a_t ⊗ g_t‖² = Σ_{s,t} (a_s·a_t)(g_s·g_t), over all positions of all the patient's records. Float32 products err
 * by at most γ of Σ_{s,t} ‖a_s‖‖a_t‖‖g_s‖‖g_t‖ = (Σ_t ‖a_t‖‖g_t‖)², which is added: never too small.
 */
export function ghostNorms(use: ProductUse, rowStart: RowStart): BlockNorms {
  const [records, positions, inputs] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const norms = noNorms(rowStart.length - 1, records);
  const { input, delta } = positionSquares(use);
  for (let row = 0; row < records; row++) {
    let triangle = 0;
    let largest = 0;
    for (let t = row * positions; t < (row + 1) * positions; t++) {
      const [own, ownDelta] = [input[t] ?? Number.NaN, delta[t] ?? Number.NaN];
      triangle += Math.sqrt(own * ownDelta);
      largest = Math.max(largest, own, ownDelta);
    }
    norms.triangleSquared_R[row] = triangle ** 2;
    norms.largest_R[row] = Math.sqrt(largest);
  }
  const alone_R = numbersFrom(() => rowSums(gram(cut(use.input_RTI)), gram(use.delta_RTO), records));
  forPatients(rowStart, (patient, first, end) => {
    const count = end - first;
    let triangle = 0;
    let largest = 0;
    for (let row = first; row < end; row++) {
      triangle += Math.sqrt(norms.triangleSquared_R[row] ?? 0);
      largest = Math.max(largest, norms.largest_R[row] ?? 0);
    }
    const own = count === 1 ? (alone_R[first] ?? Number.NaN) : crossedGram(use, first, count);
    const places = count * positions;
    norms.squared_P[patient] =
      own +
      float32Error(inputs + outputs + 3 * places + 4) * triangle ** 2 +
      places ** 2 * UNDERFLOW * (1 + (inputs + outputs) * largest ** 2);
  });
  return norms;
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

/** Σ of the elementwise product for each record: rows in float32, their sum in float64. */
function rowSums(a_RTT: tf.Tensor3D, b_RTT: tf.Tensor3D, records: number): Float64Array {
  const rows = ownData(tf.sum(tf.mul(a_RTT, b_RTT), 2));
  const positions = rows.length / records;
  return Float64Array.from({ length: records }, (_, row) => {
    let sum = 0;
    for (let t = row * positions; t < (row + 1) * positions; t++) sum += rows[t] ?? 0;
    return sum;
  });
}

/**
 * Gradients are formed, some records at a time; their squares are summed in float32 rows, raised, then in float64.
 * `largest` takes each of the window's places to see all of the input.
 */
export function formedNorms(use: ProductUse, rowStart: RowStart, formed: FormedGradients): BlockNorms {
  const { input_RTI, delta_RTO } = use;
  const [records] = input_RTI.shape;
  const outputs = delta_RTO.shape[2];
  const norms = noNorms(rowStart.length - 1, records);
  const seen = flatSquares(input_RTI.source, records);
  const deltas = flatSquares(delta_RTO, records);
  for (let row = 0; row < records; row++) {
    const input = (input_RTI.cuts?.length ?? 1) * (seen[row] ?? Number.NaN);
    norms.largest_R[row] = Math.sqrt(Math.max(input, deltas[row] ?? Number.NaN));
  }
  const squaresOf = (gradient_RIO: tf.Tensor3D): Float64Array => {
    const [count, inputs] = gradient_RIO.shape;
    return numbersFrom(() => squares(tf.sum(tf.square(gradient_RIO), 2), [count, inputs, outputs]));
  };
  formed.forNorms(use, (gradient_RIO, first) => {
    for (const [i, square] of squaresOf(gradient_RIO).entries()) norms.triangleSquared_R[first + i] = square;
    forPatients(rowStart, (patient, start, end) => {
      const count = end - start;
      if (start < first || end > first + gradient_RIO.shape[0] || count < 2) return;
      const sum = numbersFrom(() => {
        const own = tf.slice(gradient_RIO, [start - first, 0, 0], [count, -1, -1]);
        return squaresOf(tf.expandDims(tf.sum(own, 0), 0) as tf.Tensor3D)[0] ?? Number.NaN;
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

/** ‖values‖² of each record, to a few digits: good for what is finite and how large it is, not for clipping. */
function flatSquares(values: tf.Tensor, records: number): Float64Array {
  return Float64Array.from(
    numbersFrom(() => ownData(tf.sum(tf.square(tf.reshape(values, [records, values.size / records])), 1))),
  );
}
