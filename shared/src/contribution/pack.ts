import { addPacked } from "@consilium/kernel/addPacked";
import { packIntegers as packTo } from "@consilium/kernel/packIntegers";
import { assert, Failure } from "../failure/failure.ts";
import type { AccountedSum, Contribution } from "./stages.ts";

/** Widest packed integer. */
export const PACKED_BITS_MAX = 32;

/** Bytes that `count` integers of `bits` take: no header, no gaps, the last byte filled up with zero bits. */
export function packedBytes(count: number, bits: number): number {
  return Math.ceil((count * bits) / 8);
}

/**
 * The encoder of what leaves a site, beside `noisedContribution`, which does the same. `memory` serves one contribution
 * after another, each gone before the next.
 */
export function packContribution(sum: AccountedSum, memory?: Uint8Array): Contribution {
  const { bits } = sum.grid;
  const bytes = packIntegers(sum.values, bits, memory);
  const contribution = { bytes, bits, count: sum.values.length, event: sum.event };
  return contribution as Contribution;
}

/**
 * Packs integers within ±(2^(bits−1) − 1) as two's complement of `bits` bits, least significant bit first, one after
 * another. The caller keeps them in range: contributions are saturated, aggregates have bits for every site.
 */
export function packIntegers(
  values: Int32Array,
  bits: number,
  into: Uint8Array = new Uint8Array(packedBytes(values.length, bits)),
): Uint8Array {
  assert(LITTLE_ENDIAN, "this machine stores numbers little-endian, as the wire does");
  assert(Number.isInteger(bits) && bits >= 2 && bits <= PACKED_BITS_MAX, "2 to 32 bits");
  assert(into.length === packedBytes(values.length, bits), "packed integers fill their memory");
  packTo(values, bits, into);
  return into;
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
  /** The begin of a block, when a chunk ends within one. */
  readonly #waiting: Uint8Array;
  #count = 0;
  #received = 0;
  /** Next value to be added to. */
  #at = 0;

  constructor(into: Int32Array, bits: number) {
    assert(LITTLE_ENDIAN, "this machine stores numbers little-endian, as the wire does");
    assert(Number.isInteger(bits) && bits >= 2 && bits <= PACKED_BITS_MAX, "2 to 32 bits");
    this.#into = into;
    this.#bits = bits;
    this.#bytes = packedBytes(into.length, bits);
    this.#waiting = new Uint8Array(bits);
  }

  push(chunk: Uint8Array): void {
    if (this.#received + chunk.length > this.#bytes) throw malformed("is longer than its numbers take");
    this.#received += chunk.length;
    const rest = this.#count === 0 ? chunk : this.#wait(chunk);
    if (this.#count === this.#bits && this.#blocksLeft() > 0) {
      this.#count = 0;
      this.#add(this.#waiting);
    }
    const whole = this.#bits * Math.min(this.#blocksLeft(), Math.floor(rest.length / this.#bits));
    this.#add(rest.subarray(0, whole));
    this.#wait(rest.subarray(whole));
  }

  /** Call when the last byte was pushed. */
  finish(): void {
    if (this.#received !== this.#bytes) throw malformed("is shorter than its numbers take");
    const last = this.#into.subarray(this.#at);
    assert(last.length < BLOCK_VALUES, "as many bytes as the numbers take hold all of them");
    if (last.length === 0) return;
    const block = new Int32Array(BLOCK_VALUES);
    const isInRange = addPacked(this.#waiting.fill(0, this.#count), block, this.#bits);
    if (!isInRange) throw malformed("holds a number outside its range");
    if (block.subarray(last.length).some((value) => value !== 0)) throw malformed("has bits set after its last number");
    for (const [i, value] of block.subarray(0, last.length).entries()) last[i] = (last[i] ?? 0) + value;
  }

  /** Whole blocks to come; the last numbers may be too few for one, though their bytes be as many. */
  #blocksLeft(): number {
    return Math.floor((this.#into.length - this.#at) / BLOCK_VALUES);
  }

  /** Keeps bytes up to the end of a block; returns those beyond. */
  #wait(chunk: Uint8Array): Uint8Array {
    const taken = chunk.subarray(0, this.#bits - this.#count);
    this.#waiting.set(taken, this.#count);
    this.#count += taken.length;
    return chunk.subarray(taken.length);
  }

  /** Adds whole blocks. */
  #add(blocks: Uint8Array): void {
    const end = this.#at + (blocks.length / this.#bits) * BLOCK_VALUES;
    const isInRange = addPacked(blocks, this.#into.subarray(this.#at, end), this.#bits);
    if (!isInRange) throw malformed("holds a number outside its range");
    this.#at = end;
  }
}

/** Eight values of any number of bits take whole bytes: as many as they have bits. */
const BLOCK_VALUES = 8;

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
