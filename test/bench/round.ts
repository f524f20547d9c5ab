/**
 * `npm run bench -- round [--json]`: whole rounds between real processes, with everything on: mutual TLS, signatures,
 * durable ledgers on both sides, noise, packing. Only the gradients are random sums. Beside each, what uploading the
 * same vectors raw, over plain HTTPS, costs on this machine at this time.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type BenchOptions, benchOptions, chosen, runCommand } from "./measure/command.ts";
import { type Measured, measureRounds } from "./measure/meteredConsortium.ts";
import { quantile } from "./measure/quantile.ts";
import { printReport, type TimedCase } from "./measure/report.ts";
import { parametersOf, type RoundPlan, SITES } from "./measure/roundStudy.ts";
import { timeUploads } from "./measure/uploadFloor.ts";

const SMALL: RoundPlan = { name: "small", hidden: [98, 98], answerAfterMs: 20, rounds: 220, warmUp: 20 };
const LARGE: RoundPlan = { name: "large", hidden: [4580, 4580], answerAfterMs: 2500, rounds: 12, warmUp: 2 };
const NAMES = [SMALL.name, LARGE.name];

const INTERRUPTED_EXIT_CODE = 130;

/** Repetitions of the uploads. */
const FLOOR_RUNS = 5;

interface RoundCase extends TimedCase {
  readonly parameters: number;
  readonly answerAfterMs: number;
  readonly misses: number;
  readonly absences: number;
  readonly megabytesPerRound: number | null;
  readonly sitePeakMiB: number | null;
  readonly cpuSecondsPerRound: Measured["cpuSeconds"];
  readonly loadBefore: number;
}

async function run({ json, only }: BenchOptions): Promise<void> {
  const cases: RoundCase[] = [];
  const wanted = chosen(NAMES, only);
  for (const plan of [SMALL, LARGE].filter(({ name }) => wanted.includes(name))) {
    process.stderr.write(`round: ${parametersOf(plan)} parameters, ${plan.rounds} rounds\n`);
    const folder = mkdtempSync(join(tmpdir(), "consilium-bench-"));
    // At the exit too, so that Ctrl-C leaves nothing behind.
    const clear = (): void => rmSync(folder, { recursive: true, force: true });
    process.once("exit", clear);
    const measured = await measureRounds(folder, plan);
    const floor = await timeUploads(SITES.length, 4 * parametersOf(plan), FLOOR_RUNS);
    cases.push(caseOf(plan, measured, quantile(floor, 0.5)));
    clear();
    process.off("exit", clear);
  }
  for (const one of cases) process.stderr.write(`${notesOf(one)}\n`);
  printReport("round", cases, json);
}

function caseOf(plan: RoundPlan, measured: Measured, floor: number): RoundCase {
  const { seconds, misses, absences, loadBefore } = measured;
  const median = quantile(seconds, 0.5);
  const raw = `${SITES.length} raw HTTPS uploads`;
  return {
    name: `${parametersOf(plan)} parameters, ${SITES.length} sites, answer after ${plan.answerAfterMs} ms`,
    backend: "round",
    unit: "s",
    median,
    p10: quantile(seconds, 0.1),
    p90: quantile(seconds, 0.9),
    runs: seconds.length,
    peakRssMiB: measured.coordinatorPeakMiB ?? 0,
    reference: { name: raw, median: floor, ratio: median / floor },
    skipped: null,
    parameters: parametersOf(plan),
    answerAfterMs: plan.answerAfterMs,
    misses,
    absences,
    megabytesPerRound: measured.bytes === null ? null : measured.bytes / 1e6,
    sitePeakMiB: measured.sitePeakMiB,
    cpuSecondsPerRound: measured.cpuSeconds,
    loadBefore,
  };
}

function notesOf(one: RoundCase): string {
  const figure = (value: number | null, digits: number): string => (value === null ? "?" : value.toFixed(digits));
  const cpu = one.cpuSecondsPerRound;
  return (
    `  ${one.parameters}: ${figure(one.megabytesPerRound, 2)} MB a round, ${one.misses} answers after their time, ` +
    `${one.absences} absent; peak coordinator ${figure(one.peakRssMiB, 0)} MiB, largest site (agent and engine) ` +
    `${figure(one.sitePeakMiB, 0)} MiB; CPU-s a round: coordinator ${figure(cpu?.coordinator ?? null, 3)}, ` +
    `agents ${figure(cpu?.agents ?? null, 3)}, engines ${figure(cpu?.engines ?? null, 3)}; ` +
    `load before ${one.loadBefore.toFixed(2)}`
  );
}

for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(INTERRUPTED_EXIT_CODE));
await runCommand(() => run(benchOptions(process.argv.slice(2), NAMES)));
