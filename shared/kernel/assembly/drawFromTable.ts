/**
 * Draws from an alias table, one for each random word: `words` [count] become slots less `radius`; `count` is a
 * positive multiple of 4. slot = u mod N; v = u >>> indexBits; the slot where v < threshold, else its alias: a choice
 * without a branch. `table` [N = 2^indexBits] holds a threshold's top bits, then the alias' index.
 *
 * Where v = threshold further bits must decide: the number's group of four stays as it was, and its index is written
 * to `ties` [count / 4]. Returns how many such groups there are. That branch is taken about once in 2¹⁵ groups and
 * looks at nothing but fresh random bits.
 */
export function drawFromTable(words: usize, table: usize, count: i32, indexBits: i32, radius: i32, ties: usize): i32 {
  const mask: u32 = (1 << indexBits) - 1;
  const masks = i32x4.splat(mask);
  const begin = words;
  const end = words + ((<usize>count) << 2);
  const tiesBegin = ties;
  do {
    const draws = v128.load(words);
    let entries = v128.load32_zero(table + ((load<u32>(words) & mask) << 2));
    entries = v128.load32_lane(table + ((load<u32>(words, 4) & mask) << 2), entries, 1);
    entries = v128.load32_lane(table + ((load<u32>(words, 8) & mask) << 2), entries, 2);
    entries = v128.load32_lane(table + ((load<u32>(words, 12) & mask) << 2), entries, 3);
    const sides = i32x4.sub(i32x4.shr_u(draws, indexBits), i32x4.shr_u(entries, indexBits));
    if (i32x4.all_true(sides)) {
      // Both are below 2³⁰, so the difference's sign says which is less.
      const chosen = v128.bitselect(draws, entries, i32x4.shr_s(sides, 31));
      v128.store(words, i32x4.sub(v128.and(chosen, masks), i32x4.splat(radius)));
    } else {
      store<i32>(ties, <i32>((words - begin) >> 4));
      ties += 4;
    }
    words += 16;
  } while (words < end);
  return <i32>((ties - tiesBegin) >> 2);
}

/** Sums `first + step · second` of neighbours: `draws` [2 · count] to `sums` [count], a multiple of 4. */
export function sumPairs(draws: usize, sums: usize, count: i32, step: i32): void {
  const end = sums + ((<usize>count) << 2);
  const steps = i32x4.splat(step);
  do {
    const one = v128.load(draws);
    const other = v128.load(draws, 16);
    const first = v128.shuffle<u32>(one, other, 0, 2, 4, 6);
    const second = v128.shuffle<u32>(one, other, 1, 3, 5, 7);
    v128.store(sums, i32x4.add(first, i32x4.mul(second, steps)));
    draws += 32;
    sums += 16;
  } while (sums < end);
}
