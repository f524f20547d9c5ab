import type { LedgerEvent } from "../event/recordEvent.ts";

/**
 * How often each event was charged, in the order of each one's first. Counts rather than a sum of curves: they are
 * taken back without a trace, and a million equal charges are one product. One object stands for all equal events
 * (`LedgerState.events`); where two did, the sum would be the same.
 */
export type Tally = Map<LedgerEvent, number>;
export type ReadonlyTally = ReadonlyMap<LedgerEvent, number>;

export const NOTHING_TALLIED: ReadonlyTally = new Map();

/** Counts of several at once. */
export function mergedTally(tallies: Iterable<ReadonlyTally>): ReadonlyTally {
  const merged: Tally = new Map();
  for (const tally of tallies) for (const [event, times] of tally) merged.set(event, (merged.get(event) ?? 0) + times);
  return merged;
}

/** Whether a charge of training patients is a step's, not the audit's. */
export function isTraining({ kind }: Pick<LedgerEvent, "kind">): boolean {
  return kind === "poisson-gaussian" || kind === "post-processing";
}

/** Training steps alone: on training patients that is the training, and whatever else is charged there the audit. */
export function stepsOf(tally: ReadonlyTally): ReadonlyTally {
  return new Map([...tally].filter(([event]) => isTraining(event)));
}
