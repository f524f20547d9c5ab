/** The benchmark "data" as a part of docs/benchmarks.md. */
import { figure, table } from "./page.ts";
import type { BenchCase, Report } from "./report.ts";

export function dataFacts({ commit, machine }: Report, date: Date, loadBefore: number): string {
  return [
    `Measured on ${date.toISOString().slice(0, 10)}, commit ${commit}: ${machine.cores} cores of ${machine.cpu},`,
    `Node ${machine.node.slice(1)}; load before the first case ${loadBefore.toFixed(2)}.`,
  ].join(" ");
}

/** A row for each case; a peer's own, where it has one, stands in its row. */
export function dataPage(facts: string, cases: readonly BenchCase[]): string {
  const own = cases.filter(({ backend }) => backend === "node");
  const rows = own.map((one) => {
    const peer = cases.find(({ name, backend }) => name === one.name && backend !== "node");
    return [one.name, timeOf(one), memoryOf(one), besideOf(one, peer)];
  });
  return [facts, table(["", "processor time, or rate", "peak memory", "beside it"], rows)].join("\n\n");
}

function timeOf(one: BenchCase): string {
  if (one.skipped !== null) return `not measured: ${one.skipped}`;
  return one.unit === "ms" ? `${figure(one.median / 1000)} s` : `${figure(one.median)} ${one.unit}`;
}

function memoryOf(one: BenchCase): string {
  return one.skipped === null ? `${Math.round(one.peakRssMiB).toLocaleString("en-US")} MiB` : "";
}

function besideOf({ reference }: BenchCase, peer: BenchCase | undefined): string {
  if (peer?.skipped != null) return `not measured: ${peer.skipped}`;
  if (reference === null) return "";
  const memory = peer === undefined ? "" : `, which takes ${memoryOf(peer)}`;
  return `${reference.name}${memory}: ${figure(reference.median / 1000)} s`;
}
