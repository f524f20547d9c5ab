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
});
