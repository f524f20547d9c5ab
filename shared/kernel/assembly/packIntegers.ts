/**
 * Packs `values` [count], each within ±(2^(bits−1) − 1), as two's complement of `bits` bits, least significant bit
 * first, to `packed` [count · bits / 8 bytes]; 2 ≤ bits ≤ 16. `count` is a positive multiple of 8, so that every run
 * of eight takes whole bytes. Writes up to 8 bytes beyond them.
 */
export function packNarrow(values: usize, packed: usize, count: i32, bits: i32): void {
  const end = values + ((<usize>count) << 2);
  const mask = i32x4.splat((1 << bits) - 1);
  // Of eight integers the second four begin `half` bytes later, with an odd number of bits 4 bits further.
  const half = <usize>(bits >> 1);
  const halfBits: i64 = (<i64>half) << 3;
  const further: i64 = (bits & 1) << 2;
  const carried: u64 = (bits & 1) === 0 ? 0 : ~0;
  do {
    const first = fourOf(v128.and(v128.load(values), mask), bits);
    const second = fourOf(v128.and(v128.load(values, 16), mask), bits);
    store<u64>(packed, first);
    store<u64>(packed + half, (second << further) | ((first >> halfBits) & carried));
    values += 32;
    packed += bits;
  } while (values < end);
}

/** The same for up to 32 bits, by pairs: 64 bits are stored whenever they are full. */
export function packWide(values: usize, packed: usize, count: i32, bits: i32): void {
  const end = values + ((<usize>count) << 2);
  const mask = i32x4.splat(bits === 32 ? -1 : (1 << bits) - 1);
  const pairBits: u32 = bits << 1;
  let word: u64 = 0;
  let filled: u32 = 0;
  do {
    const pairs = pairsOf(v128.and(v128.load(values), mask), bits);
    const first: u64 = i64x2.extract_lane(pairs, 0);
    word |= first << filled;
    store<u64>(packed, word);
    word = filled + pairBits >= 64 ? beyond(first, filled) : word;
    packed += ((filled + pairBits) >> 6) << 3;
    filled = (filled + pairBits) & 63;
    const second: u64 = i64x2.extract_lane(pairs, 1);
    word |= second << filled;
    store<u64>(packed, word);
    word = filled + pairBits >= 64 ? beyond(second, filled) : word;
    packed += ((filled + pairBits) >> 6) << 3;
    filled = (filled + pairBits) & 63;
    values += 16;
  } while (values < end);
  store<u64>(packed, word);
}

/** What is left of a pair when 64 bits, `filled` of them before, are full. */
function beyond(pair: u64, filled: u32): u64 {
  return filled === 0 ? 0 : pair >> (64 - filled);
}

/** Two integers side by side in each of two lanes. */
function pairsOf(masked: v128, bits: i32): v128 {
  return v128.or(v128.and(masked, i64x2.splat(0xffffffff)), i64x2.shl(i64x2.shr_u(masked, 32), bits));
}

/** Four integers side by side, 4 · bits ≤ 64. */
function fourOf(masked: v128, bits: i32): u64 {
  const pairs = pairsOf(masked, bits);
  const upper: u64 = i64x2.extract_lane(pairs, 1);
  return i64x2.extract_lane(pairs, 0) | (upper << ((<u64>bits) << 1));
}
