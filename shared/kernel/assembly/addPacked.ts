/**
 * Adds to `sum` [count] the integers that `packIntegers` packed to `packed`; `count` is a positive multiple of 8. Returns
 * whether all are within ±(2^(bits−1) − 1), so not the one number that saturation never makes. 2 ≤ bits ≤ 25: with up
 * to 7 bits before them in their first byte they lie in 4 bytes. Reads up to 16 bytes beyond the last.
 */
export function addPackedNarrow(packed: usize, sum: usize, count: i32, bits: i32, shape: usize): bool {
  const end = sum + ((<usize>count) << 2);
  const drop = 32 - bits;
  const lowest = i32x4.splat(-1 << (bits - 1));
  // Of eight integers, which begin at a whole byte, the second four begin `half` bytes and perhaps 4 bits later.
  const half = <usize>(bits >> 1);
  for (let lane = 0; lane < 8; lane++) {
    const from = lane * bits - (lane < 4 ? 0 : (<i32>half) << 3);
    store<i32>(shape + (lane << 2), 0x03020100 + 0x01010101 * (from >> 3));
    // A power of two that moves the top bit to the lane's: a shift by another number in each lane.
    store<i32>(shape + (lane << 2), 1 << (drop - (from & 7)), 32);
  }
  const firstBytes = v128.load(shape);
  const secondBytes = v128.load(shape, 16);
  const firstShifts = v128.load(shape, 32);
  const secondShifts = v128.load(shape, 48);
  let below = i32x4.splat(0);
  do {
    const first = i32x4.shr_s(i32x4.mul(i8x16.swizzle(v128.load(packed), firstBytes), firstShifts), drop);
    const second = i32x4.shr_s(i32x4.mul(i8x16.swizzle(v128.load(packed + half), secondBytes), secondShifts), drop);
    below = v128.or(below, v128.or(i32x4.eq(first, lowest), i32x4.eq(second, lowest)));
    v128.store(sum, i32x4.add(v128.load(sum), first));
    v128.store(sum, i32x4.add(v128.load(sum, 16), second), 16);
    packed += bits;
    sum += 32;
  } while (sum < end);
  return !v128.any_true(below);
}

/** The same for up to 32 bits, which may lie over 5 bytes. */
export function addPackedWide(packed: usize, sum: usize, count: i32, bits: i32): bool {
  const end = sum + ((<usize>count) << 2);
  const lowest: i32 = -1 << (bits - 1);
  let below = false;
  for (let at: usize = 0; sum < end; sum += 4, at += bits) {
    const word = load<i64>(packed + (at >> 3));
    const value = <i32>((word << (64 - bits - (at & 7))) >> (64 - bits));
    below = below || value === lowest;
    store<i32>(sum, load<i32>(sum) + value);
  }
  return !below;
}
