import { assert, Failure } from "../failure/failure.ts";
import type { Contribution, NoisySum } from "./stages.ts";

/** Widest packed integer. */
export const PACKED_BITS_MAX = 32;

/** Bytes that `count` integers of `bits` take: no header, no gaps, the last byte filled up with zero bits. */
export function packedBytes(count: number, bits: number): number {
  return Math.ceil((count * bits) / 8);
}

/** The only encoder of what leaves a site. */
export function packContribution(sum: NoisySum): Contribution {
  const { bits } = sum.grid;
  const contribution = { bytes: packIntegers(sum.values, bits), bits, count: sum.values.length, event: sum.event };
  return contribution as Contribution;
}

/**
 * Packs integers within ±(2^(bits−1) − 1) as two's complement of `bits` bits, least significant bit first, one after
 * another. The caller keeps them in range: contributions are saturated, aggregates have bits for every site.
 */
export function packIntegers(values: Int32Array, bits: number): Uint8Array {
  assert(LITTLE_ENDIAN, "this machine stores numbers little-endian, as the wire does");
  assert(Number.isInteger(bits) && bits >= 2 && bits <= PACKED_BITS_MAX, "2 to 32 bits");
  const bytes = packedBytes(values.length, bits);
  const words = new Uint32Array(Math.ceil(bytes / 4));
  const mask = bits === 32 ? -1 : (1 << bits) - 1;
  let word = 0;
  let filled = 0;
  let at = 0;
  for (let i = 0; i < values.length; i++) {
    const value = (values[i] ?? 0) & mask;
    word |= value << filled;
    const next = filled + bits;
    if (next < 32) {
      filled = next;
    } else {
      words[at++] = word;
      word = next === 32 ? 0 : value >>> (32 - filled);
      filled = next - 32;
    }
  }
  if (filled > 0) words[at] = word;
  return new Uint8Array(words.buffer, 0, bytes);
}

/**
 * Adds packed integers to a running sum as their bytes arrive, in chunks of any size: no second array of d values.
 * Strict: another length, a value below −(2^(bits−1) − 1) or a set bit after the last value is refused.
 * After a refusal the running sum is of no use.
 */
export class UnpackingSum {
  readonly #into: Int32Array;
  readonly #bits: number;
  readonly #bytes: number;
  readonly #waiting = new Uint8Array(WAITING_BYTES + BEYOND_BYTES);
  readonly #view = new DataView(this.#waiting.buffer);
  #received = 0;
  /** Bytes that wait, and the bits of their first byte that were used. */
  #count = 0;
  #usedBits = 0;
  /** Next value to be added to. */
  #at = 0;

  constructor(into: Int32Array, bits: number) {
    assert(Number.isInteger(bits) && bits >= 2 && bits <= PACKED_BITS_MAX, "2 to 32 bits");
    this.#into = into;
    this.#bits = bits;
    this.#bytes = packedBytes(into.length, bits);
  }

  push(chunk: Uint8Array): void {
    if (this.#received + chunk.length > this.#bytes) throw malformed("is longer than its numbers take");
    this.#received += chunk.length;
    for (let taken = 0; taken < chunk.length; ) {
      const part = Math.min(chunk.length - taken, WAITING_BYTES - this.#count);
      this.#waiting.set(chunk.subarray(taken, taken + part), this.#count);
      taken += part;
      this.#count += part;
      this.#add();
    }
  }

  /** Call when the last byte was pushed. */
  finish(): void {
    if (this.#received !== this.#bytes) throw malformed("is shorter than its numbers take");
    assert(this.#at === this.#into.length && this.#count <= 1, "as many bytes as the numbers take hold all of them");
    const last = this.#count === 0 ? 0 : (this.#waiting[0] ?? 0);
    if (last >>> this.#usedBits !== 0) throw malformed("has bits set after its last number");
  }

  /** Adds every number whose bits are all there; the rest moves to the front. */
  #add(): void {
    const bits = this.#bits;
    const ready = Math.floor((8 * this.#count - this.#usedBits) / bits);
    const count = Math.min(ready, this.#into.length - this.#at);
    const into = this.#into.subarray(this.#at, this.#at + count);
    const end = this.#usedBits + count * bits;
    const isInRange =
      bits <= ONE_LOAD_BITS_MAX
        ? addNarrow(into, bits, this.#view, this.#usedBits)
        : addWide(into, bits, this.#view, this.#usedBits);
    if (!isInRange) throw malformed("holds a number outside its range");
    this.#at += count;
    this.#waiting.copyWithin(0, end >>> 3, this.#count);
    this.#count -= end >>> 3;
    this.#usedBits = end & 7;
  }
}

/** Bytes that are unpacked at once; a number's bits are read as 4 or 5 bytes, so some beyond them must exist. */
const WAITING_BYTES = 1 << 16;
const BEYOND_BYTES = 8;

/** Up to so many bits, and up to 7 before them in the first byte, come with one load of 32. */
const ONE_LOAD_BITS_MAX = 25;

/** Adds the numbers that begin at bit `from`; false where one is out of range. */
function addNarrow(into: Int32Array, bits: number, view: DataView, from: number): boolean {
  const drop = 32 - bits;
  const lowest = -1 << (bits - 1);
  let isInRange = true;
  for (let i = 0, at = from; i < into.length; i++, at += bits) {
    const value = (view.getInt32(at >> 3, true) << (drop - (at & 7))) >> drop;
    if (value === lowest) isInRange = false;
    into[i] = (into[i] ?? 0) + value;
  }
  return isInRange;
}

/** The same for up to 32 bits, which may lie over 5 bytes. */
function addWide(into: Int32Array, bits: number, view: DataView, from: number): boolean {
  const drop = 32 - bits;
  const lowest = -1 << (bits - 1);
  let isInRange = true;
  for (let i = 0, at = from; i < into.length; i++, at += bits) {
    const skip = at & 7;
    const low = view.getInt32(at >> 3, true) >>> skip;
    const high = (view.getUint8((at >> 3) + 4) << 1) << (31 - skip);
    const value = ((low | high) << drop) >> drop;
    if (value === lowest) isInRange = false;
    into[i] = (into[i] ?? 0) + value;
  }
  return isInRange;
}

/** Adds all of `bytes` to `into`; see `UnpackingSum`. */
export function unpackInto(into: Int32Array, bits: number, bytes: Uint8Array): void {
  const sum = new UnpackingSum(into, bits);
  sum.push(bytes);
  sum.finish();
}

const LITTLE_ENDIAN = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1;

function malformed(how: string): Failure {
  return new Failure({
    code: "contribution/malformed",
    kind: "refused",
    what: `A packed vector ${how}.`,
    remedy: "Check that both sides hold the same study and version, then send it again.",
  });
}
