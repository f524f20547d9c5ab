import { bytes, float32, float64, int32, kernel, PIECE_VALUES, region, upTo, wipe } from "./instance.ts";
import { NARROW_BITS_MAX } from "./packIntegers.ts";
import type { Rounding } from "./roundAndAdd.ts";

/**
 * `roundAndAdd`, then `packIntegers` with `bits` bits, in one pass over memory: a piece is packed while it is in the
 * processor's cache. The noise is overwritten with zeros as it is read; `packed` has ⌈count · bits / 8⌉ bytes.
 */
export function addAndPack(
  sum: Float32Array | Float64Array,
  noise: Int32Array,
  rounding: Rounding,
  bits: number,
  packed: Uint8Array,
): void {
  const { perStep, clamp, shift, limit } = rounding;
  const [atSum, atNoise, atPacked] = [region(0), region(1), region(2)];
  try {
    for (let from = 0; from < noise.length; from += PIECE_VALUES) {
      const end = Math.min(noise.length, from + PIECE_VALUES);
      const count = upTo(8, end - from);
      const ownNoise = noise.subarray(from, end);
      int32.set(ownNoise, atNoise / 4);
      ownNoise.fill(0);
      const ownSum = sum.subarray(from, end);
      if (ownSum instanceof Float32Array) {
        float32.set(ownSum, atSum / 4);
        kernel.roundAndAddFloat32(atSum, atNoise, count, perStep, clamp, shift, limit);
      } else {
        float64.set(ownSum, atSum / 8);
        kernel.roundAndAddFloat64(atSum, atNoise, count, perStep, clamp, shift, limit);
      }
      int32.fill(0, atNoise / 4 + end - from, atNoise / 4 + count);
      if (bits <= NARROW_BITS_MAX) kernel.packNarrow(atNoise, atPacked, count, bits);
      else kernel.packWide(atNoise, atPacked, count, bits);
      const size = Math.ceil(((end - from) * bits) / 8);
      packed.set(bytes.subarray(atPacked, atPacked + size), (from * bits) / 8);
    }
  } finally {
    wipe(atSum, region(3));
  }
}
