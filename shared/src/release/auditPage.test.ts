import { describe, expect, test } from "vitest";
import { inputs, lead } from "../../../test/support/releaseFixture.ts";
import { auditReportOf } from "../audit/evaluate.ts";
import { AuditReport } from "../audit/report.ts";
import { SiteName } from "../units/identity.ts";
import { auditPage } from "./auditPage.ts";
import { buildRelease, releaseGate } from "./build.ts";
import { RELEASE_PATHS } from "./manifest.ts";
import { PrivacyStatement } from "./statement.ts";

const files = buildRelease(inputs, lead);
const text = (path: string) => new TextDecoder().decode(files.get(path));
const privacy = PrivacyStatement.parse(JSON.parse(text(RELEASE_PATHS.privacy)));
const { audit, document } = inputs;

describe("[REL8] the audit's page", () => {
  const page = text(RELEASE_PATHS.auditPage);

  test("lies in the release, needs nothing else and runs nothing", () => {
    expect(page).toMatch(/^<!doctype html>/);
    expect(page).not.toMatch(/<script|<link|src=|href=|@import|url\(/);
  });

  test("shows the verdict, the claimed ε, each rule, each site and the pictures", () => {
    expect(page).toContain(audit.verdict.words);
    expect(page).toContain('<span class="good">Passed</span>');
    expect(page).toMatch(new RegExp(`<dd>${privacy.guarantee.epsilon.toPrecision(3).slice(0, 4)}`));
    for (const { rule } of releaseGate(document, audit, privacy).rules) expect(page).toContain(rule);
    for (const site of audit.sites) expect(page).toContain(`at ${site}`);
    expect(page.match(/<svg/g)?.length).toBe(2);
  });

  test("a refused model, one that can't be told, and canaries", () => {
    const refused = { passed: false, rules: [{ rule: "r", required: "a < b", found: "b", passed: false, why: "no" }] };
    const none = audit.histograms.map((own) => {
      const empty = { ...own.nonMembers, counts: own.nonMembers.counts.map(() => 0) };
      return { ...own, nonMembers: empty };
    });
    const { study, studyDigest, modelDigest, round, modelClasses, limit, sites } = audit;
    const about = { study, studyDigest, modelDigest, round, modelClasses, limit, studySites: sites };
    const canaries = { delta: 1e-5, sites: [{ site: SiteName.parse("va"), count: 20, guesses: 10, correct: 9 }] };
    const report = AuditReport.parse(auditReportOf({ ...about, histograms: none, canaries }));
    const shown = auditPage(report, refused, privacy);
    expect(shown).toContain('<span class="bad">Refused</span>');
    expect(shown).toContain("a &lt; b");
    expect(shown).toContain("No ROC can be told");
    expect(shown).toContain("9 of 10 guesses about 20 made-up records");
    expect(shown).toContain("not resolvable");
  });
});
