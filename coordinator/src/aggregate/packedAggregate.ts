import { aggregateBits, type Grid } from "@consilium/shared/contribution/grid";
import { packIntegers } from "@consilium/shared/contribution/pack";

/** A multiple of 8, so that chunks of any number of bits end on whole bytes and simply follow one another. */
const CHUNK_VALUES = 1 << 18;

/** Bits of an aggregate's values: enough for any sum of so many contributions. */
export function bitsOfAggregate(grid: Grid, contributors: number): number {
  return aggregateBits(grid.bits, contributors);
}

/** A sum's packed form, chunk by chunk: a large one is never in memory as a whole. */
export function* packedChunks(sum: Int32Array, bits: number): Generator<Uint8Array> {
  for (let start = 0; start < sum.length; start += CHUNK_VALUES) {
    yield packIntegers(sum.subarray(start, Math.min(sum.length, start + CHUNK_VALUES)), bits);
  }
}
