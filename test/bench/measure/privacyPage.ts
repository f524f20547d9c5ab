/** The benchmark "privacy" as a part of docs/benchmarks.md. */
import type { AccountantPeer, AccountantPeers } from "./accountantPeers.ts";
import { ACCOUNTANT_TASKS } from "./accountantTasks.ts";
import { LEDGER_CASES, ROUNDS_AIM } from "./ledgerCases.ts";
import { figure, table } from "./page.ts";
import type { BenchCase, Report } from "./report.ts";

export function privacyFacts(
  { commit, machine }: Report,
  of: {
    readonly date: Date;
    readonly loadBefore: number;
    readonly peers: AccountantPeers;
    readonly charges: number;
  },
): string {
  const { dp_accounting, opacus } = of.peers;
  return [
    `Measured on ${of.date.toISOString().slice(0, 10)}, commit ${commit}: ${machine.cores} cores of ${machine.cpu},`,
    `Node ${machine.node.slice(1)}; load before the first case ${of.loadBefore.toFixed(2)}.`,
    `dp_accounting ${versionText(dp_accounting)}, Opacus ${versionText(opacus)}.`,
    `The ledger has ${of.charges.toLocaleString("en-US")} charges.`,
  ].join(" ");
}

function versionText(peer: AccountantPeer): string {
  return "why" in peer ? `not found here (${peer.why})` : peer.version;
}

export function privacyPage(facts: string, cases: readonly BenchCase[]): string {
  const of = (name: string, backend: string): BenchCase | undefined =>
    cases.find((one) => one.name === name && one.backend === backend);
  const tasks = ACCOUNTANT_TASKS.map(({ name, aimMs }) => [
    name,
    cell(of(name, "node")),
    aimMs === null ? "" : aimText(of(name, "node"), aimMs),
    cell(of(name, "dp_accounting")),
    cell(of(name, "opacus")),
  ]);
  const ledger = LEDGER_CASES.map((name) => {
    const one = of(name, "sqlite");
    const aim = name === ROUNDS_AIM.name ? rateAimText(one) : "";
    return [name.replace("ledger: ", ""), cell(one), aim, one?.skipped === null ? `${figure(one.peakRssMiB)} MiB` : ""];
  });
  return [
    facts,
    "Processor time, median (p10 to p90):",
    table(["task", "Consilium", "aim", "dp_accounting", "Opacus"], tasks),
    table(["ledger", "found, median (p10 to p90)", "aim", "peak memory"], ledger),
  ].join("\n\n");
}

function cell(one: BenchCase | undefined): string {
  if (one === undefined) return "";
  if (one.skipped !== null) return `not measured: ${one.skipped}`;
  const spread = one.runs === 1 ? "" : ` (${figure(one.p10)} to ${figure(one.p90)})`;
  const against = one.backend === "sqlite" && one.reference !== null;
  const beside = against ? `; ${one.reference.name}: ${figure(one.reference.median)} ${one.unit}` : "";
  return `${figure(one.median)} ${one.unit}${spread}${beside}`;
}

function rateAimText(one: BenchCase | undefined): string {
  const aim = `at least ${ROUNDS_AIM.rate.toLocaleString("en-US")} a second`;
  if (one === undefined || one.skipped !== null) return aim;
  return `${aim}: ${one.median >= ROUNDS_AIM.rate ? "reached" : "**not reached**"}`;
}

/** Where many runs were taken, the aim is held against what nine in ten keep. */
function aimText(one: BenchCase | undefined, aimMs: number): string {
  if (one === undefined || one.skipped !== null) return `under ${aimMs} ms`;
  return `under ${aimMs} ms: ${one.p90 < aimMs ? "reached" : "**not reached**"}`;
}
