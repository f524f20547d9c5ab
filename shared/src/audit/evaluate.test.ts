import { describe, expect, test } from "vitest";
import { oneRunEpsilon } from "../canary/oneRun.ts";
import { digestOf } from "../encoding/digest.ts";
import type { AttackName } from "../study/audit.ts";
import { SiteName, StudyName } from "../units/identity.ts";
import { type AuditInput, auditReportOf } from "./evaluate.ts";
import { gate } from "./gate.ts";
import { AuditReport, type SiteAuditHistograms } from "./report.ts";

const site = (name: string) => SiteName.parse(name);

/** Counts that fall by `slope` a bin from an even spread, exact but for a noise scale that is claimed. */
function counts(total: number, bins: number, slope: number): number[] {
  return Array.from({ length: bins }, (_, bin) => Math.round((total / bins) * (1 + slope * (bin - (bins - 1) / 2))));
}

function histograms(
  sites: readonly string[],
  members: number,
  nonMembers: number,
  slope: number,
): SiteAuditHistograms[] {
  const attacks: AttackName[] = ["loss", "confidence", "modified-entropy"];
  return sites.flatMap((name) =>
    attacks.map((attack) => ({
      site: site(name),
      attack,
      members: { classes: 1, bins: 10, counts: counts(members, 10, slope), scale: 1 },
      nonMembers: { classes: 1, bins: 10, counts: counts(nonMembers, 10, -slope), scale: 1 },
    })),
  );
}

function input(own: SiteAuditHistograms[], overrides: Partial<AuditInput> = {}): AuditInput {
  return {
    study: StudyName.parse("heart"),
    studyDigest: digestOf("study"),
    modelDigest: digestOf("model"),
    round: 60,
    modelClasses: 2,
    limit: 0.6,
    histograms: own,
    studySites: [site("a"), site("b")],
    ...overrides,
  };
}

const strong = input(histograms(["a", "b"], 5000, 5000, 0));
const leaking = input(histograms(["a", "b"], 5000, 5000, 0.1));
const weak = input(histograms(["a", "b"], 300, 60, 0));
const hopeless = input(histograms(["a", "b"], 300, 2, 0));

describe("[AUD7] the report", () => {
  test("is what its schema says and comes out the same from the histograms in it", () => {
    for (const own of [strong, leaking, weak, hopeless]) {
      const report = AuditReport.parse(auditReportOf(own));
      expect(auditReportOf({ ...own, histograms: report.histograms })).toEqual(report);
      expect(report.label).toBe("not an ε bound");
    }
  });

  test("joins attacks that order alike, and pays Bonferroni for those that don't", () => {
    const two = auditReportOf(strong);
    expect(two.orderings.map(({ attacks }) => attacks.length)).toEqual([3]);
    const many = auditReportOf({ ...strong, modelClasses: 4 });
    expect(many.orderings.map(({ attacks }) => attacks.length)).toEqual([2, 1]);
    const width = (report: AuditReport) => (report.best.state === "resolved" ? report.best.high - report.best.low : 0);
    expect(width(many)).toBeGreaterThan(width(two));
  });

  test("names sites that are missing, and shows each site and class by itself", () => {
    const perClass = histograms(["a"], 5000, 5000, 0).map((own) => {
      const twice = (part: typeof own.members) => ({ ...part, classes: 2, counts: [...part.counts, ...part.counts] });
      return { ...own, members: twice(own.members), nonMembers: twice(own.nonMembers) };
    });
    const report = auditReportOf(input(perClass));
    expect(report.sitesMissing).toEqual(["b"]);
    expect(report.orderings[0]?.perSite.map((entry) => entry.site)).toEqual(["a"]);
    expect(report.orderings[0]?.perClass.map(({ auc }) => auc.state)).toEqual(["resolved", "resolved"]);
  });

  test("[AUD22] a class's figure is site-matched: sites that see a class differently don't make it look exposed", () => {
    const cells = (classes: readonly (readonly number[])[]) => ({
      classes: classes.length,
      bins: 2,
      counts: classes.flat(),
      scale: 1e-3,
    });
    const of = (name: string, members: number[], nonMembers: number[]): SiteAuditHistograms => ({
      site: site(name),
      attack: "loss",
      members: cells([members, [500, 700]]),
      nonMembers: cells([nonMembers, [700, 500]]),
    });
    const report = auditReportOf(input([of("a", [100, 900], [10, 90]), of("b", [90, 10], [900, 100])]));
    const values = report.orderings[0]?.perClass.map(({ auc }) => (auc.state === "resolved" ? auc.value : Number.NaN));
    expect(values?.[0]).toBeCloseTo(0.5, 9);
    expect(values?.[1]).toBeCloseTo(0.5 + 0.5 * (7 / 12 - 5 / 12), 9);
  });

  test("[AUD21] correctness stands beside the scores with two bins of its own, its ties exact", () => {
    const yes = histograms(["a", "b"], 5000, 5000, 0).flatMap(({ attack, ...own }): SiteAuditHistograms[] =>
      attack === "loss"
        ? [
            {
              ...own,
              attack: "correctness",
              members: { classes: 1, bins: 2, counts: [1000, 4000], scale: 1 },
              nonMembers: { classes: 1, bins: 2, counts: [2000, 3000], scale: 1 },
            },
          ]
        : [],
    );
    const report = AuditReport.parse(auditReportOf(input([...strong.histograms, ...yes])));
    const auc = report.orderings.find(({ attacks }) => attacks.includes("correctness"))?.auc;
    expect(auc).toMatchObject({ state: "resolved", halfBin: 0 });
    expect(auc?.state === "resolved" && auc.value).toBeCloseTo(0.6, 9);
    const [first, ...rest] = yes;
    if (first === undefined) throw new Error("no histogram");
    const odd = { ...first, members: { classes: 1, bins: 3, counts: [1, 2, 3], scale: 1 } };
    expect(() => auditReportOf(input([odd, ...rest]))).toThrow(/of one attack of the same bins/);
  });

  test("refuses histograms that are incomplete, twice there, or of unlike shape", () => {
    const own = histograms(["a", "b"], 300, 60, 0);
    const [first, ...rest] = own;
    if (first === undefined) throw new Error("no histogram");
    const odd = { ...first, members: { ...first.members, bins: 5, counts: [1, 2, 3, 4, 5] } };
    for (const wrong of [[], rest, [...own, first], [odd, ...rest]]) {
      expect(() => auditReportOf(input(wrong))).toThrow(/not one for each site/);
    }
  });
});

