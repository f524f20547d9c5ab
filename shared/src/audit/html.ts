import { htmlTable } from "../html/page.ts";
import { escaped } from "../plot/escaped.ts";
import { decimals, figureText } from "./figureText.ts";
import { aucPlotSvg, orderingName, rocPlotSvg, type Shown } from "./plots.ts";
import type { AuditReport, Figure } from "./report.ts";

/** AUCs against a limit, the most exposed classes, and the ROC. */
export function aucHtml(report: Shown): string {
  const exposed = report.orderings.flatMap((ordering) => {
    const resolved = ordering.perClass.flatMap(({ class: index, auc }) =>
      auc.state === "resolved" ? [{ index, value: auc.value }] : [],
    );
    const [most] = resolved.sort((a, b) => b.value - a.value);
    return most === undefined
      ? []
      : [`By ${orderingName(ordering)} the most exposed class is ${most.index}: AUC ${decimals(most.value)}.`];
  });
  return [
    "<h3>AUC, with the limit</h3>",
    aucPlotSvg(report),
    ...(report.orderings.some(({ perSite }) => perSite.length > 0) ? [MATCHED] : []),
    ...exposed.map((text) => `<p>${escaped(text)}</p>`),
    rocPlotSvg(report) ?? "<p>No ROC can be told: too few patients, or too much noise.</p>",
    '<p class="quiet">TPR: share of members found; FPR: share of non-members taken for members.</p>',
  ].join("\n");
}

const MATCHED =
  '<p class="quiet">Bold rows decide: non-members are weighted to the members\' mix of sites. The others inform.</p>';

/** Each figure with its interval. */
export function attacksHtml({ orderings, confidence }: Pick<AuditReport, "orderings" | "confidence">): string {
  const rows = orderings.flatMap((ordering) => {
    const of = (name: string, figure: Figure): string[] => [ordering.attacks.join(", "), name, figureText(figure)];
    return [
      ...(ordering.perSite.length === 0
        ? [of("AUC", ordering.auc)]
        : [of("AUC, site-matched", ordering.auc), of("AUC, sites pooled", ordering.pooledAuc)]),
      of("advantage", ordering.advantage),
      ...ordering.tprAtFpr.map(({ fpr, tpr }) => of(`TPR at FPR ${fpr}`, tpr)),
    ].map((cells) => cells.map(escaped));
  });
  const note =
    `Intervals of one kind hold together with probability ${confidence}; they cover which patients were drawn, the noise ` +
    "on the counts and the order inside bins. What can't be told is called so: too little to see is not nothing to see.";
  return `${htmlTable(["attacks", "figure", "value (interval)"], rows)}<p class="quiet">${escaped(note)}</p>`;
}
