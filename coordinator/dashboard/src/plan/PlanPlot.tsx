import { deltaText, epsilonText } from "@consilium/page/figures/format";
import { Chart, type Ink } from "@consilium/page/plot/Chart";
import { PlotCard } from "@consilium/page/plot/PlotCard";
import type { Plan } from "@consilium/shared/plan/plan";
import type { EChartsCoreOption } from "echarts/core";
import { useCallback } from "react";

const PARTS = [
  ["training patients", "train"],
  ["validation patients", "validation"],
  ["audit hold-out", "audit"],
  ["reference part", "reference"],
] as const;

/** Those that the study has patients in. */
export function partsOf({ epsilon }: Plan): readonly (typeof PARTS)[number][] {
  return PARTS.filter(([, part]) => part !== "reference" || epsilon.reference !== 0);
}

/** ε(t): what each part of a site's patients has paid after so many rounds, against the study's cap. */
export function PlanPlot({ plan }: { readonly plan: Plan }) {
  const option = useCallback((ink: Ink) => optionOf(plan, ink), [plan]);
  return (
    <PlotCard
      title="ε by round"
      caption={`At each site, at δ = ${deltaText(plan.delta)}; the last point counts the audit. Dashed: the study's cap.`}
      file={`${plan.study}-plan`}
      rows={() => [
        ["round", "audited", ...partsOf(plan).map(([name]) => name)],
        ...plan.curve.map(({ round, audited, epsilon }) => [
          round,
          audited ? "yes" : "no",
          ...partsOf(plan).map(([, part]) => epsilon[part]),
        ]),
      ]}
    >
      <Chart label={labelOf(plan)} height={300} option={option} />
    </PlotCard>
  );
}

function labelOf(plan: Plan): string {
  const { rounds, epsilon, cap } = plan;
  const ends = partsOf(plan).map(
    ([name, part]) => `${name} ${epsilon[part] === null ? "no bound" : epsilonText(epsilon[part])}`,
  );
  return `ε by round: after ${rounds} rounds and the audit ${ends.join(", ")}, of ${epsilonText(cap)}`;
}

function optionOf(plan: Plan, ink: Ink): EChartsCoreOption {
  const axis = {
    type: "value",
    axisLabel: { color: ink.quiet },
    nameTextStyle: { color: ink.quiet },
    axisLine: { lineStyle: { color: ink.rule } },
    splitLine: { lineStyle: { color: ink.rule } },
  };
  const cap = {
    silent: true,
    symbol: "none",
    label: { show: false },
    lineStyle: { color: ink.text, type: "dashed" },
    data: [{ yAxis: plan.cap }],
  };
  const top = Math.max(
    plan.cap,
    ...plan.curve.flatMap(({ epsilon }) => partsOf(plan).map(([, part]) => epsilon[part] ?? 0)),
  );
  return {
    animation: false,
    textStyle: { fontFamily: ink.font },
    grid: { left: 44, right: 16, top: 56, bottom: 44 },
    legend: { top: 0, left: 0, textStyle: { color: ink.text }, data: partsOf(plan).map(([name]) => name) },
    xAxis: { ...axis, min: 0, max: plan.rounds, name: "training round", nameLocation: "middle", nameGap: 28 },
    yAxis: { ...axis, min: 0, max: Math.ceil(top * 1.05), name: "ε" },
    series: partsOf(plan).map(([name, part], index) => {
      const color = ink.series[index] ?? ink.quiet;
      return {
        type: "line",
        name,
        color,
        showSymbol: false,
        data: plan.curve.map(({ round, epsilon }) => [round, epsilon[part]]),
        lineStyle: { width: 2.5, color, type: LINES[index] },
        ...(index === 0 ? { markLine: cap } : {}),
      };
    }),
  };
}

/** Told apart without colours too. */
const LINES = ["solid", "dashed", "dotted", [8, 3, 2, 3]];
