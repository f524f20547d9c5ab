import { join } from "node:path";
import { fsyncsASecond, type LedgerOrder, type LedgerOutcome, measureLedger } from "./ledgerMeasure.ts";
import { quantile } from "./quantile.ts";
import { type BenchCase, type Comparison, skippedCase, timedCase } from "./report.ts";

/** Charges that are each made durable alone; more would only wear the disk. */
const SINGLE_CHARGES_MAX = 10_000;

const SINGLE = "ledger: durable charges, each in a transaction of its own";
const SINGLE_TIME = "ledger: processor time of one of them";
const ROUNDS = "ledger: charges of whole rounds of 10 sites, booked and closed";
const ROUNDS_TIME = "ledger: processor time of one of those";
const LAST = "ledger: the same, the last tenth of them";
const SIZE = "ledger: size of the database";
const START = "ledger: charges read at a start";
const VERIFY = "ledger: charges checked by budget verify, every signature";

export const LEDGER_CASES = [SINGLE, SINGLE_TIME, ROUNDS, ROUNDS_TIME, LAST, SIZE, START, VERIFY] as const;
type Name = (typeof LEDGER_CASES)[number];

const BACKEND = "sqlite";
const RATE = "charges/s";

/** What rounds must be booked at: durable charges a second, by the clock. */
export const ROUNDS_AIM = { name: ROUNDS, rate: 1000 } as const;

/** A ledger of so many charges in `folder`, as rounds book them; what isn't `wanted` is done only where that needs it. */
export function ledgerCases(folder: string, charges: number, wanted: readonly string[]): BenchCase[] {
  const wants = (...names: readonly Name[]): boolean => names.some((name) => wanted.includes(name));
  const path = join(folder, "ledger.db");
  const run = (measure: LedgerOrder["measure"], of: Pick<LedgerOrder, "path" | "charges">) => {
    process.stderr.write(`privacy: ledger, ${measure}, ${of.charges.toLocaleString("en-US")} charges\n`);
    return measureLedger({ measure, ...of });
  };
  const cases: BenchCase[] = [];
  if (wants(SINGLE, SINGLE_TIME)) {
    const single = Math.min(charges, SINGLE_CHARGES_MAX);
    const outcome = run("single", { path: join(folder, "single.db"), charges: single });
    const disk = fsyncsASecond(join(folder, "bare"), BARE_BYTES, Math.min(single, 1000));
    cases.push(rateCase(SINGLE, outcome, disk), timeCase(SINGLE_TIME, outcome));
  }
  if (wants(ROUNDS, ROUNDS_TIME, LAST, SIZE, START, VERIFY)) {
    const outcome = run("rounds", { path, charges });
    cases.push(rateCase(ROUNDS, outcome), timeCase(ROUNDS_TIME, outcome), timeCase(LAST, lastTenth(outcome)));
    cases.push(sizeCase(outcome, charges));
  }
  if (wants(START)) cases.push(rateCase(START, run("start", { path, charges })));
  if (wants(VERIFY)) cases.push(rateCase(VERIFY, run("verify", { path, charges })));
  return cases.filter(({ name }) => wanted.includes(name));
}

/** About a charge's two entries. */
const BARE_BYTES = 1600;

type Outcome = ReturnType<typeof measureLedger>;

function rateCase(name: Name, outcome: Outcome, disk?: readonly number[]): BenchCase {
  if ("skipped" in outcome) return { ...skippedCase(name, BACKEND, outcome.skipped), unit: RATE };
  const { rates, peakRssMiB } = outcome;
  const median = disk === undefined ? null : quantile(disk, 0.5);
  const reference: Comparison | null =
    median === null ? null : { name: "a write and fsync alone", median, ratio: quantile(rates, 0.5) / median };
  return { ...timedCase({ name, backend: BACKEND, peakRssMiB, times: rates }, reference), unit: RATE };
}

function timeCase(name: Name, outcome: Outcome): BenchCase {
  if ("skipped" in outcome) return skippedCase(name, BACKEND, outcome.skipped);
  return timedCase({ name, backend: BACKEND, peakRssMiB: outcome.peakRssMiB, times: outcome.cpuMs }, null);
}

/** What a charge costs once the ledger is long. */
function lastTenth(outcome: Outcome): Outcome {
  if ("skipped" in outcome) return outcome;
  const { rates, cpuMs } = outcome;
  const from = Math.floor(0.9 * rates.length);
  return { ...outcome, rates: rates.slice(from), cpuMs: cpuMs.slice(from) };
}

function sizeCase(outcome: LedgerOutcome | { readonly skipped: string }, charges: number): BenchCase {
  const unit = "bytes/charge";
  if ("skipped" in outcome) return { ...skippedCase(SIZE, BACKEND, outcome.skipped), unit };
  const times = [outcome.bytes / charges];
  return { ...timedCase({ name: SIZE, backend: BACKEND, peakRssMiB: outcome.peakRssMiB, times }, null), unit };
}
