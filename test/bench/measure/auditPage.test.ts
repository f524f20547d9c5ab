import { describe, expect, test } from "vitest";
import { auditFacts, auditPage } from "./auditPage.ts";
import { skippedCase, timedCase } from "./report.ts";

describe("the audit's part of the page", () => {
  test("a row for each case: time, rate where it has one, what it was held against, or why there is no figure", () => {
    const of = { name: "scoring 1000 patients by 5 attacks", backend: "wasm", peakRssMiB: 100 };
    const timed = timedCase({ ...of, times: [10, 20, 30] }, { name: "outputs alone", median: 5, ratio: 4 });
    const page = auditPage("facts", [timed, skippedCase("report", "node", "no time")]);
    expect(page.split("\n").slice(4)).toEqual([
      "| scoring 1000 patients by 5 attacks | wasm | 20.0 ms (12.0 to 28.0) | 50,000 patients | 4.00 × outputs alone | 100 |",
      "| report | node | not measured: no time |  |  |  |",
    ]);
  });

  test("facts name date, commit and machine", () => {
    const machine = { cpu: "a processor", cores: 2, node: "v20.1.0" };
    const report = { bench: "audit", commit: "abc", machine, cases: [] };
    expect(auditFacts(report, { date: new Date("2026-01-02T00:00:00Z"), loadBefore: 0.5 })).toBe(
      "Measured on 2026-01-02, commit abc: 2 cores of a processor, Node 20.1.0; load before the first case 0.50.",
    );
  });
});
