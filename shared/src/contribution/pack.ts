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
    filled += bits;
    if (filled >= 32) {
      words[at++] = word;
      filled -= 32;
      word = filled === 0 ? 0 : value >>> (bits - filled);
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
  readonly #words = new Uint32Array(16_384);
  readonly #scratch = new Uint8Array(this.#words.buffer);
  #received = 0;
  #waiting = 0;
  #value = 0;
  #word = 0;
  #wordBits = 0;

  constructor(into: Int32Array, bits: number) {
    assert(LITTLE_ENDIAN, "this machine stores numbers little-endian, as the wire does");
    assert(Number.isInteger(bits) && bits >= 2 && bits <= PACKED_BITS_MAX, "2 to 32 bits");
    this.#into = into;
    this.#bits = bits;
    this.#bytes = packedBytes(into.length, bits);
  }

  push(chunk: Uint8Array): void {
    if (this.#received + chunk.length > this.#bytes) throw malformed("is longer than its numbers take");
    this.#received += chunk.length;
    for (let taken = 0; taken < chunk.length; ) {
      const part = Math.min(chunk.length - taken, this.#scratch.length - this.#waiting);
      this.#scratch.set(chunk.subarray(taken, taken + part), this.#waiting);
      taken += part;
      this.#waiting += part;
      const words = this.#waiting >>> 2;
      this.#add(words);
      this.#scratch.copyWithin(0, words * 4, this.#waiting);
      this.#waiting -= words * 4;
    }
  }

  /** Call when the last byte was pushed. */
  finish(): void {
    if (this.#received !== this.#bytes) throw malformed("is shorter than its numbers take");
    this.#scratch.fill(0, this.#waiting, 4);
    if (this.#waiting > 0) this.#add(1);
    if (this.#word !== 0) throw malformed("has bits set after its last number");
  }

  #add(words: number): void {
    const into = this.#into;
    const source = this.#words;
    const bits = this.#bits;
    const lowest = bits === 32 ? -(2 ** 31) : -(1 << (bits - 1));
    const drop = 32 - bits;
    const count = into.length;
    let at = this.#value;
    let word = this.#word;
    let wordBits = this.#wordBits;
    let refused = false;
    for (let next = 0; next < words; ) {
      // Here fewer than `bits` bits are left in `word`: the next value takes its upper bits from the next word.
      const fresh = source[next++] ?? 0;
      const value = ((word | (fresh << wordBits)) << drop) >> drop;
      const used = bits - wordBits;
      if (at >= count) {
        word |= fresh;
        continue;
      }
      refused ||= value === lowest;
      into[at] = (into[at] ?? 0) + value;
      at++;
      word = used === 32 ? 0 : fresh >>> used;
      wordBits = 32 - used;
      for (; wordBits >= bits && at < count; at++, wordBits -= bits) {
        const whole = (word << drop) >> drop;
        refused ||= whole === lowest;
        into[at] = (into[at] ?? 0) + whole;
        word >>>= bits;
      }
    }
    this.#value = at;
    this.#word = word;
    this.#wordBits = wordBits;
    if (refused) throw malformed("holds a number outside its range");
  }
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
