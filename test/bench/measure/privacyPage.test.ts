import { describe, expect, test } from "vitest";
import { ACCOUNTANT_TASKS } from "./accountantTasks.ts";
import { LEDGER_CASES, ROUNDS_AIM } from "./ledgerCases.ts";
import { privacyFacts, privacyPage } from "./privacyPage.ts";
import { type BenchCase, skippedCase, timedCase } from "./report.ts";

const [rdp, pld] = ACCOUNTANT_TASKS;
const [single] = LEDGER_CASES;
const timed = (name: string, backend: string, times: readonly number[]): BenchCase =>
  timedCase({ name, backend, peakRssMiB: 120, times }, null);

describe("privacy's part of the page", () => {
  const cases = [
    timed(rdp?.name ?? "", "node", [4, 4, 4]),
    timed(rdp?.name ?? "", "dp_accounting", [80]),
    skippedCase(rdp?.name ?? "", "opacus", "No module named 'opacus'"),
    timed(pld?.name ?? "", "node", [290, 290, 400]),
    { ...timed(single, "sqlite", [1500]), unit: "charges/s" },
    { ...timed(ROUNDS_AIM.name, "sqlite", [900]), unit: "charges/s" },
  ];
  const rows = privacyPage("facts", cases).split("\n");
  const row = (name: string | undefined): string | undefined => rows.find((one) => one.startsWith(`| ${name}`));

  test("each task has a row with both peers', and an aim that nine runs in ten must keep", () => {
    expect(row(rdp?.name)).toMatch(
      /4\.00 ms .*under 20 ms: reached .*80\.0 ms .*not measured: No module named 'opacus'/,
    );
    expect(row(pld?.name)).toMatch(/290 ms .*under 300 ms: \*\*not reached\*\*/);
    for (const { name } of ACCOUNTANT_TASKS) expect(row(name)).toBeDefined();
  });

  test("the ledger's figures have their units and memory", () => {
    expect(row(single.replace("ledger: ", ""))).toBe(
      "| durable charges, each in a transaction of its own | 1,500 charges/s |  | 120 MiB |",
    );
    expect(row(ROUNDS_AIM.name.replace("ledger: ", ""))).toMatch(
      /900 .* at least 1,000 a second: \*\*not reached\*\* /,
    );
  });

  test("the facts say what was found and how long the ledger is", () => {
    const machine = { cpu: "Abacus", cores: 2, node: "v22.1.0" };
    const peers = { dp_accounting: { version: "0.6.0", peakRssMiB: 1, tasks: {} }, opacus: { why: "no module" } };
    const of = { date: new Date("2026-01-02T03:04:05Z"), loadBefore: 1.5, peers, charges: 100_000 };
    const facts = privacyFacts({ bench: "privacy", commit: "abc", machine, cases: [] }, of);
    expect(facts).toMatch(/^Measured on 2026-01-02, commit abc: 2 cores of Abacus, Node 22\.1\.0; load .* 1\.50\./);
    expect(facts).toMatch(/dp_accounting 0\.6\.0, Opacus not found here \(no module\)\..* 100,000 charges\.$/);
  });
});
