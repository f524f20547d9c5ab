import { describe, expect, test } from "vitest";
import { enginePage } from "./enginePage.ts";
import { ENGINE_PLANS } from "./enginePlans.ts";
import { caseOf, type Measured, sideBySide } from "./engineReport.ts";
import { steadyCase } from "./steadyReport.ts";

const WHOLE = "private, noise made alongside";
const [plan] = ENGINE_PLANS;
if (plan === undefined) throw new Error("there are plans");

const took = (backend: string, kind: string, ms: number): Measured => ({
  backend,
  kind,
  outcome: { times: [ms], peakRssMiB: 500 },
});
const own = [took("tensorflow", "non-private", 80), took("tensorflow", WHOLE, 240)];
const wasm = [took("wasm", "non-private", 200), took("wasm", WHOLE, 480)];
const pytorch = took("pytorch", "non-private", 100);
const ghost: Measured = { backend: "opacus", kind: "private, ghost clipping", outcome: { skipped: "no Opacus" } };

const ratiosOf = (all: readonly Measured[], backend: string, kind: string) =>
  caseOf(sideBySide(plan, all), backend, kind)?.comparisons.map(({ name, ratio }) => [name, ratio]);

describe("what a step is compared with", () => {
  test("PyTorch's step without privacy first, then the same engine's, then libtensorflow's same step", () => {
    const all = [...own, ...wasm, pytorch, ghost];
    expect(ratiosOf(all, "wasm", WHOLE)).toEqual([
      ["PyTorch, non-private", 4.8],
      ["wasm, non-private", 2.4],
      ["tensorflow, the same step", 2],
    ]);
    expect(ratiosOf(all, "tensorflow", "non-private")).toEqual([["PyTorch, non-private", 0.8]]);
    expect(ratiosOf(all, "pytorch", "non-private")).toEqual([]);
    expect(sideBySide(plan, all).cases.map(({ reference }) => reference?.name ?? null)).toEqual([
      ...Array.from({ length: 4 }, () => "PyTorch, non-private"),
      null,
      null,
    ]);
  });

  test("without PyTorch the reference is the same engine without privacy", () => {
    const [, private_] = sideBySide(plan, own).cases;
    expect(private_?.reference).toEqual({ name: "tensorflow, non-private", median: 80, ratio: 3 });
  });
});

describe("the page", () => {
  const steady = steadyCase("wasm", {
    held: [200, 204, 206].map((rssMiB) => ({ rssMiB, tensors: 12, tensorMiB: 1 })),
    peakRssMiB: 210,
  });

  test("says aims beside figures, what was not measured and why", () => {
    const page = enginePage("Here, today.", [sideBySide(plan, [...own, ...wasm, pytorch, ghost])], [steady]);
    expect(page).toMatch(/^Here, today\./);
    expect(page).toContain("at most 2 × PyTorch: **not reached** (2.40 ×)");
    expect(page).toContain("480 ms, 2.00 × | libtensorflow |");
    expect(page).toContain("| Opacus | not measured: no Opacus |");
    expect(page).toContain("- WebAssembly: 200 and 206 MiB in RAM; 12 and 12 tensors of 1.00 and 1.00 MiB.");
  });

  test("memory over many steps is compared with what was held at first", () => {
    expect(steady).toMatchObject({ unit: "MiB", median: 204, reference: { median: 200, ratio: 1.03 } });
  });
});
