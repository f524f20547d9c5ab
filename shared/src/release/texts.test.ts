import { describe, expect, test } from "vitest";
import { inputs, lead } from "../../../test/support/releaseFixture.ts";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { pldUpperEpsilon } from "../accountant/pld.ts";
import { Part } from "../ledger/entry.ts";
import { eventsOf } from "../study/noise.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { buildRelease } from "./build.ts";
import { RELEASE_PATHS } from "./manifest.ts";
import { PrivacyStatement } from "./statement.ts";
import { table } from "./texts.ts";

const release = buildRelease(
  {
    ...inputs,
    evaluation: {
      auc: { state: "not-resolvable", why: "too few" },
      accuracy: {
        state: "resolved",
        low: 0.7,
        value: 0.8,
        high: 0.9,
        samplingStdDev: 0.03,
        noiseStdDev: 0.03,
        halfBin: 0,
      },
    },
  },
  lead,
);
const statement = PrivacyStatement.parse(JSON.parse(new TextDecoder().decode(release.get(RELEASE_PATHS.privacy))));
const text = (path: string) => new TextDecoder().decode(release.get(path));

describe("[REL6] texts say what the figures say", () => {
  test("the model card begins with front matter, and neutralises the study's own markup", () => {
    const card = text(RELEASE_PATHS.card);
    expect(card).toMatch(/^---\nlibrary_name: consilium\n/);
    expect(card).toContain("Predict heart disease | from clinical features");
    expect(card).not.toContain("<clinical>");
    expect(card).toContain("- AUC: not resolvable (too few)");
    expect(card).toContain("- Accuracy: 0.800 (0.700 to 0.900)");
  });

  test("the audit's text carries its verdict and says that it is no bound on ε", () => {
    const audit = text(RELEASE_PATHS.auditText);
    expect(audit).toContain(inputs.audit.verdict.words);
    expect(audit).toContain("**not an ε bound**");
    expect(audit).toContain("not resolvable");
  });

  test("the privacy statement names unit, neighbours, trust, overlap and every site", () => {
    const privacy = text(RELEASE_PATHS.privacyText);
    for (const words of ["one patient", "adding or removing", "each site adds all", "two sites", "cleveland", "va"]) {
      expect(privacy).toContain(words);
    }
  });

  test("the figure for two sites has its δ, and is that of the events of two sites", () => {
    const [one, other] = statement.sites;
    const pairs = one?.parts.flatMap((own) => other?.parts.map(({ events }) => [...own.events, ...events]) ?? []) ?? [];
    expect(pairs).toHaveLength(9);
    const epsilon = Math.max(...pairs.map((events) => epsilonOfEvents(events, statement.delta)));
    expect(Math.abs(epsilon / (statement.consortium.twoSitesEpsilon ?? 0) - 1)).toBeLessThan(1e-9);
    const signed = Part.options.map((part) => eventsOf(inputs.document, part));
    const signedPairs = signed.flatMap((a) => signed.map((b) => pldUpperEpsilon([...a, ...b], statement.delta)));
    const byLosses = Math.max(...signedPairs);
    expect(byLosses).toBeLessThan(epsilon);
    expect(Math.abs(byLosses / (statement.guarantee.twoSitesEpsilon ?? 0) - 1)).toBeLessThan(1e-9);
    const told = epsilonText(byLosses);
    const privacy = text(RELEASE_PATHS.privacyText);
    expect(privacy).toContain("both sites' privacy loss distributions are composed");
    expect(privacy).toContain(`at most (${told}, ${statement.delta}).`);
    expect(privacy).toContain(
      `ε = ${told} at δ = ${statement.delta}, for both sites together; twice a site's ε would be at 2δ.`,
    );
  });

  test("a cell can't break out of its table", () => {
    expect(table(["a"], [["x | y\n| z \\"]])).toBe("| a |\n|---|\n| x \\| y \\| z \\\\ |");
  });
});
