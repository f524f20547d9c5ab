import { execFileSync } from "node:child_process";
import os from "node:os";

/** One thing that was timed, or why it wasn't. */
export type BenchCase = TimedCase | SkippedCase;

interface Case {
  readonly name: string;
  readonly backend: string;
  readonly unit: string;
}

export interface TimedCase extends Case {
  readonly median: number;
  readonly p10: number;
  readonly p90: number;
  readonly runs: number;
  /** Of the whole process, data included. */
  readonly peakRssMiB: number;
  readonly reference: { readonly name: string; readonly median: number; readonly ratio: number } | null;
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

export function skippedCase(name: string, backend: string, why: string): SkippedCase {
  const nothing = { median: null, p10: null, p90: null, runs: 0, peakRssMiB: null, reference: null } as const;
  return { name, backend, unit: "ms", ...nothing, skipped: why };
}

/** The value below which this share of the sorted values lies (nearest rank). */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0;
}

/** The result: a table for people or, with `json`, one line for machines, the table beside it on standard error. */
export function printReport(bench: string, cases: readonly BenchCase[], json: boolean): void {
  const table = cases.map((one) => `${lineOf(one)}\n`).join("");
  (json ? process.stderr : process.stdout).write(table);
  if (!json) return;
  const cpus = os.cpus();
  const machine = { cpu: cpus[0]?.model ?? "unknown", cores: cpus.length, node: process.version };
  process.stdout.write(`${JSON.stringify({ bench, commit: commit(), machine, cases })}\n`);
}

function lineOf(one: BenchCase): string {
  const head = `${one.name.padEnd(52)} ${one.backend.padEnd(15)}`;
  if (one.skipped !== null) return `${head} skipped: ${one.skipped}`;
  const digits = one.unit === "s" ? 4 : 1;
  const spread = `${one.p10.toFixed(digits)} to ${one.p90.toFixed(digits)}, ${one.runs} runs`;
  const time = `${one.median.toFixed(digits)} ${one.unit} (${spread})`;
  const against = one.reference === null ? "" : `, ${one.reference.ratio.toFixed(2)} × ${one.reference.name}`;
  return `${head} ${time}, peak ${Math.round(one.peakRssMiB)} MiB${against}`;
}

function commit(): string {
  try {
    return execFileSync("git", ["rev-parse", "--short", "HEAD"], { encoding: "utf8" }).trim();
  } catch {
    return "unknown";
  }
}
