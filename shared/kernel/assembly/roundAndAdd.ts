/**
 * Rounds sums to the fine grid, adds noise, rounds the result to the coarse grid and saturates it. [count] each:
 * `sum` in gradient units, `noise` in fine steps, which becomes the result in coarse steps. Both stand for
 *   noise ← saturate((round(clamp(sum · perStep)) + noise + half) >> shift), NaN counting as 0, round half to even.
 * `count` is a positive multiple of 4. Integers wrap as 32-bit integers do.
 */
export function roundAndAddFloat32(
  sum: usize,
  noise: usize,
  count: i32,
  perStep: f64,
  clamp: f64,
  shift: i32,
  limit: i32,
): void {
  const end = noise + ((<usize>count) << 2);
  do {
    const values = v128.load(sum);
    const numbers = v128.and(values, f32x4.eq(values, values));
    const low = roundPair(f64x2.promote_low_f32x4(numbers), perStep, clamp);
    const high = roundPair(f64x2.promote_low_f32x4(v128.shuffle<u64>(numbers, numbers, 1, 1)), perStep, clamp);
    addAndSaturate(v128.shuffle<u32>(low, high, 0, 2, 4, 6), noise, shift, limit);
    sum += 16;
    noise += 16;
  } while (noise < end);
}

/** The same for sums in float64. */
export function roundAndAddFloat64(
  sum: usize,
  noise: usize,
  count: i32,
  perStep: f64,
  clamp: f64,
  shift: i32,
  limit: i32,
): void {
  const end = noise + ((<usize>count) << 2);
  do {
    const first = v128.load(sum);
    const second = v128.load(sum, 16);
    const low = roundPair(v128.and(first, f64x2.eq(first, first)), perStep, clamp);
    const high = roundPair(v128.and(second, f64x2.eq(second, second)), perStep, clamp);
    addAndSaturate(v128.shuffle<u32>(low, high, 0, 2, 4, 6), noise, shift, limit);
    sum += 32;
    noise += 16;
  } while (noise < end);
}

/**
 * 1.5 · 2⁵²: next to it doubles are one apart, so the sum with a number below 2⁵¹ is rounded to an integer, half to
 * even, and its lowest 32 bits are that integer's, negative ones in two's complement.
 */
const BESIDE_INTEGERS: f64 = 6755399441055744;

/** Two numbers as integers, in the lower halves of two lanes; |clamp| < 2³⁰. */
function roundPair(numbers: v128, perStep: f64, clamp: f64): v128 {
  const scaled = f64x2.mul(numbers, f64x2.splat(perStep));
  const inside = f64x2.pmin(f64x2.splat(clamp), f64x2.pmax(f64x2.splat(-clamp), scaled));
  return f64x2.add(inside, f64x2.splat(BESIDE_INTEGERS));
}

function addAndSaturate(fine: v128, noise: usize, shift: i32, limit: i32): void {
  const half: i32 = shift === 0 ? 0 : 1 << (shift - 1);
  const noisy = i32x4.add(i32x4.add(fine, v128.load(noise)), i32x4.splat(half));
  const coarse = i32x4.shr_s(noisy, shift);
  v128.store(noise, i32x4.max_s(i32x4.splat(-limit), i32x4.min_s(i32x4.splat(limit), coarse)));
}
