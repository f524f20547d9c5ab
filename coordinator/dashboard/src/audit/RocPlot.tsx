import { Chart, type Ink } from "@consilium/page/plot/Chart";
import { PlotCard } from "@consilium/page/plot/PlotCard";
import { State } from "@consilium/page/shell/States";
import type { AuditReport } from "@consilium/shared/audit/report";
import { Switch } from "@mantine/core";
import type { EChartsCoreOption } from "echarts/core";
import { useCallback, useState } from "react";

/** ROC at the bins' edges, one line for each set of attacks that order patients alike. */
export function RocPlot({ report }: { readonly report: AuditReport }) {
  const [isLog, setLog] = useState(false);
  const option = useCallback((ink: Ink) => optionOf(report, ink, isLog), [report, isLog]);
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
      <Switch
        size="xs"
        label="Logarithmic axes: few false positives, where an attack that is sure of some would show"
        checked={isLog}
        onChange={(event) => setLog(event.currentTarget.checked)}
      />
      <Chart label="ROC of the membership attacks; the diagonal is a coin toss" height={300} option={option} />
    </PlotCard>
  );
}

/** Least rate that a logarithmic axis shows; what the noise put at zero or below has no place there. */
const LEAST = 1e-3;

function optionOf(report: AuditReport, ink: Ink, isLog: boolean): EChartsCoreOption {
  const axis = {
    type: isLog ? "log" : "value",
    min: isLog ? LEAST : 0,
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
        data: roc
          .map(({ fpr, tpr }) => [unit(fpr), unit(tpr)])
          .filter((point) => !isLog || Math.min(...point) >= LEAST),
        color: ink.series[index] ?? ink.text,
        lineStyle: { width: 2.5 },
        symbolSize: 5,
      })),
      {
        type: "line",
        name: "coin toss",
        data: [isLog ? [LEAST, LEAST] : [0, 0], [1, 1]],
        color: ink.quiet,
        lineStyle: { type: "dashed", width: 1 },
        symbol: "none",
      },
    ],
  };
}
