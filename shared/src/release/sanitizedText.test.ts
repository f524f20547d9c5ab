import { describe, expect, test } from "vitest";
import { inputs, lead } from "../../../test/support/releaseFixture.ts";
import { ChargeId, StewardName } from "../ledger/entry.ts";
import { SiteName } from "../units/identity.ts";
import { buildRelease } from "./build.ts";
import { modelCard } from "./card.ts";
import { RELEASE_PATHS } from "./manifest.ts";
import type { SanitizedStatement } from "./sanitized.ts";
import { sanitizedLines } from "./sanitizedText.ts";
import { PrivacyStatement } from "./statement.ts";

const guarantee = { basis: "spent", epsilon: 0.5 } as const;
const by = [StewardName.parse("first"), StewardName.parse("second")];

function stated(epsilon: number | null, of: ("features" | "labels")[]): SanitizedStatement {
  const site = { site: SiteName.parse("basel"), charge: ChargeId.parse("sanitize/clinic/1"), events: [] };
  const sites = [of.length === 0 ? site : { ...site, disclosure: { of, by } }];
  return { sites, epsilon };
}

function first(epsilon: number | null, of: ("features" | "labels")[]): string {
  return sanitizedLines(stated(epsilon, of), { guarantee, delta: 1e-5 })[0] ?? "";
}

function ofCard(epsilon: number | null, of: ("features" | "labels")[]): string {
  const release = buildRelease(inputs, lead);
  const read = (path: string) => JSON.parse(new TextDecoder().decode(release.get(path)));
  const privacy = PrivacyStatement.parse(read(RELEASE_PATHS.privacy));
  const gate = { passed: true, rules: [] };
  const card = modelCard({ ...inputs, privacy: { ...privacy, delta: 1e-5, sanitized: stated(epsilon, of) }, gate });
  return card.split("\n").find((line) => /^- (\(ε|\*\*No figure)/.test(line)) ?? "";
}

describe("[SAN12] the first figure of a release says what it is of", () => {
  test("a patient; of features alone where labels left as they were; none where features did", () => {
    expect(first(7, [])).toContain("(**7.000**, 0.00001) about any one patient whose records lie at one site");
    expect(first(7, ["labels"])).toContain("the features of any one patient, whose labels are taken as known,");
    expect(first(null, ["features"])).toMatch(/^\*\*No figure bounds what this release tells of a patient\*\*/);
  });

  test("the model card says the same of it", () => {
    expect(ofCard(7, [])).toContain("(7.000, 0.00001) for any one patient, what made the sanitized records included,");
    expect(ofCard(7, ["labels"])).toContain(
      "the features of any one patient, whose labels are taken as known, what made",
    );
    expect(ofCard(null, ["features"])).toMatch(/^- \*\*No figure bounds what it tells of a patient\*\*/);
  });
});
