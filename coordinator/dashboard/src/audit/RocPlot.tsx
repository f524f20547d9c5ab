import { Chart, type Ink } from "@consilium/page/plot/Chart";
import { PlotCard } from "@consilium/page/plot/PlotCard";
import { State } from "@consilium/page/shell/States";
import type { AuditReport } from "@consilium/shared/audit/report";
import type { EChartsCoreOption } from "echarts/core";
import { useCallback } from "react";

/** ROC at the bins' edges, one line for each set of attacks that order patients alike. */
export function RocPlot({ report }: { readonly report: AuditReport }) {
  const option = useCallback((ink: Ink) => optionOf(report, ink), [report]);
  return (
    <PlotCard
      title="ROC of the attacks"
      aside={<State tone="calm">DP</State>}
      caption="Share of members against share of non-members above each bin's edge; noisy, so it may step back."
      file={`${report.study}-roc`}
      rows={() => [
        ["attacks", "false-positive rate", "true-positive rate"],
        ...report.orderings.flatMap(({ attacks, roc }) => roc.map(({ fpr, tpr }) => [attacks.join(" "), fpr, tpr])),
      ]}
    >
      <Chart label="ROC of the membership attacks; the diagonal is a coin toss" height={300} option={option} />
    </PlotCard>
  );
}

function optionOf(report: AuditReport, ink: Ink): EChartsCoreOption {
  const axis = {
    type: "value",
    min: 0,
    max: 1,
    axisLabel: { color: ink.quiet },
    nameTextStyle: { color: ink.quiet },
    splitLine: { lineStyle: { color: ink.rule } },
    nameLocation: "middle",
  };
  const unit = (value: number) => Math.min(1, Math.max(0, value));
  return {
    animation: false,
    textStyle: { fontFamily: ink.font },
    grid: { left: 52, right: 16, top: 34, bottom: 44 },
    legend: { top: 0, left: 0, textStyle: { color: ink.text }, icon: "roundRect" },
    xAxis: { ...axis, name: "false-positive rate", nameGap: 28 },
    yAxis: { ...axis, name: "true-positive rate", nameGap: 36 },
    series: [
      ...report.orderings.map(({ attacks, roc }, index) => ({
        type: "line",
        name: attacks.length > 1 ? `${attacks[0]} and alike` : attacks[0],
        data: roc.map(({ fpr, tpr }) => [unit(fpr), unit(tpr)]),
        color: ink.series[index] ?? ink.text,
        lineStyle: { width: 2.5 },
        symbolSize: 5,
      })),
      {
        type: "line",
        name: "coin toss",
        data: [
          [0, 0],
          [1, 1],
        ],
        color: ink.quiet,
        lineStyle: { type: "dashed", width: 1 },
        symbol: "none",
      },
    ],
  };
}