describe("[AUD8] the verdict never reads no power as no leakage", () => {
  test.each([
    ["a strong audit of a sound model bounds leakage", strong, "bounded", /ruled out/],
    ["a leak is called a leak", leaking, "leakage", /^Membership leaks/],
    ["too few records are too weak", weak, "no-power", /^Too weak to tell/],
    ["nothing resolvable says nothing", hopeless, "no-power", /can't say whether/],
  ] as const)("%s", (_, own, kind, words) => {
    const { verdict } = auditReportOf(own);
    expect(verdict.kind).toBe(kind);
    expect(verdict.words).toMatch(words);
    expect(verdict.words).not.toMatch(/no evidence|no leak(age)? (was )?found/i);
  });
});

describe("[AUD9] the gate", () => {
  const base = { minSites: 2, provenEpsilon: 3.7, trainingEpsilon: 4, epsilonCap: 4 };
  const rule = (result: ReturnType<typeof gate>, name: string) => result.rules.find((entry) => entry.rule === name);

  test("passes a bounded model within its cap", () => {
    const result = gate({ ...base, report: auditReportOf(strong), gates: { maxAttackAucUpper: 0.6 } });
    expect(result.passed).toBe(true);
    expect(result.rules.map((entry) => entry.rule)).toEqual([
      "sites-audited",
      "max-attack-auc-upper",
      "epsilon-within-cap",
    ]);
  });

  test.each([
    ["leaks", leaking, {}, "max-attack-auc-upper"],
    ["can't be told", weak, {}, "max-attack-auc-upper"],
    ["can't be resolved", hopeless, {}, "max-attack-auc-upper"],
    ["spent too much", strong, { provenEpsilon: 4.001 }, "epsilon-within-cap"],
    ["spent without bound", strong, { provenEpsilon: Number.POSITIVE_INFINITY }, "epsilon-within-cap"],
    ["was seen by too few sites", strong, { minSites: 3 }, "sites-audited"],
  ] as const)("refuses a model that %s", (_, own, overrides, broken) => {
    const result = gate({ ...base, ...overrides, report: auditReportOf(own), gates: { maxAttackAucUpper: 0.6 } });
    expect(result.passed).toBe(false);
    expect(result.rules.filter(({ passed }) => !passed).map((entry) => entry.rule)).toEqual([broken]);
  });

  test("[CAN4] canaries that show more than was proven refuse the model; those that show less say so", () => {
    const canaries = (correct: number) => ({
      delta: 1e-5,
      sites: ["b", "a"].map((name) => ({ site: site(name), count: 100, guesses: 50, correct })),
    });
    const report = (correct: number) => AuditReport.parse(auditReportOf({ ...strong, canaries: canaries(correct) }));
    expect(report(40).canaries).toMatchObject({ count: 200, guesses: 100, correct: 80 });
    expect(report(40).canaries?.sites.map((one) => one.site)).toEqual(["a", "b"]);
    expect(report(40).canaries?.epsilon).toBe(oneRunEpsilon({ count: 200, guesses: 100, correct: 80 }, 1e-5, 0.95));
    const of = (correct: number) =>
      gate({ ...base, trainingEpsilon: 0.5, report: report(correct), gates: { maxAttackAucUpper: 0.6 } });
    expect(of(26).passed).toBe(true);
    expect(rule(of(26), "empirical-epsilon")?.found).toContain("52 of 100 guesses about 200 canaries right");
    expect(rule(of(45), "empirical-epsilon")).toMatchObject({ passed: false });
    expect(of(45).passed).toBe(false);
  });

  test("a TPR that can't be resolved fails unless the study lets it pass", () => {
    const tail = { fpr: 0.01, tpr: 0.05 };
    const result = (ifUnresolvable: "pass" | "fail") =>
      gate({
        ...base,
        report: auditReportOf(weak),
        gates: { maxAttackAucUpper: 1, maxTprAtFpr: { ...tail, ifUnresolvable } },
      });
    expect(rule(result("fail"), "max-tpr-at-fpr")).toMatchObject({ passed: false, found: "not resolvable" });
    expect(result("pass").passed).toBe(true);
  });

  test("a TPR that can be resolved is held against its upper bound; an FPR not reported is not resolvable", () => {
    const report = auditReportOf(strong);
    const at = (fpr: number, tpr: number) =>
      rule(
        gate({ ...base, report, gates: { maxAttackAucUpper: 0.6, maxTprAtFpr: { fpr, tpr, ifUnresolvable: "fail" } } }),
        "max-tpr-at-fpr",
      )?.passed;
    expect(at(0.1, 0.5)).toBe(true);
    expect(at(0.1, 0.05)).toBe(false);
    expect(at(0.123, 1)).toBe(false);
  });
});
