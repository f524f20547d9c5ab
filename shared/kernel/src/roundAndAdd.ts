import { float32, float64, int32, kernel, PIECE_VALUES, region, upTo, wipe } from "./instance.ts";

/** The grids as the loop needs them; `clamp` and |noise| are below 2³⁰, in fine steps. */
export interface Rounding {
  /** Fine steps in one unit of the sum. */
  readonly perStep: number;
  /** Bound of a rounded sum, in fine steps: an integer. */
  readonly clamp: number;
  /** A coarse step is 2^shift fine ones. */
  readonly shift: number;
  /** Bound of what comes out, in coarse steps. */
  readonly limit: number;
}

/** noise ← saturate(coarse(round(clamp(sum)) + noise)), NaN counting as 0; nothing of either stays behind. */
export function roundAndAdd(sum: Float32Array | Float64Array, noise: Int32Array, rounding: Rounding): void {
  const { perStep, clamp, shift, limit } = rounding;
  const [atSum, atNoise] = [region(0), region(1)];
  for (let from = 0; from < noise.length; from += PIECE_VALUES) {
    const end = Math.min(noise.length, from + PIECE_VALUES);
    const count = upTo(4, end - from);
    int32.set(noise.subarray(from, end), atNoise / 4);
    if (sum instanceof Float32Array) {
      float32.set(sum.subarray(from, end), atSum / 4);
      kernel.roundAndAddFloat32(atSum, atNoise, count, perStep, clamp, shift, limit);
    } else {
      float64.set(sum.subarray(from, end), atSum / 8);
      kernel.roundAndAddFloat64(atSum, atNoise, count, perStep, clamp, shift, limit);
    }
    noise.set(int32.subarray(atNoise / 4, atNoise / 4 + end - from), from);
  }
  wipe(atSum, region(2));
}
