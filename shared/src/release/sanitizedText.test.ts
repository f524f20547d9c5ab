import { describe, expect, test } from "vitest";
import { ChargeId, StewardName } from "../ledger/entry.ts";
import { SiteName } from "../units/identity.ts";
import type { SanitizedStatement } from "./sanitized.ts";
import { sanitizedLines } from "./sanitizedText.ts";

const guarantee = { basis: "spent", epsilon: 0.5 } as const;
const by = [StewardName.parse("first"), StewardName.parse("second")];

function first(epsilon: number | null, of: ("features" | "labels")[]): string {
  const site = { site: SiteName.parse("basel"), charge: ChargeId.parse("sanitize/clinic/1"), events: [] };
  const sites = [of.length === 0 ? site : { ...site, disclosure: { of, by } }];
  const statement: SanitizedStatement = { sites, epsilon };
  return sanitizedLines(statement, { guarantee, delta: 1e-5 })[0] ?? "";
}

describe("[SAN12] the first figure of a release says what it is of", () => {
  test("a patient; of features alone where labels left as they were; none where features did", () => {
    expect(first(7, [])).toContain("(**7.000**, 0.00001) about any one patient whose records lie at one site");
    expect(first(7, ["labels"])).toContain("the features of any one patient, whose labels are taken as known,");
    expect(first(null, ["features"])).toMatch(/^\*\*No figure bounds what this release tells of a patient\*\*/);
  });
});
