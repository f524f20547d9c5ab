import { execFileSync } from "node:child_process";
import os from "node:os";
import { quantile } from "./quantile.ts";

/** One thing that was timed, or why it wasn't. */
export type BenchCase = TimedCase | SkippedCase;

interface Case {
  readonly name: string;
  readonly backend: string;
  readonly unit: string;
}

/** The same measured another way, and how many times as much this case takes. */
export interface Comparison {
  readonly name: string;
  readonly median: number;
  readonly ratio: number;
}

export interface TimedCase extends Case {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  readonly runs: number;
  /** Of the whole process, data included. */
  readonly peakRssMiB: number;
  readonly reference: Comparison | null;
  readonly skipped: null;
}

/** No figure at all: a zero would be one. */
export interface SkippedCase extends Case {
  readonly median: null;
  readonly p10: null;
  readonly p90: null;
  readonly runs: 0;
  readonly peakRssMiB: null;
  readonly reference: null;
  readonly skipped: string;
}

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly node: string;
}

/** What a benchmark prints for machines. */
export interface Report {
  readonly bench: string;
  readonly commit: string;
  readonly machine: Machine;
  readonly cases: readonly BenchCase[];
}

export function timedCase(
  of: Pick<TimedCase, "name" | "backend" | "peakRssMiB"> & { readonly times: readonly number[] },
  reference: Comparison | null,
): TimedCase {
  const { name, backend, peakRssMiB, times } = of;
  const at = (share: number): number => quantile(times, share);
  const figures = { median: at(0.5), p10: at(0.1), p90: at(0.9), runs: times.length, peakRssMiB };
  return { name, backend, unit: "ms", ...figures, reference, skipped: null };
}

export function skippedCase(name: string, backend: string, why: string): SkippedCase {
  const nothing = { median: null, p10: null, p90: null, runs: 0, peakRssMiB: null, reference: null } as const;
  return { name, backend, unit: "ms", ...nothing, skipped: why };
}

/** The result: a table for people or, with `json`, one line for machines, the table beside it on standard error. */
export function printReport(bench: string, cases: readonly BenchCase[], json: boolean): Report {
  const report = { bench, commit: commit(), machine: machine(), cases };
  const width = Math.max(...cases.map(({ name }) => name.length));
  const table = cases.map((one) => `${lineOf(one, width)}\n`).join("");
  (json ? process.stderr : process.stdout).write(table);
  if (json) process.stdout.write(`${JSON.stringify(report)}\n`);
  return report;
}

export function lineOf(one: BenchCase, nameWidth: number): string {
  const head = `${one.name.padEnd(nameWidth)}  ${one.backend.padEnd(10)} `;
  if (one.skipped !== null) return `${head} skipped: ${one.skipped}`;
  const digits = one.unit === "s" ? 4 : 1;
  const spread = `${one.p10.toFixed(digits)} to ${one.p90.toFixed(digits)}, ${one.runs} runs`;
  const value = `${one.median.toFixed(digits)} ${one.unit} (${spread})`;
  const against = one.reference === null ? "" : `, ${one.reference.ratio.toFixed(2)} × ${one.reference.name}`;
  return `${head} ${value}, peak ${Math.round(one.peakRssMiB)} MiB${against}`;
}

function machine(): Machine {
  const cpus = os.cpus();
  return { cpu: cpus[0]?.model ?? "unknown", cores: cpus.length, node: process.version };
}

/** With a mark where files differ from it, pages apart: figures belong to what ran. */
function commit(): string {
  try {
    const git = (...args: string[]): string => execFileSync("git", args, { encoding: "utf8" }).trim();
    const changes = git("status", "--porcelain", "--untracked-files=no", "--", ":/", ":(top,exclude)docs");
    return `${git("rev-parse", "--short", "HEAD")}${changes === "" ? "" : "+changes"}`;
  } catch {
    return "unknown";
  }
}
