import { z } from "zod";
import { assert } from "../failure/failure.ts";

/** What one site tells of its canaries: how many there were, how many coins it guessed, and how many of them right. */
export const CanaryGuesses = z
  .strictObject({
    count: z.number().int().min(1).max(10_000),
    guesses: z.number().int().min(1).max(10_000),
    correct: z.number().int().nonnegative(),
  })
  .refine(({ count, guesses, correct }) => guesses <= count && correct <= guesses, "correct ≤ guesses ≤ count");
export type CanaryGuesses = z.infer<typeof CanaryGuesses>;

/**
 * Guesses that the canaries of the highest scores trained and those of the lowest did not, `guesses` of them in all,
 * and abstains from the rest (Steinke, Nasr & Jagielski 2023, §2). Scores come from the released model, public models
 * and the canaries; equal ones go by their place, which says nothing of the coin. Of the coins only the number of right
 * guesses goes out, and that hangs on no patient but through the released model.
 */
export function guessCanaries(scores: Float64Array, coins: Uint8Array, guesses: number): CanaryGuesses {
  assert(scores.length === coins.length && guesses <= scores.length, "each canary has a score and a coin");
  const worst = Number.NEGATIVE_INFINITY;
  const of = (canary: number): number => (Number.isNaN(scores[canary]) ? worst : (scores[canary] ?? worst));
  const order = Array.from(scores.keys()).sort((a, b) => (of(b) === of(a) ? a - b : of(b) > of(a) ? 1 : -1));
  const asIn = Math.ceil(guesses / 2);
  const right = (canary: number, coin: 0 | 1): number => Number(coins[canary] === coin);
  const correct =
    order.slice(0, asIn).reduce((sum, canary) => sum + right(canary, 1), 0) +
    order.slice(order.length - (guesses - asIn)).reduce((sum, canary) => sum + right(canary, 0), 0);
  return CanaryGuesses.parse({ count: scores.length, guesses, correct });
}
