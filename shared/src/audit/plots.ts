import { type IntervalRow, intervalPlotSvg } from "../plot/intervalPlot.ts";
import { type Line, linePlotSvg, type Point, STYLES } from "../plot/linePlot.ts";
import type { AuditReport, Figure, OrderingReport } from "./report.ts";

/** What of an audit is drawn. */
export type Shown = Pick<AuditReport, "orderings" | "limit">;

/** Every AUC with its interval, against a coin toss and the gate's limit: the gate's own, then those that inform. */
export function aucPlotSvg(report: Shown): string {
  const rows = report.orderings.flatMap((ordering): readonly IntervalRow[] => {
    const name = orderingName(ordering);
    const informing = (what: string, figure: Figure) => ({
      name: what,
      interval: intervalOf(figure),
      isDecisive: false,
    });
    return [
      { name, interval: intervalOf(ordering.auc), isDecisive: true },
      ...(ordering.perSite.length > 0 ? [informing("  sites pooled as they are", ordering.pooledAuc)] : []),
      ...ordering.perSite.map(({ site, auc }) => informing(`  at ${site}`, auc)),
      ...ordering.perClass.map((one) => informing(`  class ${one.class}`, one.auc)),
    ];
  });
  const marks = [
    { name: "a coin toss", at: 0.5, isLimit: false },
    { name: `limit ${report.limit}`, at: report.limit, isLimit: true },
  ];
  const label = `AUC of membership attacks: ${rows
    .filter((row) => row.isDecisive)
    .map(rowWords)
    .join("; ")}`;
  return intervalPlotSvg({ label, rows, marks });
}

/** ROC of each ordering, site-matched, on linear and on logarithmic axes; null where none can be told. */
export function rocPlotSvg(report: Pick<Shown, "orderings">): string | null {
  const curves = report.orderings.filter(({ roc }) => roc.length > 0).map(curveOf);
  if (curves.length === 0) return null;
  const lines = curves.length < STYLES ? [...curves, COIN_TOSS] : curves;
  const logarithmic = lines.map(({ name, points }) => ({ name, points: points.filter(isOnLogAxes) }));
  const hasTail = logarithmic.every(({ points }) => points.length > 1);
  const axes = { xName: "FPR", yName: "TPR" };
  return linePlotSvg(
    `ROC of membership attacks: ${curves.map(({ name }) => name).join("; ")}`,
    [
      { title: "ROC", ...axes, lines, scale: { x: "linear", y: "linear" } },
      ...(hasTail
        ? [{ title: "The same, logarithmic", ...axes, lines: logarithmic, scale: { x: "log", y: "log" } } as const]
        : []),
    ],
    2,
  );
}

const COIN_TOSS: Line = {
  name: "a coin toss",
  points: Array.from({ length: 21 }, (_, i) => ({ x: i / 20, y: i / 20 })),
};

/** Noise carries rates beyond 0 and 1; they are drawn at the edge. */
function curveOf(ordering: OrderingReport): Line {
  const within = (rate: number): number => Math.min(1, Math.max(0, rate));
  return {
    name: orderingName(ordering),
    points: ordering.roc.map(({ fpr, tpr }) => ({ x: within(fpr), y: within(tpr) })),
  };
}

/** There is no logarithm of 0. */
function isOnLogAxes({ x, y }: Point): boolean {
  return x > 0 && y > 0;
}

/** "loss and alike": attacks that order records alike go by the first. */
export function orderingName({ attacks }: Pick<OrderingReport, "attacks">): string {
  return attacks.length > 1 ? `${attacks[0]} and alike` : (attacks[0] ?? "");
}

function intervalOf(figure: Figure): IntervalRow["interval"] {
  return figure.state === "resolved" ? { low: figure.low, value: figure.value, high: figure.high } : null;
}

function rowWords({ name, interval }: IntervalRow): string {
  if (interval === null) return `${name} not resolvable`;
  const { low, value, high } = interval;
  return `${name} ${value.toFixed(3)}, ${low.toFixed(3)} to ${high.toFixed(3)}`;
}
