import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { simulate, type Tally } from "./ledgers.test-support.ts";

/** `CONSILIUM_LEDGER_COMMANDS=1000000` is the long run that CONTRIBUTING speaks of; it tells how far it came. */
const COMMANDS = Number(process.env.CONSILIUM_LEDGER_COMMANDS ?? 10_000);
const FIRST_SEED = Number(process.env.CONSILIUM_LEDGER_SEED ?? 1);
const COMMANDS_PER_SEED = 400;
const SEEDS_PER_LINE = 50;
/** Each showed a fault once, without stewards: a head not witnessed with charges taken over; one that two lost. */
const REMEMBERED = [32, 56, 143];
/**
 * A site that took charges over from the coordinator did not note the head that they came with; one that had accepted a
 * loss could not take what the coordinator counted since (restoreStory.test.ts tells that by itself). In 1704 a copy is
 * put back that announced a charge which nobody acted on, and whose name was given again since.
 */
const REMEMBERED_WITH_STEWARDS = [45, 253, 1704];
const isLong = process.env.CONSILIUM_LEDGER_COMMANDS !== undefined;

describe("[LED8] two sides, their clocks, crashes and older copies put back, against an oracle that forgets nothing", () => {
  test(
    `${COMMANDS} commands: never overspent, never a charge lost, both heads agree`,
    async () => {
      const tally: Tally = {};
      for (let seed = FIRST_SEED; seed < FIRST_SEED + COMMANDS / COMMANDS_PER_SEED; seed++) {
        const counts = await keptPromises(seed);
        for (const [what, count] of Object.entries(counts)) tally[what] = (tally[what] ?? 0) + count;
        if (isLong && seed % SEEDS_PER_LINE === 0) process.stderr.write(`seed ${seed}: ${JSON.stringify(tally)}\n`);
      }
      // A world in which nothing happens keeps every promise.
      for (const what of ["done", "refused", "lost", "crashed", "restored site", "restored coordinator"]) {
        expect(tally[what], what).toBeGreaterThan(COMMANDS / 1000);
      }
      for (const what of [
        "cap changed",
        "raise asked",
        "raise granted",
        "caps told",
        "noticed",
        "sanitized",
        "trained for nothing",
      ]) {
        expect(tally[what], what).toBeGreaterThan(COMMANDS / 2000);
      }
      for (const what of ["accepted here", "accepted there"]) expect(tally[what], what).toBeGreaterThan(0);
    },
    Math.max(240_000, COMMANDS * 30),
  );

  test.each(REMEMBERED_WITH_STEWARDS)("seed %i, with stewards", async (seed) => void (await keptPromises(seed)));

  test.each(REMEMBERED)("seed %i", async (seed) => void (await keptPromises(seed, false)));
});

async function keptPromises(seed: number, hasStewards = true): Promise<Tally> {
  // In memory where that can be: this test is about rules, and thousands of fsyncs on a disk take minutes.
  const folder = mkdtempSync(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "consilium-ledgers-"));
  const [violations, counts] = await simulate(folder, seed, COMMANDS_PER_SEED, hasStewards);
  rmSync(folder, { recursive: true });
  expect(violations, `seed ${seed}`).toEqual([]);
  return counts;
}
