import type { EpsilonHistory } from "@consilium/shared/ledger/epsilonHistory";
import type { EChartsCoreOption } from "echarts/core";
import { useCallback } from "react";
import { deltaText, epsilonText } from "../figures/format.ts";
import { Chart, type Ink } from "../plot/Chart.tsx";
import { PlotCard } from "../plot/PlotCard.tsx";
import { Why } from "../why/Why.tsx";
import { groupName, heldTogether } from "./groups.ts";

export interface EpsilonPlotProps {
  /** Whose: "cleveland, cleveland-heart, training patients". */
  readonly whose: string;
  readonly file: string;
  readonly delta: number;
  readonly history: EpsilonHistory;
  /** In force now; null where there is none. */
  readonly cap: number | null;
  /** Where caps were set before, oldest first. */
  readonly caps: readonly { readonly at: string; readonly epsilon: number }[];
}

/** Stacked ε over time with its cap: the pile's top is the composed ε, its layers what each group raised it by. */
export function EpsilonPlot(props: EpsilonPlotProps) {
  const { whose, file, delta, history } = props;
  const option = useCallback((ink: Ink) => optionOf(props, ink), [props]);
  return (
    <PlotCard
      title="ε over time"
      aside={<Why of="increments" />}
      caption={`${whose}, at δ = ${deltaText(delta)}. Layers: what each raised ε by when it was charged. Line: cap.`}
      file={`${file}-over-time`}
      rows={() => [
        ["at", "entry", "charges", "epsilon", ...history.groups.map(groupName)],
        ...history.points.map(({ at, sequence, charges, epsilon, added }) => [
          at,
          sequence,
          charges,
          epsilon,
          ...added,
        ]),
      ]}
    >
      <Chart label={labelOf(props)} height={320} option={option} />
    </PlotCard>
  );
}

function labelOf({ whose, history, cap }: EpsilonPlotProps): string {
  const { groups, epsilon, charges } = history;
  const shares = groups.map((group) => `${groupName(group)} ${addedText(group.added)}`).join(", ");
  const of = cap === null ? "" : ` of ${epsilonText(cap)}`;
  return `ε over time, ${whose}: ${addedText(epsilon)}${of} after ${charges} charges; by order of charging ${shares}`;
}

/** An increment, or that there is no bound any more. */
export function addedText(added: number | null): string {
  return added === null ? "no bound" : epsilonText(added);
}

function optionOf({ history, cap, caps }: EpsilonPlotProps, ink: Ink): EChartsCoreOption {
  const finite = history.points.filter(({ epsilon }) => epsilon !== null);
  const layers = heldTogether(history.groups, ink.series.length);
  const top = Math.max(cap ?? 0, ...caps.map(({ epsilon }) => epsilon), ...finite.map(({ epsilon }) => epsilon ?? 0));
  const axis = {
    axisLabel: { color: ink.quiet, hideOverlap: true },
    nameTextStyle: { color: ink.quiet },
    axisLine: { lineStyle: { color: ink.rule } },
    splitLine: { lineStyle: { color: ink.rule } },
  };
  const ends = endsOf(finite, caps);
  const times = [...finite.map(({ at }) => Date.parse(at)), ends[1] ?? 0];
  return {
    animation: false,
    textStyle: { fontFamily: ink.font },
    grid: { left: 40, right: 16, top: 24 + 22 * Math.ceil((layers.length + 1) / 2), bottom: 28 },
    legend: { top: 0, left: 0, textStyle: { color: ink.text }, icon: "roundRect", itemWidth: 14 },
    tooltip: { trigger: "axis", confine: true, valueFormatter: (value: unknown) => addedText(Number(value)) },
    xAxis: { ...axis, type: "time", min: ends[0], max: ends[1], splitLine: { show: false } },
    yAxis: { ...axis, type: "value", min: 0, max: niceTop(top), name: "ε" },
    series: [
      ...layers.map(({ name, members }, index) => ({
        type: "line",
        name,
        stack: "epsilon",
        step: "end",
        color: ink.series[index] ?? ink.quiet,
        showSymbol: false,
        lineStyle: { width: 1.25, color: ink.surface },
        areaStyle: { opacity: 0.92 },
        // What was charged last goes on to the plot's end, or nobody would see it.
        data: times.map((time, place) => {
          const { added } = finite[Math.min(place, finite.length - 1)] ?? { added: [] };
          return [time, members.reduce((sum, member) => sum + (added[member] ?? 0), 0)];
        }),
      })),
      ...capLine(cap, caps, ends, ink),
    ],
  };
}

/** From the first charge to a little after the last one, or the last cap. */
function endsOf(points: EpsilonHistory["points"], caps: EpsilonPlotProps["caps"]): readonly number[] {
  const [first, last] = [points[0], points.at(-1)].map((point) => (point === undefined ? 0 : Date.parse(point.at)));
  if (first === undefined || last === undefined || points.length === 0) return [];
  const set = caps.at(-1);
  const end = Math.max(last, set === undefined ? 0 : Date.parse(set.at));
  return [first, end + Math.max(1000, 0.03 * (end - first))];
}

/** In steps where it was set while charges went on. */
function capLine(
  cap: number | null,
  caps: EpsilonPlotProps["caps"],
  [first, last]: readonly number[],
  ink: Ink,
): EChartsCoreOption[] {
  if (cap === null || first === undefined || last === undefined) return [];
  const during = caps.map(({ at, epsilon }) => [Math.max(first, Date.parse(at)), epsilon]);
  const begin = during.length === 0 ? [[first, cap]] : during;
  return [
    {
      type: "line",
      name: "cap",
      step: "end",
      color: ink.bad,
      showSymbol: begin.length === 1 && first === last,
      lineStyle: { width: 2.5, type: "dashed", color: ink.bad },
      data: [...begin, [last, cap]],
    },
  ];
}

/** A little above the highest figure, at a number that people read well. */
function niceTop(top: number): number {
  const power = 10 ** Math.floor(Math.log10(Math.max(top, 1e-6)));
  const step = [0.2, 0.5, 1, 2].find((one) => (top * 1.05) / (one * power) <= 6) ?? 2;
  return Number((Math.ceil((top * 1.05) / (step * power)) * step * power).toPrecision(6));
}
