import type { Disclosure } from "../study/approval.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { sanitizedLines } from "./sanitizedText.ts";
import type { PrivacyStatement } from "./statement.ts";

const TRUST = {
  local: "each site adds all of its noise itself; nobody outside a site is trusted with anything un-noised",
  distributed: "sites share the noise; at most the stated number may collude",
} as const;

/** PRIVACY.md: the statement for people. */
export function privacyText(statement: PrivacyStatement): string {
  const { sampler } = statement;
  const hasReferences = statement.sites.some(({ parts }) => parts.some(({ part }) => part === "reference"));
  const rows = statement.sites.map((site) => {
    const part = (name: string) => epsilonText(site.parts.find((entry) => entry.part === name)?.epsilon ?? 0);
    return [
      site.site,
      site.dataset,
      epsilonText(site.trainingEpsilon),
      part("train"),
      part("validation"),
      part("audit"),
      ...(hasReferences ? [part("reference")] : []),
      epsilonText(site.epsilon),
      `${epsilonText(site.dataSet.epsilon)} of ${site.dataSet.cap} (δ = ${site.dataSet.delta})`,
    ];
  });
  return lines(
    `# Privacy statement: ${statement.study}`,
    "",
    ...promiseLines(statement),
    "",
    "- Unit: one patient with all of the patient's records.",
    statement.sanitized === undefined
      ? "- Neighbouring data sets differ by adding or removing one patient."
      : "- Of what this study did itself, neighbouring data sets differ by adding or removing one patient.",
    `- Trust: ${TRUST[statement.trust]}.`,
    "- Accountants: Rényi differential privacy (RDP), from the ledger in this folder; privacy loss distributions (PLD),",
    "  from the signed study, where it is said. `consilium verify` computes both again.",
    sentence(
      `- Study ${statement.studyDigest}, as every site signed it.`,
      `${scheduleText(statement)}; the figures below are for what was really done.`,
    ),
    sentence(
      `- Samplers differ from the ideal distributions by at most ${sampler.maxLogRatio} (log ratio)`,
      `and ${sampler.totalVariation} (total variation) in all; both are charged.`,
    ),
    ...disclosureLines(statement),
    ...(statement.sanitized === undefined ? [...twoSitesLines(statement), ...overlapLines(statement)] : []),
    ...publicWeightsLines(statement),
    "- Not promised: anything about groups of patients beyond the sum of their ε, or about facts true of people in general.",
    "",
    ...twoFiguresLines(statement),
    "## Sites",
    "",
    "Parts are disjoint: a patient is in one of them, so a site's figure is the largest.",
    "",
    table(
      [
        "site",
        "data set",
        "training alone",
        "train part",
        "validation part",
        "audit part",
        ...(hasReferences ? ["reference part"] : []),
        "ε of this study, as caps count it (RDP)",
        "all studies, against cap",
      ],
      rows,
    ),
    "",
    "## Mechanisms",
    "",
    ...statement.mechanisms.map((mechanism) => `- ${mechanism}`),
  );
}

/** The same as plain text. */
export function promiseText(statement: PrivacyStatement): string {
  return promiseLines(statement).join(" ").replaceAll("**", "").replaceAll(/\s+/g, " ").trim();
}

/** The one figure to remember. */
function promiseLines(statement: PrivacyStatement): string[] {
  const { guarantee, delta, sanitized } = statement;
  if (sanitized !== undefined) return sanitizedLines(sanitized, statement);
  const overlap =
    guarantee.twoSitesEpsilon === undefined
      ? ""
      : ` About one whose records lie at two sites, at most (${epsilonText(guarantee.twoSitesEpsilon)}, ${delta}).`;
  return [
    sentence(
      `Whoever holds this release learns at most (ε, δ) = (**${epsilonText(guarantee.epsilon)}**, ${delta})`,
      `about any one patient whose records lie at one site: ${basisText(statement)}.${overlap}`,
    ),
  ];
}

/** What the whole signed schedule costs, by both accountants where they differ. */
function scheduleText({ signedMaximumEpsilon, signedSchedule: { accountant, epsilon } }: PrivacyStatement): string {
  const rdp = `Its whole schedule costs ε = ${epsilonText(signedMaximumEpsilon)}`;
  return accountant === "rdp"
    ? rdp
    : `${rdp} by Rényi divergences and ${epsilonText(epsilon)} by privacy loss distributions`;
}

const BASIS: Readonly<Record<Exclude<PrivacyStatement["guarantee"]["basis"], "spent">, string>> = {
  filter: "that is the study's own ε, beyond which no site acts: a noised metric could end training early",
  "signed-maximum":
    "that is the whole schedule that was signed, on top of any repeated rounds: a noised metric could end training early",
  "signed-schedule":
    "that is the whole schedule that was signed, which nobody went beyond, by privacy loss distributions",
};

