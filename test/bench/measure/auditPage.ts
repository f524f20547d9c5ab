/** The benchmark "audit" as a part of docs/benchmarks.md. */
import { figure, table } from "./page.ts";
import type { BenchCase, Report } from "./report.ts";

export function auditFacts(
  { commit, machine }: Report,
  of: { readonly date: Date; readonly loadBefore: number },
): string {
  return [
    `Measured on ${of.date.toISOString().slice(0, 10)}, commit ${commit}: ${machine.cores} cores of ${machine.cpu},`,
    `Node ${machine.node.slice(1)}; load before the first case ${of.loadBefore.toFixed(2)}.`,
  ].join(" ");
}

export function auditPage(facts: string, cases: readonly BenchCase[]): string {
  const rows = cases.map((one) => {
    if (one.skipped !== null) return [one.name, one.backend, `not measured: ${one.skipped}`, "", "", ""];
    const { name, backend, median, p10, p90, unit, reference, peakRssMiB } = one;
    const beside = reference === null ? "" : `${figure(reference.ratio)} × ${reference.name}`;
    const spread = `${figure(median)} ${unit} (${figure(p10)} to ${figure(p90)})`;
    return [name, backend, spread, rateText(one), beside, figure(peakRssMiB)];
  });
  const head = ["case", "backend", "median (p10 to p90)", "a second", "beside", "peak MiB"];
  return [facts, table(head, rows)].join("\n\n");
}

/** Of a case whose name begins with what it works on: `scoring 10000 patients …`. */
function rateText({ name, median }: BenchCase): string {
  const count = /^\w+ (\d+) (patients)/.exec(name);
  if (count === null || median === null) return "";
  return `${Math.round((1000 * Number(count[1])) / median).toLocaleString("en-US")} ${count[2]}`;
}
