import { decimals, figureText } from "../audit/figureText.ts";
import { htmlPage, htmlSection, htmlTable } from "../html/page.ts";
import { escaped } from "../plot/escaped.ts";
import { heatMapSvg } from "../plot/heatMap.ts";
import { linePlotSvg, type Panel } from "../plot/linePlot.ts";
import type { AttackFigures, SyntheticEvaluation } from "./evaluate.ts";

/** What was looked at, in words of whoever asked. */
export interface Looked {
  readonly synthetic: string;
  readonly members: string;
  readonly nonMembers: string;
  /** `2026-11-23`. */
  readonly madeOn: string;
}

/** An evaluation of synthetic records as one page. Exact figures of real ones: it says so first. */
export function syntheticPage(evaluation: SyntheticEvaluation, looked: Looked): string {
  const { utility, records, association } = evaluation;
  const strongest = strongestOf(evaluation.attacks);
  return htmlPage(`Synthetic records: ${looked.synthetic}`, [
    `<p class="keep">Exact figures of the records named below, made on ${escaped(looked.madeOn)}: nothing of them was ` +
      "noised. Whoever gets this page learns them.</p>",
    '<dl class="figures">' +
      [
        ["Synthetic records", String(records.synthetic), ""],
        ...(utility === null
          ? []
          : [
              [
                "Taught by synthetic, tried on real",
                percent(utility.syntheticOnReal),
                `${percent(utility.realOnReal)} taught by real`,
              ],
            ]),
        ...(association.meanDifference === null
          ? []
          : [["Mean difference of associations", decimals(association.meanDifference), "0 is alike"]]),
        ["Best attack's AUC", strongest, "0.5 is a coin toss; not an ε bound"],
      ]
        .map(
          ([name, value, note]) =>
            `<div><dt>${escaped(name ?? "")}</dt><dd>${escaped(value ?? "")}<small>${escaped(note ?? "")}</small></dd></div>`,
        )
        .join("") +
      "</dl>",
    htmlSection("What they teach", utilityHtml(evaluation)),
    htmlSection("Each column by itself", marginalsHtml(evaluation)),
    htmlSection("Columns together", associationHtml(evaluation)),
    ...(evaluation.series.length === 0 ? [] : [htmlSection("Over time", seriesHtml(evaluation))]),
    htmlSection("How near they come to real records", closestHtml(evaluation)),
    htmlSection("Membership attacks", attacksHtml(evaluation)),
    htmlSection("What this rests on", basisHtml(looked)),
  ]);
}

export function strongestOf(attacks: readonly AttackFigures[]): string {
  const values = attacks.flatMap(({ auc }) => (auc.state === "resolved" ? [auc.value] : []));
  return values.length === 0 ? "–" : decimals(Math.max(...values));
}

function utilityHtml({ utility }: SyntheticEvaluation): string {
  if (utility === null) return "<p>No column was named that a classifier could tell: --label.</p>";
  const rows = [
    ["synthetic", "real, not seen", percent(utility.syntheticOnReal)],
    ["real", "real, not seen", percent(utility.realOnReal)],
    ["real", "synthetic", percent(utility.realOnSynthetic)],
    ["the commonest class", "real, not seen", percent(utility.commonest)],
  ];
  return `${htmlTable(["taught by", "tried on", "right"], rows)}<p class="quiet">One logistic regression throughout.</p>`;
}

/** The most columns of one table on a page: the farthest apart first. */
const COLUMNS_SHOWN = 40;

function marginalsHtml({ marginals }: SyntheticEvaluation): string {
  const worst = [...marginals].sort((a, b) => b.distance - a.distance).slice(0, COLUMNS_SHOWN);
  const rows = worst.map(({ column, type, distance, moved, real, synthetic }) => [
    escaped(column),
    `${decimals(distance)} (${type === "number" ? "Kolmogorov–Smirnov" : "total variation"})`,
    moved === null ? "" : shown(moved),
    spreadText(real),
    spreadText(synthetic),
    `${percent(real.missing)} / ${percent(synthetic.missing)}`,
  ]);
  const head = ["column", "distance, 0 to 1", "moved by", "real: mean (s.d.)", "synthetic: mean (s.d.)", "missing"];
  return htmlTable(head, rows);
}

