import { describe, expect, test } from "vitest";
import { document } from "../../../test/support/releaseFixture.ts";
import { StudyDocument } from "./document.ts";

describe("[STU34] a document promises only what this version does", () => {
  test("shared noise is refused in whatever way the document was made, not in study files alone", () => {
    expect(StudyDocument.safeParse(document).success).toBe(true);
    const privacy = { ...document.privacy, trust: "distributed" };
    const issues = StudyDocument.safeParse({ ...document, privacy }).error?.issues;
    expect(issues?.map(({ path }) => path.join("."))).toEqual(["privacy.trust"]);
  });

  test("local steps want a site's own rate, pull and noise; early stop wants a metric that is evaluated", () => {
    const faultsOf = (training: Record<string, unknown>, trust = "local") => {
      const changed = { ...document, privacy: { ...document.privacy, trust } };
      const issues = StudyDocument.safeParse({ ...changed, training: { ...document.training, ...training } }).error
        ?.issues;
      return (issues ?? []).map(({ path }) => path.join("."));
    };
    const local = { learningRate: 0.5, proximal: 0.2 };
    expect(faultsOf({ localSteps: 3, local })).toEqual([]);
    expect(faultsOf({ localSteps: 3 })).toEqual(["training.local"]);
    expect(faultsOf({ localSteps: 1, local })).toEqual(["training.local"]);
    expect(faultsOf({ localSteps: 3, local: { ...local, proximal: 2.1 } })).toEqual(["training.local.proximal"]);
    expect(faultsOf({ localSteps: 0 })).toEqual(["training.localSteps"]);
    const earlyStop = { metric: "auc", patience: 2 };
    expect(faultsOf({ earlyStop })).toEqual([]);
    expect(faultsOf({ earlyStop: { ...earlyStop, metric: "accuracy" } })).toEqual(["training.earlyStop.metric"]);
    expect(faultsOf({ localSteps: 3, local }, "distributed")).toEqual(["privacy.trust", "training.localSteps"]);
  });

  test("[CAN2] canaries fit a site's memory, and train on records that pass no sanitizer", () => {
    const faultsOf = (count: number, guesses: number, columns: object[] = document.data.columns, mechanism = {}) => {
      const audit = { ...document.audit, canaries: { count, guesses } };
      const privacy = { ...document.privacy, ...mechanism };
      const changed = { ...document, audit, privacy, data: { ...document.data, columns } };
      return (StudyDocument.safeParse(changed).error?.issues ?? []).map(({ message }) => message);
    };
    const film = { name: "film", type: "array", shape: [224, 224, 1], min: 0, max: 255, missing: "refuse" };
    expect(faultsOf(100, 100)).toEqual([]);
    expect(faultsOf(1990, 10, [film])).toEqual([]);
    expect(faultsOf(2000, 10, [film])).toEqual([
      "may hold 100000000 numbers at each site: with 50176 features at most 1992 canaries (got 2000)",
    ]);
    expect(faultsOf(10, 11)).toEqual(["must be ≤ count"]);
    const onSanitized = {
      mechanism: "sanitized",
      noiseMultiplier: undefined,
      sanitized: { promise: "record", epsilon: 4, labels: "randomised" },
    };
    expect(faultsOf(100, 100, undefined, onSanitized).join()).toContain("no made-up record passes the sanitizer");
  });
});
