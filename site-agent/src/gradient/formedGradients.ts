import { recordGradients } from "@consilium/engine/recordGradients";
import type { ProductUse } from "@consilium/engine/use";
import type * as tf from "@tensorflow/tfjs-core";
import type { RowStart } from "./norms.ts";

/** Formed gradients of a block, and the inputs that they are made of, that the device holds for one product. */
const CHUNK_BYTES = 64 * 2 ** 20;
/** What waits, formed, from the norms to the sums; gradients beyond it are formed twice. */
const KEPT_BYTES = 256 * 2 ** 20;
/** Multiplications in the time that writing a formed number and reading it twice takes. */
const PRODUCTS_PER_FORMED = 16;

/**
 * Whether a block's norms come from gradients formed record by record, rather than from pairs of positions: the cheaper
 * of I·O numbers to hold and T² pairs of I + O products (mixed ghost clipping: Bu et al. 2022, arXiv:2205.10683, §4;
 * forming costs as much as the sum that it makes needless). A formed gradient is a function of its patient alone, so
 * that many positions don't loosen the sums' proof either; on libtensorflow up to last bits that can hang on the chunk's
 * size (SECURITY.md says so).
 */
export function isFormed(positions: number, inputs: number, outputs: number): boolean {
  return positions > 1 && positions ** 2 * (inputs + outputs) > PRODUCTS_PER_FORMED * inputs * outputs;
}

export function hasFormedNorm({ input_RTI, delta_RTO }: ProductUse): boolean {
  const [, positions, inputs] = input_RTI.shape;
  return isFormed(positions, inputs, delta_RTO.shape[2]);
}

/** Gradients of some records, the first one's row with them. */
interface Chunk {
  readonly gradient_RIO: tf.Tensor3D;
  readonly first: number;
}

type Visit = (gradient_RIO: tf.Tensor3D, first: number) => void;

/** Gradients aᵀg of a physical batch's records, formed for their norms and, as far as memory goes, kept for the sum. */
export class FormedGradients {
  readonly #rowStart: RowStart;
  readonly #kept = new Map<ProductUse, readonly Chunk[]>();
  #keptBytes = 0;

  constructor(rowStart: RowStart) {
    this.#rowStart = rowStart;
  }

  /** Some records at a time, a patient's together; the tensors are lent. */
  forNorms(use: ProductUse, visit: Visit): void {
    const [records, , inputs] = use.input_RTI.shape;
    const bytes = 4 * records * inputs * use.delta_RTO.shape[2];
    const isKept = this.#keptBytes + bytes <= KEPT_BYTES;
    const chunks: Chunk[] = [];
    if (isKept) {
      this.#keptBytes += bytes;
      this.#kept.set(use, chunks);
    }
    for (const chunk of form(use, this.#rowStart)) {
      if (isKept) chunks.push(chunk);
      try {
        visit(chunk.gradient_RIO, chunk.first);
      } finally {
        if (!isKept) chunk.gradient_RIO.dispose();
      }
    }
  }

  /** The same once more, and for the last time. */
  forSum(use: ProductUse, visit: Visit): void {
    const chunks = this.#kept.get(use) ?? form(use, this.#rowStart);
    this.#kept.delete(use);
    for (const { gradient_RIO, first } of chunks) {
      try {
        visit(gradient_RIO, first);
      } finally {
        gradient_RIO.dispose();
      }
    }
  }

  dispose(): void {
    for (const chunks of this.#kept.values()) for (const { gradient_RIO } of chunks) gradient_RIO.dispose();
    this.#kept.clear();
  }
}

function* form(use: ProductUse, rowStart: RowStart): Generator<Chunk> {
  const [records, positions, inputs] = use.input_RTI.shape;
  const outputs = use.delta_RTO.shape[2];
  const most = Math.max(1, Math.floor(CHUNK_BYTES / (4 * inputs * (outputs + positions))));
  for (let first = 0; first < records; ) {
    const end = chunkEnd(first, most, records, rowStart);
    yield { gradient_RIO: recordGradients(use, first, end - first), first };
    first = end;
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