function spreadText({ mean, stdDev }: { readonly mean: number | null; readonly stdDev: number | null }): string {
  if (mean === null) return "";
  return `${shown(mean)} (${stdDev === null ? "–" : shown(stdDev)})`;
}

function associationHtml({ association: { real, synthetic, largest } }: SyntheticEvaluation): string {
  const words =
    largest === null
      ? ""
      : `<p>The farthest apart: ${escaped(largest.columns[0])} with ${escaped(largest.columns[1])}, by ${decimals(largest.difference)}.</p>`;
  return (
    heatMapSvg("Associations of columns, real and synthetic", [
      { title: "Real", values: real },
      { title: "Synthetic", values: synthetic },
    ]) +
    words +
    '<p class="quiet">Numbers: Pearson’s r. Categories: Cramér’s V. One of each: correlation ratio η.</p>'
  );
}

function seriesHtml({ series }: SyntheticEvaluation): string {
  const panels = series.map(({ name, lines }): Panel => {
    return {
      title: name,
      xName: "time",
      yName: "mean",
      scale: { x: "linear", y: "linear" },
      lines: lines.map((line) => ({ name: line.name, points: line.means.map((y, index) => ({ x: index + 1, y })) })),
    };
  });
  return linePlotSvg(
    `Means over time: ${series.map(({ name }) => name).join(", ")}`,
    panels,
    Math.min(3, panels.length),
  );
}

function closestHtml({ closest: { members, nonMembers } }: SyntheticEvaluation): string {
  const rows = [["those that a generator learned from", members] as const, ["others", nonMembers] as const].map(
    ([who, own]) => [who, shown(own.fifthPercentile), shown(own.median), percent(own.copied)],
  );
  return (
    htmlTable(["real records", "5th percentile", "median", "copied"], rows) +
    '<p class="quiet">Distance to the closest synthetic record, every column from 0 to 1. Where members lie nearer than ' +
    "others, the generator remembers; copies among others are common records.</p>"
  );
}

function attacksHtml({ attacks, confidence }: SyntheticEvaluation): string {
  const rows = attacks.flatMap(({ attack, auc, advantage, tprAtFpr }) => [
    [attack, "AUC", figureText(auc)],
    ["", "advantage", figureText(advantage)],
    ...tprAtFpr.map(({ fpr, tpr }) => ["", `TPR at FPR ${fpr}`, figureText(tpr)]),
  ]);
  const lines = attacks.map(({ attack, roc }) => ({
    name: attack,
    points: roc.map(({ fpr, tpr }) => ({ x: fpr, y: tpr })),
  }));
  const axes = { xName: "FPR", yName: "TPR" };
  const tails = lines.map(({ name, points }) => ({ name, points: points.filter(({ x, y }) => x > 0 && y > 0) }));
  const panels: readonly Panel[] = [
    { title: "ROC", ...axes, lines, scale: { x: "linear", y: "linear" } },
    { title: "The same, logarithmic", ...axes, lines: tails, scale: { x: "log", y: "log" } },
  ];
  return (
    linePlotSvg("ROC of membership attacks", panels, 2) +
    htmlTable(
      ["attack", "figure", "value (interval)"],
      rows.map((cells) => cells.map(escaped)),
    ) +
    `<p class="quiet">Intervals of one kind hold together with probability ${confidence}.</p>`
  );
}

const LIMITS = [
  "Members must have taught the generator, and non-members must not; both must be drawn alike. Where they differ otherwise, " +
    "an attack tells that difference, and the AUC is too high.",
  "Synthetic records without a proof of differential privacy stay without one, whatever stands here: no audit bounds ε.",
  "Closest record and Monte Carlo: Hilprecht et al. 2019, doi:10.2478/popets-2019-0067. Density ratio: van Breugel et al. " +
    "2023, arXiv:2302.12580, with half of the non-members as its reference. Taught and tried: Esteban et al. 2017, arXiv:1706.02633.",
];

function basisHtml({ synthetic, members, nonMembers }: Looked): string {
  const rows = Object.entries({ synthetic, members, "non-members": nonMembers }).map((row) => row.map(escaped));
  return `${htmlTable(["", ""], rows)}<ul>${LIMITS.map((text) => `<li>${escaped(text)}</li>`).join("\n")}</ul>`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}