function basisText({ guarantee, consortium }: PrivacyStatement): string {
  if (guarantee.basis === "spent") return "the largest of the sites' figures below";
  return sentence(
    `${BASIS[guarantee.basis]}.`,
    `Really spent, at the site that spent most, by Rényi divergences: ε = ${epsilonText(consortium.disjointEpsilon)}`,
  );
}

const DISCLOSED: Readonly<Record<Disclosure, string>> = {
  "failed-attempt": "that an attempt at a round failed at a site",
  "late-answer": "at which eighth of the study's answer time a site answered",
};

/** What no figure counts: named, and that it was signed for. */
function disclosureLines({ signedDisclosures }: PrivacyStatement): string[] {
  if (signedDisclosures.length === 0) return ["- Unprotected disclosures: none."];
  const named = signedDisclosures.map((one) => DISCLOSED[one]).join(", and ");
  return [
    sentence(
      `- Unprotected disclosures: no data. What sites showed that may hang on records and no ε counts: ${named}.`,
      "Whose stewards signed for that stands in the approvals in this folder.",
    ),
  ];
}

/** Why the promise is less than what the sites' budgets were charged. */
function twoFiguresLines({ guarantee, consortium, delta, sanitized }: PrivacyStatement): string[] {
  // What is promised of a study on sanitized records is neither of them.
  if (guarantee.basis !== "signed-schedule" || sanitized !== undefined) return [];
  const [promised, charged] = [guarantee.epsilon, consortium.disjointEpsilon];
  if (charged <= promised || epsilonText(charged) === epsilonText(promised)) return [];
  return [
    "## Two figures for one run",
    "",
    sentence(
      `ε = ${epsilonText(guarantee.epsilon)} and ε = ${epsilonText(consortium.disjointEpsilon)} at δ = ${delta}`,
      "are two upper bounds on the same run, not two costs: they don't add, and each holds. RDP holds whatever rounds are",
      "chosen on the way, so the sites' caps are kept by it, and the table below is what they were charged. PLD is tighter",
      "and holds for a schedule that was fixed beforehand: every site signed this one, and nothing went beyond it, so its",
      "figure is what is promised.",
    ),
    "",
  ];
}

/** Groups that the study declares, beside the figure for any two sites. */
function overlapLines({ guarantee: { overlap = [] }, delta }: PrivacyStatement): string[] {
  return overlap.map(
    ({ sites, epsilon }) =>
      `- A patient with records at ${sites.join(", ")} all at once: ε = ${epsilonText(epsilon)} at δ = ${delta}.`,
  );
}

/** How the figure for two sites comes about: it is no sum of ε. */
function twoSitesLines({ guarantee: { basis, twoSitesEpsilon }, signedSchedule, delta }: PrivacyStatement): string[] {
  if (twoSitesEpsilon === undefined) return [];
  const byLosses = basis === "signed-schedule" && twoSitesEpsilon === signedSchedule.twoSitesEpsilon;
  return [
    sentence(
      "- Two sites: a patient whose records lie at two of them is in one part at either and pays at both. For the costliest",
      byLosses
        ? "pair of parts, both sites' privacy loss distributions are composed (Doroshenko et al. 2022), at the same δ:"
        : "pair of parts, Rényi divergences are added order by order (Mironov 2017, Proposition 1), then converted to ε at " +
            "the same δ (Canonne, Kamath & Steinke 2020, Proposition 12):",
      `ε = ${epsilonText(twoSitesEpsilon)} at δ = ${delta}, for both sites together; twice a site's ε would be at 2δ.`,
    ),
  ];
}

function publicWeightsLines({ publicWeights }: PrivacyStatement): string[] {
  if (publicWeights === undefined) return [];
  const { file, digest } = publicWeights.source;
  return [
    sentence(
      `- Public input: training started from the weights ${plain(file)} (SHA-256 ${digest}),`,
      "which the study's proposer declared public. What they tell of anyone they were trained on is not counted here.",
    ),
  ];
}

/** Clauses of one paragraph. */
export function sentence(...clauses: readonly string[]): string {
  return clauses.join(" ");
}

/** Text from the study, on one line and without Markdown or HTML of its own. */
export function plain(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/[<>`*_[\]]/g, "");
}

export function lines(...text: readonly string[]): string {
  return `${text.join("\n")}\n`;
}

/** A Markdown table. */
export function table(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cellsOfRow: readonly string[]) => `| ${cellsOfRow.map(escapeCell).join(" | ")} |`;
  return [line(header), `|${"---|".repeat(header.length)}`, ...rows.map(line)].join("\n");
}

/** Study texts must not break out of their cell. */
function escapeCell(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
}
