import type { RandomSource } from "@consilium/shared/random/randomSource";

/** First wait; the coordinator restarts within a second or two, and a round's deadline may be near. */
const FIRST_MS = 100;
const LONGEST_MS = 15_000;

/**
 * Wait before try `failures` + 1, doubling, spread over ± 50 % so that a consortium's sites don't return all at once.
 */
export function backOffMs(failures: number, random: RandomSource): number {
  return Math.min(FIRST_MS * 2 ** Math.min(failures, 20), LONGEST_MS) * (0.5 + fraction(random));
}

/** A draw from [0, 1), of 32 bits. */
export function fraction(random: RandomSource): number {
  return Buffer.from(random.bytes(4)).readUInt32LE(0) / 2 ** 32;
}
