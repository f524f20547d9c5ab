import { PrivacyEvent } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { type Charged, charged } from "./charged.ts";
import { bernoulliExp, uniformBelow } from "./exactBernoulli.ts";

/**
 * How good each public candidate is, as a count of patients: adding one patient raises each count by 0 or 1, so all
 * move one way.
 */
export interface Qualities {
  readonly kind: "qualities";
  readonly counts: readonly number[];
}

/** ε is a multiple of 2⁻²⁰: exact as a fraction for the sampler and as a float64 in the event. */
const TICKS = 2 ** 20;

/**
 * The best `picks` candidates, in the order in which they were drawn: one after another by the exponential mechanism,
 * P(i) ∝ exp(ε · count of i) among those that are left (McSherry & Talwar 2007; without the factor 1/2, since the
 * counts move one way: Dong, Durfee & Rogers 2020, arXiv:1909.13830, section 2). That is the law of one-shot Gumbel
 * noise on all counts, of which the largest are told (Durfee & Rogers 2019, arXiv:1905.04273, section 4). It is
 * drawn by rejection with exact coins, so that no floating-point logarithm tells more than the law does. The counts
 * themselves are not told. Of fewer candidates than picks all are told, and as many picks are charged as were planned.
 */
export function chooseBest(
  { counts }: Qualities,
  epsilon: number,
  picks: number,
  random: RandomSource,
): Charged<readonly number[]> {
  assert(counts.every(Number.isSafeInteger), "counts are integers");
  assert(picks >= 1 && counts.length >= 1, "something is picked among candidates");
  const left = counts.map((count, candidate) => ({ candidate, count }));
  const chosen: number[] = [];
  while (chosen.length < picks && left.length > 0) {
    const place = draw(
      left.map(({ count }) => count),
      epsilonTicks(epsilon),
      random,
    );
    const [picked] = left.splice(place, 1);
    assert(picked !== undefined, "a draw is one of those that are left");
    chosen.push(picked.candidate);
  }
  return charged(chosen, [exponentialMechanismEvent(epsilon, picks)]);
}

/** The event of `count` such picks: what to reserve before any of them is made. */
export function exponentialMechanismEvent(epsilon: number, count: number): PrivacyEvent {
  const kind = "exponential-mechanism";
  return PrivacyEvent.parse({ kind, adjacency: "add-remove", epsilon: epsilonTicks(epsilon) / TICKS, count });
}

/** One candidate at random is kept with probability exp(ε · (its count − the largest)): exact, and soon one is. */
function draw(counts: readonly number[], ticks: number, random: RandomSource): number {
  const best = Math.max(...counts);
  for (;;) {
    const place = Number(uniformBelow(BigInt(counts.length), random));
    const below = BigInt(best - (counts[place] ?? best)) * BigInt(ticks);
    if (bernoulliExp(below, BigInt(TICKS), random)) return place;
  }
}

/** Most ticks whose ε is not above the one asked for. */
function epsilonTicks(epsilon: number): number {
  const ticks = Math.floor(epsilon * TICKS);
  assert(ticks > 0 && epsilon <= 1e6, "ε of a choice is at least 2⁻²⁰ and at most 10⁶");
  return ticks;
}
