import { htmlPage, htmlSection, htmlTable } from "../html/page.ts";
import { escaped } from "../plot/escaped.ts";
import type { ExactAudit } from "./exactAudit.ts";
import { decimals } from "./figureText.ts";
import { attacksHtml, aucHtml } from "./html.ts";

/** What was audited, in words of whoever asked. */
export interface Audited {
  readonly model: string;
  readonly members: string;
  readonly nonMembers: string;
  /** `2026-11-23`. */
  readonly madeOn: string;
}

/**
 * An audit of a model that was trained elsewhere, as one page for a data-protection impact assessment. Exact figures of
 * records: it says so first.
 */
export function exactPage(report: ExactAudit, audited: Audited): string {
  const { best, confidence, verdict } = report;
  const percent = `${Number((100 * confidence).toPrecision(4))} %`;
  const auc =
    best.state === "resolved"
      ? `<dd>${decimals(best.value)}<small>${decimals(best.low)} to ${decimals(best.high)} (${percent}), not an ε bound; ` +
        "0.5 is a coin toss</small></dd>"
      : `<dd>–<small>${escaped(best.why)}</small></dd>`;
  return htmlPage(`Membership audit: ${audited.model}`, [
    `<p class="keep">Exact figures of the records named below, made on ${escaped(audited.madeOn)}: nothing of them was ` +
      "noised. Whoever gets this page learns them.</p>",
    `<p>${escaped(verdict.words)}</p>`,
    `<dl class="figures"><div><dt>Best attack's AUC</dt>${auc}</div>` +
      `<div><dt>Members</dt><dd>${report.members}</dd></div>` +
      `<div><dt>Non-members</dt><dd>${report.nonMembers}</dd></div></dl>`,
    htmlSection("How well members are told from non-members", aucHtml(report)),
    htmlSection("Attacks", attacksHtml(report)),
    htmlSection("What this rests on", basisHtml(audited)),
  ]);
}

const LIMITS = [
  "Members must have trained the model, and non-members must not; both must be drawn alike. Where they differ otherwise " +
    "(another year, another hospital), an attack tells that difference, and the AUC is too high.",
  "Each record counts by itself: of several records of one person, intervals are too narrow.",
  "These attacks read the model's outputs and the labels, and no other model. Attacks with reference models find more.",
  "No audit bounds ε: a model without a proof of differential privacy stays without one, whatever stands here.",
  "Loss: Yeom et al. 2018, arXiv:1709.01604. Confidence, entropies, correctness: Song & Mittal 2021, arXiv:2003.10595. " +
    "Intervals: DeLong, DeLong & Clarke-Pearson 1988, simultaneous by Bonferroni over attacks that order records differently.",
];

function basisHtml({ model, members, nonMembers }: Audited): string {
  const rows = Object.entries({ model, members, "non-members": nonMembers }).map((row) => row.map(escaped));
  return `${htmlTable(["", ""], rows)}<ul>${LIMITS.map((text) => `<li>${escaped(text)}</li>`).join("\n")}</ul>`;
}
