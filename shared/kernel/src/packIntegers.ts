import { bytes, int32, kernel, PIECE_VALUES, region, upTo } from "./instance.ts";

/** Up to so many bits, four values fill at most 64. */
export const NARROW_BITS_MAX = 16;

/**
 * Packs values within ±(2^(bits−1) − 1) as two's complement of `bits` bits, 2 to 32, least significant bit first, one
 * after another; zero bits fill the last of ⌈count · bits / 8⌉ bytes.
 */
export function packIntegers(values: Int32Array, bits: number, packed: Uint8Array): void {
  const [atValues, atPacked] = [region(0), region(1)];
  for (let from = 0; from < values.length; from += PIECE_VALUES) {
    const end = Math.min(values.length, from + PIECE_VALUES);
    const count = upTo(8, end - from);
    int32.set(values.subarray(from, end), atValues / 4);
    int32.fill(0, atValues / 4 + end - from, atValues / 4 + count);
    if (bits <= NARROW_BITS_MAX) kernel.packNarrow(atValues, atPacked, count, bits);
    else kernel.packWide(atValues, atPacked, count, bits);
    const size = Math.ceil(((end - from) * bits) / 8);
    packed.set(bytes.subarray(atPacked, atPacked + size), (from * bits) / 8);
  }
}
