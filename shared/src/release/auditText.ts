import { decimals, figureText } from "../audit/figureText.ts";
import type { AuditReport, Figure, GateResult } from "../audit/report.ts";
import { isReferenceAttack } from "../study/audit.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { type GateOverride, overrideText } from "./override.ts";
import { lines, plain, sentence, table } from "./texts.ts";

/** AUDIT.md: verdict first, then the tables. */
export function auditText(report: AuditReport, gate: GateResult, override?: GateOverride): string {
  const attacks = report.orderings.flatMap((ordering) => [
    [ordering.attacks.join(", "), "AUC, site-matched", ...cells(ordering.auc)],
    [ordering.attacks.join(", "), "AUC, pooled", ...cells(ordering.pooledAuc)],
    [ordering.attacks.join(", "), "advantage", ...cells(ordering.advantage)],
    ...ordering.tprAtFpr.map(({ fpr, tpr }) => [ordering.attacks.join(", "), `TPR at FPR ${fpr}`, ...cells(tpr)]),
  ]);
  const single = report.orderings.flatMap((ordering) => [
    ...ordering.perSite.map(({ site, auc }) => [ordering.attacks.join(", "), site, ...cells(auc)]),
    ...ordering.perClass.map((entry) => [ordering.attacks.join(", "), `class ${entry.class}`, ...cells(entry.auc)]),
  ]);
  const header = ["low", "value", "high", "s.d. sampling", "s.d. noise", "half bin"];
  return lines(
    `# Membership audit: ${report.study}`,
    "",
    report.verdict.words,
    "",
    `Gate: **${gate.passed ? "passed" : "refused"}**.`,
    ...(override === undefined ? [] : ["", `**${plain(overrideText(override))}**`]),
    "",
    table(
      ["rule", "required", "found", "passed", "why"],
      gate.rules.map((rule) => [rule.rule, rule.required, rule.found, rule.passed ? "yes" : "no", rule.why]),
    ),
    "",
    "## Attacks",
    "",
    sentence(
      "Each figure is an estimate of what these attacks can do, **not an ε bound**.",
      "Attacks in one row order records alike: they are one trial.",
      `The site-matched AUC intervals hold together with probability ${report.confidence};`,
      "so do those of the advantage, and those of the TPRs.",
      "They cover which patients were drawn (sampling), the noise on the counts, and the order inside bins (half bin).",
    ),
    "",
    table(["attacks", "figure", ...header], attacks),
    ...referenceLines(report),
    ...learntLines(report),
    "",
    "## Sites and classes",
    "",
    "The sites' intervals hold together, and so do the classes', which are site-matched.",
    report.sitesMissing.length === 0 ? "" : `Not audited: ${report.sitesMissing.join(", ")}.`,
    "",
    table(["attacks", "AUC of", ...header], single),
    ...canaryLines(report),
    ...directionLines(report),
    ...utilityLines(report),
  );
}

function directionLines({ gradientCanaries }: AuditReport): readonly string[] {
  if (gradientCanaries === undefined) return [];
  const { count, dimension, meanCosine, stdDevCosine, delta, epsilon } = gradientCanaries;
  return [
    "",
    "## Gradient canaries",
    "",
    sentence(
      `Of ${count} public directions that joined steps as patients do, the cosine with the run's noised sums is`,
      `${meanCosine.toPrecision(3)} on average (s.d. ${stdDevCosine.toPrecision(3)}; a direction that took no part has 0`,
      `and ${(1 / Math.sqrt(dimension)).toPrecision(3)}). By Andrew et al. 2024 that is ε = ${epsilonText(epsilon)} at`,
      `δ = ${delta} for what the consortium's sum tells: **an estimate, no bound**, and it can't be computed again from`,
      "this release, since the sums are not in it.",
    ),
  ];
}

function utilityLines({ utility }: AuditReport): readonly string[] {
  if (utility === undefined) return [];
  const { auc, accuracy } = utility.evaluation;
  return [
    "",
    "## Synthetic records",
    "",
    sentence(
      "The attack closest-record is on the synthetic records as released, by their distance to a patient's; the others are",
      "on the discriminator. A logistic regression trained on the synthetic records alone, tried on real patients of the",
      `audit part: accuracy ${figureText(accuracy)}${auc === undefined ? "" : `, AUC ${figureText(auc)}`} (95 %).`,
    ),
  ];
}

/** What of these attacks nobody can do again who has the release alone. */
function referenceLines({ orderings }: AuditReport): readonly string[] {
  const comparing = orderings.flatMap(({ attacks }) => attacks.filter(isReferenceAttack));
  if (comparing.length === 0) return [];
  return [
    "",
    sentence(
      `The scores of ${comparing.join(" and ")} compare the model with reference models that the sites trained with noise,`,
      "on patients who are neither members nor non-members here. Those models are not part of this release:",
      "the figures follow from the histograms in it, the scores can't be made again.",
    ),
  ];
}

function learntLines({ shadow }: AuditReport): readonly string[] {
  if (shadow === undefined) return [];
  return [
    "",
    sentence(
      "class-threshold holds a record's confidence against its class's own threshold, and learned is a small network on",
      "confidence, entropy and class. Both were learnt from noised histograms of the last reference model, which are in",
      "audit.json, and from nothing of the model that is judged: whoever has those counts learns the same attacks.",
    ),
  ];
}

function canaryLines({ canaries, confidence }: AuditReport): readonly string[] {
  if (canaries === undefined) return [];
  const { sites, count, guesses, correct, delta, epsilon, epsilonMax } = canaries;
  return [
    "",
    "## Canaries",
    "",
    sentence(
      `Of ${count} made-up records, each of which trained or not by a fair coin, the audit guessed ${guesses} coins`,
      `and was right ${correct} times: training's ε is at least ${epsilonText(epsilon, 4)} at δ = ${delta}, with probability`,
      `${confidence} over coins and noise (Steinke, Nasr & Jagielski 2023, Theorem 5.2).`,
    ),
    sentence(
      `Had every guess been right, it would have shown ${epsilonText(epsilonMax, 4)}: what lies above no such run can see.`,
      "A low figure is no proof of privacy; the proof is the ledger's.",
    ),
    "",
    table(
      ["site", "canaries", "guesses", "right"],
      sites.map((one) => [one.site, one.count, one.guesses, one.correct].map(String)),
    ),
  ];
}

function cells(figure: Figure): string[] {
  if (figure.state === "not-resolvable") return ["", "not resolvable", "", "", "", figure.why];
  const { low, value, high, samplingStdDev, noiseStdDev, halfBin } = figure;
  return [low, value, high, samplingStdDev, noiseStdDev, halfBin].map(decimals);
}
