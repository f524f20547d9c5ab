import { batchMatMul } from "@consilium/engine/batchMatMul";
import { cut, type ProductUse } from "@consilium/engine/use";
import * as tf from "@tensorflow/tfjs-core";
import type { RowStart } from "./norms.ts";

/** Formed gradients of a block that the device holds at once. */
const MATERIALISED_BYTES = 64 * 2 ** 20;

/**
 * Whether a block's gradients are formed record by record, rather than their norm found from pairs of positions: the
 * cheaper of I·O and 2T² (mixed ghost clipping: Bu et al. 2022, arXiv:2205.10683, §4). A formed gradient is a function
 * of its patient alone, so that many positions don't loosen the sums' proof either.
 */
export function isMaterialised(positions: number, inputs: number, outputs: number): boolean {
  return positions > 1 && 2 * positions ** 2 > inputs * outputs;
}

export function materialises({ input_RTI, delta_RTO }: ProductUse): boolean {
  const [, positions, inputs] = input_RTI.shape;
  return isMaterialised(positions, inputs, delta_RTO.shape[2]);
}

/**
 * Forms the gradients aᵀg of all records, some at a time, and hands them over with the first one's row; they are the
 * same bits each time. A patient's records come together.
 */
export function forEachMaterialised(
  use: ProductUse,
  rowStart: RowStart,
  visit: (gradient_RIO: tf.Tensor3D, first: number) => void,
): void {
  const [records, positions, inputs] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const most = Math.max(1, Math.floor(MATERIALISED_BYTES / (4 * inputs * outputs)));
  const input_RTI = tf.tidy(() => cut(use.input_RTI));
  try {
    for (let first = 0; first < records; ) {
      const end = chunkEnd(first, most, records, rowStart);
      const gradient_RIO = tf.tidy((): tf.Tensor3D => {
        const input = tf.slice(input_RTI, [first, 0, 0], [end - first, positions, inputs]);
        const delta = tf.slice(use.delta_RTO, [first, 0, 0], [end - first, positions, outputs]);
        return batchMatMul(tf.transpose(input, [0, 2, 1]), delta);
      });
      visit(gradient_RIO, first);
      gradient_RIO.dispose();
      first = end;
    }
  } finally {
    if (input_RTI !== use.input_RTI.source) input_RTI.dispose();
  }
}

/** The last row + 1 of a chunk of about `most` rows that cuts no patient. */
export function chunkEnd(first: number, most: number, records: number, rowStart: RowStart): number {
  if (first + most >= records) return records;
  let end = first + most;
  for (let patient = 0; patient + 1 < rowStart.length; patient++) {
    const [start, next] = [rowStart[patient] ?? 0, rowStart[patient + 1] ?? 0];
    if (start < end && next > end) end = start > first ? start : next;
  }
  return end;
}
