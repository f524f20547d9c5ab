import { describe, expect, test } from "vitest";
import { verdicts, verdictText } from "./aim.ts";
import { timedCase } from "./report.ts";

const own = timedCase({ name: "step", backend: "tensorflow", peakRssMiB: 1024, times: [180] }, null);
const aim = { timesPytorch: 2, timesPytorchStretch: 1.5, ms: 170, peakRssMiB: 1024 };

describe("aims beside figures", () => {
  test("a multiple of PyTorch's time in the same run, and its stretch; a limit of memory is to stay under", () => {
    expect(verdicts(aim, own, 100).map(verdictText)).toEqual([
      "at most 2 × PyTorch: reached (1.80 ×)",
      "stretch: 1.5 × PyTorch: **not reached** (1.80 ×)",
      "under 1,024 MiB: **not reached** (1,024 MiB)",
    ]);
  });

  test("without PyTorch its milliseconds", () => {
    expect(verdicts(aim, own, null).map(verdictText)).toEqual([
      "at most 170 ms: **not reached** (180 ms)",
      "under 1,024 MiB: **not reached** (1,024 MiB)",
    ]);
  });

  test("milliseconds alone hold with PyTorch too, the limit itself reaches them", () => {
    expect(verdicts({ ms: 180 }, own, 10).map(verdictText)).toEqual(["at most 180 ms: reached (180 ms)"]);
  });
});
