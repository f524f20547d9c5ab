import { decimals, figureText } from "../audit/figureText.ts";
import { attacksHtml, aucHtml } from "../audit/html.ts";
import type { AuditReport, GateResult } from "../audit/report.ts";
import { htmlPage, htmlSection, htmlTable } from "../html/page.ts";
import { escaped } from "../plot/escaped.ts";
import { epsilonText } from "../units/epsilonText.ts";
import { type GateOverride, overrideText } from "./override.ts";
import type { PrivacyStatement } from "./statement.ts";
import { promiseText } from "./texts.ts";

/**
 * The audit as one page that needs nothing else: verdict first, claimed ε beside what attacks and canaries show, then
 * pictures and tables. A pure function, so that `verify` makes it again.
 */
export function auditPage(
  report: AuditReport,
  gate: GateResult,
  privacy: PrivacyStatement,
  override?: GateOverride,
): string {
  return htmlPage(`Membership audit: ${report.study}`, [
    `<p>${gate.passed ? '<span class="good">Passed</span>' : '<span class="bad">Refused</span>'} by the gate that every ` +
      `site signed before training. ${escaped(report.verdict.words)}</p>`,
    ...(override === undefined ? [] : [`<p class="keep">${escaped(overrideText(override))}</p>`]),
    headline(report, privacy),
    `<p>${escaped(promiseText(privacy))}</p>`,
    htmlSection("Gate", gateHtml(gate)),
    htmlSection("How well members are told from non-members", aucHtml(report)),
    htmlSection("Attacks", attacksHtml(report)),
    ...canariesHtml(report),
    ...directionsHtml(report),
    ...utilityHtml(report),
    htmlSection("What this rests on", basisHtml(report)),
  ]);
}

function headline(
  { best, confidence, canaries, gradientCanaries }: AuditReport,
  { guarantee, delta }: PrivacyStatement,
): string {
  const percent = `${Number((100 * confidence).toPrecision(4))} %`;
  const figures = [
    [
      "Claimed ε",
      epsilonText(guarantee.epsilon, 4),
      `δ = ${delta}, for one patient at one site: proven, whatever the attack`,
    ],
    [
      "Best attack's AUC",
      best.state === "resolved" ? decimals(best.value) : "–",
      best.state === "resolved"
        ? `${decimals(best.low)} to ${decimals(best.high)} (${percent}), not an ε bound; 0.5 is a coin toss`
        : `not resolvable: ${best.why}`,
    ],
    ...(canaries === undefined
      ? []
      : [
          [
            "ε shown by canaries",
            `≥ ${epsilonText(canaries.epsilon, 3)}`,
            `${percent}; could have shown ${epsilonText(canaries.epsilonMax, 3)} at most`,
          ],
        ]),
    ...(gradientCanaries === undefined
      ? []
      : [["ε by gradient canaries", `≈ ${epsilonText(gradientCanaries.epsilon, 3)}`, "an estimate, no bound"]]),
  ];
  const cells = figures.map(
    ([name = "", value = "", note = ""]) =>
      `<div><dt>${escaped(name)}</dt><dd>${escaped(value)}<small>${escaped(note)}</small></dd></div>`,
  );
  return `<dl class="figures">${cells.join("\n")}</dl>`;
}

function gateHtml({ rules }: GateResult): string {
  return htmlTable(
    ["", "rule", "found", "required", "why"],
    rules.map(({ rule, found, required, passed, why }) => [
      passed ? '<span class="good">passed</span>' : '<span class="bad">failed</span>',
      ...[rule, found, required, why].map(escaped),
    ]),
  );
}

function canariesHtml({ canaries }: AuditReport): string[] {
  if (canaries === undefined) return [];
  const { count, guesses, correct, delta, epsilon, epsilonMax, sites } = canaries;
  const words =
    `${correct} of ${guesses} guesses about ${count} made-up records, each of which trained or not by a fair coin, were right: ` +
    `training's ε is at least ${epsilonText(epsilon, 4)} at δ = ${delta}. Had all been right, it would have shown ` +
    `${epsilonText(epsilonMax, 4)}. A low figure is no proof of privacy; the proof is the ledger's.`;
  const rows = sites.map((one) => [one.site, one.count, one.guesses, one.correct].map((cell) => escaped(String(cell))));
  return [
    htmlSection("Canaries", `<p>${escaped(words)}</p>${htmlTable(["site", "canaries", "guesses", "right"], rows)}`),
  ];
}

function directionsHtml({ gradientCanaries }: AuditReport): string[] {
  if (gradientCanaries === undefined) return [];
  const { count, dimension, meanCosine, stdDevCosine } = gradientCanaries;
  const words =
    `${count} public directions joined steps as patients do. Their cosine with the run's noised sums is ` +
    `${meanCosine.toPrecision(3)} on average (s.d. ${stdDevCosine.toPrecision(3)}); of one that took no part, 0 ` +
    `(${(1 / Math.sqrt(dimension)).toPrecision(3)}). What follows is an estimate for the consortium's sum, and bounds nothing.`;
  return [htmlSection("Gradient canaries", `<p>${escaped(words)}</p>`)];
}

function utilityHtml({ utility }: AuditReport): string[] {
  if (utility === undefined) return [];
  const { auc, accuracy } = utility.evaluation;
  const found = `accuracy ${figureText(accuracy)}${auc === undefined ? "" : `, AUC ${figureText(auc)}`}`;
  const words = `A logistic regression trained on the synthetic records alone, tried on real patients of the audit part: ${found}.`;
  return [htmlSection("Synthetic records", `<p>${escaped(words)}</p>`)];
}

function basisHtml(report: AuditReport): string {
  const [first] = report.orderings;
  const rows = [
    ["model", `<code>${report.modelDigest}</code>, after round ${report.round}`],
    ["study", `<code>${report.studyDigest}</code>`],
    ["sites", escaped(report.sites.join(", "))],
    ["sites that sent nothing", escaped(report.sitesMissing.join(", ") || "none")],
    [
      "members, non-members",
      `about ${Math.round(first?.members ?? 0)} and ${Math.round(first?.nonMembers ?? 0)}, noised`,
    ],
  ];
  const sources = [
    "Each site scored its own patients with the released model and sent noised counts; no score left it.",
    "Loss: Yeom et al. 2018. Confidence, entropies, correctness: Song & Mittal 2021. Canaries: Steinke, Nasr & Jagielski 2023.",
    "consilium verify computes every figure of this page again from the counts beside it.",
  ];
  return `${htmlTable(["", ""], rows)}${sources.map((text) => `<p class="quiet">${escaped(text)}</p>`).join("\n")}`;
}
