import { bytes, int32, kernel, PIECE_VALUES, region } from "./instance.ts";

/** Up to so many bits, and up to 7 before them in the first byte, lie in four bytes. */
const NARROW_BITS_MAX = 25;

/**
 * Adds to `sum` the integers that `packIntegers` packed; their number is a multiple of 8, `packed` holds them and
 * nothing else. False where one is −2^(bits−1), which packing never makes: then `sum` is of no use.
 */
export function addPacked(packed: Uint8Array, sum: Int32Array, bits: number): boolean {
  const [atPacked, atSum, atShape] = [region(0), region(1), region(2)];
  let isInRange = true;
  for (let from = 0; from < sum.length; from += PIECE_VALUES) {
    const end = Math.min(sum.length, from + PIECE_VALUES);
    const count = end - from;
    bytes.set(packed.subarray((from * bits) / 8, (end * bits) / 8), atPacked);
    int32.set(sum.subarray(from, end), atSum / 4);
    const added =
      bits <= NARROW_BITS_MAX
        ? kernel.addPackedNarrow(atPacked, atSum, count, bits, atShape)
        : kernel.addPackedWide(atPacked, atSum, count, bits);
    isInRange &&= added !== 0;
    sum.set(int32.subarray(atSum / 4, atSum / 4 + count), from);
  }
  return isInRange;
}
