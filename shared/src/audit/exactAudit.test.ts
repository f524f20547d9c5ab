import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { summarise } from "../attack/summary.ts";
import { publicUniform } from "../model/initial.ts";
import { attackScore, type RecordOutput } from "./attacks.ts";
import { exactAudit } from "./exactAudit.ts";

const record = (p: number, label: number): RecordOutput => ({ probabilities: [1 - p, p], label });

/** Confidence of the true class: for non-members even, for members raised to 1 / (1 + leak). */
function someRecords(count: number, leak: number, seed: number): RecordOutput[] {
  const next = publicUniform(seed);
  return Array.from({ length: count }, () => {
    const label = next() < 0.5 ? 0 : 1;
    const confidence = next() ** (1 / (1 + leak));
    return record(label === 1 ? confidence : 1 - confidence, label);
  });
}

const resolved = (report: ReturnType<typeof exactAudit>, attack: string) => {
  const auc = report.orderings.find(({ attacks }) => attacks.some((name) => name === attack))?.auc;
  if (auc?.state !== "resolved") throw new Error("not resolved");
  return auc;
};

describe("[AUD26] an audit of exact counts", () => {
  test("has the AUC and advantage of the scores themselves, ties and all", () => {
    const outputs = fc.array(
      fc
        .tuple(fc.integer({ min: 0, max: 6 }), fc.integer({ min: 0, max: 1 }))
        .map(([p, label]) => record(p / 6, label)),
      { minLength: 1, maxLength: 40 },
    );
    fc.assert(
      fc.property(outputs, outputs, (members, nonMembers) => {
        const report = exactAudit({ members, nonMembers, classes: 2, limit: 0.6 });
        for (const attack of ["confidence", "entropy", "correctness"] as const) {
          const of = (records: readonly RecordOutput[]) => records.map((one) => attackScore(attack, one));
          const exact = summarise(of(members), of(nonMembers));
          expect(resolved(report, attack).value).toBeCloseTo(exact.auc, 9);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("of more scores than places the interval holds the exact figure, and is hardly wider", () => {
    const [members, nonMembers] = [someRecords(4000, 0.3, 1), someRecords(4000, 0, 2)];
    const auc = resolved(exactAudit({ members, nonMembers, classes: 2, limit: 0.6 }), "loss");
    const of = (records: readonly RecordOutput[]) => records.map((one) => attackScore("loss", one));
    const exact = summarise(of(members), of(nonMembers)).auc;
    expect(auc.low).toBeLessThan(exact);
    expect(auc.high).toBeGreaterThan(exact);
    expect(auc.halfBin).toBeLessThan(0.001);
    // P(U^(1/1.3) > V) for even U and V: 1.3 / 2.3.
    expect(Math.abs(auc.value - 1.3 / 2.3)).toBeLessThan(4 * auc.samplingStdDev);
    expect(auc.noiseStdDev).toBe(0);
  });

  test("says what leaks, what is bounded, and what is too weak to tell", () => {
    const kind = (count: number, leak: number) =>
      exactAudit({ members: someRecords(count, leak, 3), nonMembers: someRecords(count, 0, 4), classes: 2, limit: 0.6 })
        .verdict;
    expect(kind(3000, 1).kind).toBe("leakage");
    expect(kind(3000, 0).kind).toBe("bounded");
    expect(kind(30, 0).kind).toBe("no-power");
    expect(kind(3000, 0).words).toContain("exactly counted");
    expect(kind(3000, 0).words).not.toContain("study");
  });

  test("shows the most exposed class, and none where a class has nobody", () => {
    const members = [...someRecords(800, 2, 5).filter(({ label }) => label === 1), record(0.1, 0)];
    const report = exactAudit({ members, nonMembers: someRecords(800, 0, 6), classes: 3, limit: 0.6 });
    const [first] = report.orderings;
    expect(first?.perClass.map(({ auc }) => auc.state)).toEqual(["resolved", "resolved", "not-resolvable"]);
  });
});
