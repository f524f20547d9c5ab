import { bytes, int32, kernel, region, TABLE, TABLE_SLOTS_MAX, upTo, wipe } from "./instance.ts";

/** An alias table; see `shared/src/mechanism/aliasTable.ts`. */
export interface DrawTable {
  /** N = 2^indexBits slots: a threshold's top 32 − indexBits bits, then the alias' index. */
  readonly packed: Int32Array;
  readonly indexBits: number;
  /** Slot s stands for the value s − radius. */
  readonly radius: number;
}

/** Where draws come from. */
export interface Draws {
  readonly table: DrawTable;
  /** Fills memory with fresh random bits. */
  fill(words: Uint8Array): void;
  /** What a word draws, by further bits where its top bits are its slot's threshold; asked for a tie's whole group. */
  settle(word: number): number;
}

/** Random words that are fetched and turned to values at once. */
const WORDS = 1 << 16;

/** One draw to each value. */
export function drawOnce(target: Int32Array, draws: Draws): void {
  for (let from = 0; from < target.length; from += WORDS) {
    const count = Math.min(WORDS, target.length - from);
    draw(count, draws);
    target.set(int32.subarray(AT_WORDS / 4, AT_WORDS / 4 + count), from);
  }
  wipe(AT_WORDS, AT_SUMS);
}

/** x₁ + step · x₂ to each value. */
export function drawTwice(target: Int32Array, step: number, draws: Draws): void {
  for (let from = 0; from < target.length; from += WORDS / 2) {
    const count = Math.min(WORDS / 2, target.length - from);
    draw(2 * count, draws);
    kernel.sumPairs(AT_WORDS, AT_SUMS, upTo(4, count), step);
    target.set(int32.subarray(AT_SUMS / 4, AT_SUMS / 4 + count), from);
  }
  wipe(AT_WORDS, TABLE);
}

/** 2¹⁶ words take four regions, 2¹⁵ sums two; ties need one number for each group of four words, which are few. */
const AT_WORDS = region(0);
const AT_SUMS = region(4);
const AT_TIES = region(6);
const GROUP = 4;

function draw(count: number, { table, fill, settle }: Draws): void {
  keep(table);
  fill(bytes.subarray(AT_WORDS, AT_WORDS + 4 * count));
  const ties = kernel.drawFromTable(AT_WORDS, TABLE, upTo(GROUP, count), table.indexBits, table.radius, AT_TIES);
  for (const group of int32.slice(AT_TIES / 4, AT_TIES / 4 + ties)) {
    for (let word = GROUP * group; word < Math.min(count, GROUP * (group + 1)); word++) {
      int32[AT_WORDS / 4 + word] = settle(int32[AT_WORDS / 4 + word] ?? 0);
    }
  }
}

let kept: DrawTable | undefined;

/** Tables are public and few: the last one stays where it is. */
function keep(table: DrawTable): void {
  if (kept === table) return;
  if (table.packed.length > TABLE_SLOTS_MAX) throw new RangeError(`an alias table has up to ${TABLE_SLOTS_MAX} slots`);
  int32.set(table.packed, TABLE / 4);
  kept = table;
}
