import { afterEach, describe, expect, test, vi } from "vitest";
import { z } from "zod";
import { lineOf, printReport, skippedCase, timedCase } from "./report.ts";

/** What whoever reads a benchmark's last line relies on, written down once more. */
const figures = { median: z.number(), p10: z.number(), p90: z.number(), runs: z.int().min(1), peakRssMiB: z.number() };
const named = { name: z.string(), backend: z.string(), unit: z.string() };
const nothing = { median: z.null(), p10: z.null(), p90: z.null(), runs: z.literal(0), peakRssMiB: z.null() };
const reference = z.strictObject({ name: z.string(), median: z.number(), ratio: z.number() });
const Line = z.strictObject({
  bench: z.literal("engine"),
  commit: z.string().regex(/^([0-9a-f]{7,}(\+changes)?|unknown)$/),
  machine: z.strictObject({ cpu: z.string(), cores: z.int().min(1), node: z.string().startsWith("v") }),
  cases: z.array(
    z.union([
      z.strictObject({ ...named, ...figures, reference: reference.nullable(), skipped: z.null() }),
      z.strictObject({ ...named, ...nothing, reference: z.null(), skipped: z.string().min(1) }),
    ]),
  ),
});

const timed = timedCase(
  { name: "step", backend: "wasm", peakRssMiB: 99.6, times: [30, 10, 20] },
  { name: "PyTorch", median: 10, ratio: 2 },
);
const skipped = skippedCase("longer step", "tensorflow", "not installed");

describe("a benchmark's report", () => {
  afterEach(() => vi.restoreAllMocks());

  const printed = (json: boolean): { readonly out: string; readonly err: string } => {
    const [out, err] = [process.stdout, process.stderr].map((stream) =>
      vi.spyOn(stream, "write").mockImplementation(() => true),
    );
    printReport("engine", [timed, skipped], json);
    const textOf = (spy: typeof out): string => spy?.mock.calls.map(([text]) => String(text)).join("") ?? "";
    return { out: textOf(out), err: textOf(err) };
  };

  test("with --json standard output is one line of the agreed shape, the table goes to standard error", () => {
    const { out, err } = printed(true);
    expect(out.trimEnd()).not.toContain("\n");
    expect(Line.parse(JSON.parse(out)).cases).toEqual([timed, skipped]);
    expect(err).toContain("20.0 ms");
  });

  test("without it the table is the result", () => {
    const { out, err } = printed(false);
    expect(out.split("\n")).toEqual([
      "step         wasm        20.0 ms (12.0 to 28.0, 3 runs), peak 100 MiB, 2.00 × PyTorch",
      "longer step  tensorflow  skipped: not installed",
      "",
    ]);
    expect(err).toBe("");
  });

  test("seconds get more digits than milliseconds", () => {
    expect(lineOf({ ...timed, unit: "s", median: 0.0441, reference: null }, 4)).toContain("0.0441 s");
  });
});
