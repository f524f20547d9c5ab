/**
 * Properties draw the same cases in every run: a check that guards a change must not fail by luck on another one's.
 * `CONSILIUM_TEST_SEED=random` explores (a failure prints its seed), a number repeats what it found.
 */
import fc from "fast-check";

const asked = process.env.CONSILIUM_TEST_SEED ?? "20251";
if (asked !== "random") {
  const seed = Number(asked);
  if (!Number.isSafeInteger(seed)) throw new Error(`CONSILIUM_TEST_SEED is "random" or a whole number, not ${asked}`);
  fc.configureGlobal({ seed });
}
