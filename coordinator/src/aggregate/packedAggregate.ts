import { createHash } from "node:crypto";
import { aggregateBits, type Grid } from "@consilium/shared/contribution/grid";
import { packedBytes, packIntegers } from "@consilium/shared/contribution/pack";
import type { BlobReference } from "@consilium/shared/protocol/messages";
import { Digest } from "@consilium/shared/units/identity";

/** A multiple of 8, so that chunks of any number of bits end on whole bytes and simply follow one another. */
const CHUNK_VALUES = 1 << 18;

/** Bits of an aggregate's values: enough for any sum of so many contributions. */
export function bitsOfAggregate(grid: Grid, contributors: number): number {
  return aggregateBits(grid.bits, contributors);
}

export function bytesOfAggregate(grid: Grid, contributors: number): number {
  return packedBytes(grid.dimension, bitsOfAggregate(grid, contributors));
}

/** A sum's packed form, chunk by chunk: a large one is never in memory as a whole. */
export function* packedChunks(sum: Int32Array, bits: number): Generator<Uint8Array> {
  for (let start = 0; start < sum.length; start += CHUNK_VALUES) {
    yield packIntegers(sum.subarray(start, Math.min(sum.length, start + CHUNK_VALUES)), bits);
  }
}

/** Hands every chunk to `write` and names the whole by its digest. */
export async function writePacked(
  sum: Int32Array,
  bits: number,
  write: (chunk: Uint8Array) => Promise<unknown>,
): Promise<BlobReference> {
  const hash = createHash("sha256");
  let bytes = 0;
  for (const chunk of packedChunks(sum, bits)) {
    hash.update(chunk);
    bytes += chunk.length;
    await write(chunk);
  }
  return { digest: Digest.parse(hash.digest("hex")), bytes };
}
