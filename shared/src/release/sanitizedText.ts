import { sanitizingWords } from "../ledger/sanitizingWords.ts";
import { epsilonText } from "../units/epsilonText.ts";
import type { SanitizedStatement } from "./sanitized.ts";
import type { PrivacyStatement } from "./statement.ts";

/** What a model that learnt from sanitized records promises: first the figure, then where each site's come from. */
export function sanitizedLines(
  sanitized: SanitizedStatement,
  { guarantee, delta }: Pick<PrivacyStatement, "guarantee" | "delta">,
): string[] {
  const own = `metrics and audit of this study alone cost ε = ${epsilonText(guarantee.epsilon)}`;
  return [
    sanitized.epsilon === null
      ? `**No figure bounds what this release tells of a patient**: ${NO_FIGURE}; ${own}.`
      : `Whoever holds this release learns at most (ε, δ) = (**${epsilonText(sanitized.epsilon)}**, ${delta}) about ` +
        `${aboutWhom(sanitized)} whose records lie at one site: what made the sanitized records that training read, and ${own}.`,
    "",
    ...twoSites(sanitized, delta),
    ...(sanitized.epsilon === null ? [] : [ZERO_OUT]),
    "- Sanitized records, each site's charged once to its data set, for any number of studies:",
    ...sanitized.sites.map(({ site, charge, ...words }) => `  - ${site} (${charge}): ${sanitizingWords(words)}.`),
    ...(sanitized.sites.some(({ disclosure }) => disclosure?.of.includes("labels")) ? [LABELS] : []),
  ];
}

/** Labels that left as they were are no part of any figure. */
export function aboutWhom({ sites }: SanitizedStatement): string {
  const arePublic = sites.some(({ disclosure }) => disclosure?.of.includes("labels"));
  return arePublic ? "the features of any one patient, whose labels are taken as known," : "any one patient";
}

const ZERO_OUT =
  "- That figure is for one patient's records replaced by nothing, while it stays public how many patients there are and " +
  "how many records each has: whether a person is in a sanitized data set at all is not protected by it. Validation and " +
  "audit patients' records were sanitized too, and charged (the table's last column), but this release didn't read those.";
const NO_FIGURE = "sites trained it on records whose noise hides no record, for which two stewards each had signed";
const LABELS =
  "- Where labels left as they were, every figure is for the features of a patient whose labels are known.";

function twoSites({ twoSitesEpsilon, overlap = [] }: SanitizedStatement, delta: number): string[] {
  return [
    ...(twoSitesEpsilon == null
      ? []
      : [`- A patient whose records lie at two sites: ε = ${epsilonText(twoSitesEpsilon)} at δ = ${delta}, for both.`]),
    ...overlap.map(
      ({ sites, epsilon }) =>
        `- A patient with records at ${sites.join(", ")} all at once: ε = ${epsilonText(epsilon)} at δ = ${delta}.`,
    ),
  ];
}
