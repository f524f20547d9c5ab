import { assert } from "@consilium/shared/failure/failure";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { SamplingRate } from "@consilium/shared/units/privacy";

/** Patients of one step, as rising indices into the prepared patients; may be empty. */
export interface Batch {
  readonly patients: Int32Array;
}

/** Draws fetched from the source at a time. */
const DRAWS = 4096;

/**
 * Poisson sampling: each of `patients` joins with probability exactly q, independently of all others, as the accounting
 * assumes. The draw is privacy randomness: never seeded, logged or sent.
 */
export function poissonSample(patients: Int32Array, samplingRate: SamplingRate, random: RandomSource): Batch {
  const joined: number[] = [];
  for (let start = 0; start < patients.length; start += DRAWS) {
    const draws = Math.min(DRAWS, patients.length - start);
    const bytes = random.bytes(draws * 8);
    assert(bytes.length === draws * 8, "a random source gives what was asked for");
    const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = 0; i < draws; i++) {
      if (below(uniform53(words, i * 8), samplingRate, random)) joined.push(patients[start + i] ?? 0);
    }
  }
  return { patients: Int32Array.from(joined) };
}

/** An integer uniform on [0, 2⁵³). */
function uniform53(words: DataView, at: number): number {
  return (words.getUint32(at) >>> 11) * 2 ** 32 + words.getUint32(at + 4);
}

/**
 * Whether a uniform number in [0, 1), whose first 53 bits are `first`, is below `rate`: exact for every float64 rate.
 * A rate's digits may go on past 53 bits; on a tie the next 53 bits of both decide.
 */
function below(first: number, rate: number, random: RandomSource): boolean {
  let draw = first;
  let rest = rate;
  for (;;) {
    const scaled = rest * 2 ** 53;
    const digits = Math.floor(scaled);
    if (draw !== digits) return draw < digits;
    rest = scaled - digits;
    if (rest === 0) return false;
    const bytes = random.bytes(8);
    draw = uniform53(new DataView(bytes.buffer, bytes.byteOffset, 8), 0);
  }
}
