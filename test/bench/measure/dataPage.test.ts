import { expect, test } from "vitest";
import { dataPage } from "./dataPage.ts";
import { skippedCase, timedCase } from "./report.ts";

const timed = (name: string, backend: string, ms: number, reference: string | null = null) =>
  timedCase(
    { name, backend, peakRssMiB: ms / 10, times: [ms] },
    reference === null ? null : { name: reference, median: ms / 2, ratio: 2 },
  );

test("each case has one row with what stands beside it, or why nothing does", () => {
  const page = dataPage("Here, today.", [
    timed("read", "node", 3000, "NumPy, which takes 200 MiB"),
    timed("sanitized", "node", 20_000, "SciPy 1"),
    timed("sanitized", "scipy", 10_000),
    timed("alone", "node", 1500),
    skippedCase("alone", "scipy", "No module named 'scipy'"),
    { ...timed("films", "node", 600), unit: "files/s" },
    skippedCase("broken", "node", "it ended"),
  ]);
  expect(page.split("\n").slice(4)).toEqual([
    "| read | 3.00 s | 300 MiB | NumPy, which takes 200 MiB: 1.50 s |",
    "| sanitized | 20.0 s | 2,000 MiB | SciPy 1, which takes 1,000 MiB: 10.0 s |",
    "| alone | 1.50 s | 150 MiB | not measured: No module named 'scipy' |",
    "| films | 600 files/s | 60 MiB |  |",
    "| broken | not measured: it ended |  |  |",
  ]);
});
