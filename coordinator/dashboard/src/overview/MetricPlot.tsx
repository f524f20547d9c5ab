import { epsilonText, intervalText, rateText } from "@consilium/page/figures/format";
import { Chart, type Ink } from "@consilium/page/plot/Chart";
import { PlotCard } from "@consilium/page/plot/PlotCard";
import { State } from "@consilium/page/shell/States";
import { Why } from "@consilium/page/why/Why";
import { Center, Text } from "@mantine/core";
import type { EChartsCoreOption } from "echarts/core";
import { useCallback } from "react";
import type { MetricFigure, MetricPoint, Resolved } from "../../../src/http/metricViews.ts";
import type { StudyDetail } from "../../../src/http/views.ts";
import { useMetrics } from "../live/queries.ts";

const NO_POINTS: readonly MetricPoint[] = [];

/** Noised validation metrics over training rounds, each with the band of its 95 % interval. */
export function MetricPlot({ study }: { readonly study: StudyDetail }) {
  const { data } = useMetrics(study.name);
  const points = data?.points ?? NO_POINTS;
  const option = useCallback((ink: Ink) => optionOf(points, study.rounds, ink), [points, study.rounds]);
  const why = whyNothing(points, study);
  const hidden = why === null ? hiddenText(points) : "";
  const cost =
    data === undefined ? "" : ` Each point costs ε = ${epsilonText(data.epsilonPerPoint)} on the validation part.`;
  return (
    <PlotCard
      title="Validation metrics"
      aside={
        <>
          <State tone="calm">DP</State>
          <Why of="metric" />
        </>
      }
      caption={`Rate from 0 to 1 after each evaluated training round; bands are 95 % intervals.${cost}${hidden}`}
      file={`${study.name}-metrics`}
      rows={() => [
        [
          "round",
          "auc",
          "auc low",
          "auc high",
          "accuracy",
          "accuracy low",
          "accuracy high",
          "concordance",
          "concordance low",
          "concordance high",
          "hidden by noise",
        ],
        ...points.map((point) => [
          point.round,
          ...cells(point.auc),
          ...cells(point.accuracy),
          ...cells(point.concordance),
          hiddenOf(point).join(" and "),
        ]),
      ]}
    >
      {why === null ? (
        <Chart label={labelOf(points)} height={300} option={option} />
      ) : (
        <Center h={300}>
          <Text c="dimmed" ta="center" maw={420}>
            {why}
          </Text>
        </Center>
      )}
    </PlotCard>
  );
}

function cells(figure: MetricFigure | null): (number | null)[] {
  const interval = intervalOf(figure);
  return interval === null ? [null, null, null] : [interval.value, interval.low, interval.high];
}

/** What there is to draw. */
function intervalOf(figure: MetricFigure | null): Resolved | null {
  return figure?.state === "resolved" ? figure : null;
}

function figuresOf({ auc, accuracy, concordance }: MetricPoint): (MetricFigure | null)[] {
  return [auc, accuracy, concordance];
}

/** Why there is nothing to draw; null where there is something. */
function whyNothing(points: readonly MetricPoint[], { document }: StudyDetail): string | null {
  const { everyRounds } = document.evaluation;
  if (points.length === 0) return `The first point comes after round ${everyRounds}.`;
  const figures = points.flatMap(figuresOf);
  if (figures.some((figure) => intervalOf(figure) !== null)) return null;
  const hidden = figures.find((figure) => figure?.state === "not-resolvable");
  const reason = hidden?.state === "not-resolvable" ? ` (${hidden.why})` : "";
  const rounds = points.map(({ round }) => round).join(", ");
  return `Noise hides every metric so far, after round ${rounds}${reason}: there is nothing to draw.`;
}

/** Names of the metrics that noise hides at a point. */
function hiddenOf(point: MetricPoint): string[] {
  return METRICS.flatMap(([metric, name]) => (point[metric]?.state === "not-resolvable" ? [name] : []));
}

/** A gap in a line says why it is there. */
function hiddenText(points: readonly MetricPoint[]): string {
  const gaps = METRICS.flatMap(([metric, name]) => {
    const rounds = points.filter((point) => point[metric]?.state === "not-resolvable").map(({ round }) => round);
    return rounds.length === 0 ? [] : [`${name} after round ${rounds.join(", ")}`];
  });
  return gaps.length === 0 ? "" : ` Hidden by noise: ${gaps.join("; ")}.`;
}

function labelOf(points: readonly MetricPoint[]): string {
  const last = points.at(-1);
  const [name, figure] = last?.concordance ? ["concordance index", last.concordance] : ["AUC", last?.auc ?? null];
  const interval = intervalOf(figure);
  const unseen = figure === null ? `no ${name}` : `${name} hidden by noise`;
  const text = interval === null ? unseen : `${name} ${rateText(interval.value)}, ${intervalText(interval)}`;
  return `Validation metrics at ${points.length} rounds; the last after round ${last?.round}: ${text}`;
}

type Metric = "auc" | "accuracy" | "concordance";
const METRICS: readonly (readonly [Metric, string])[] = [
  ["auc", "AUC"],
  ["accuracy", "Accuracy"],
  ["concordance", "Concordance index"],
];

function optionOf(points: readonly MetricPoint[], rounds: number, ink: Ink): EChartsCoreOption {
  const shown = METRICS.filter(([metric]) => points.some((point) => intervalOf(point[metric]) !== null));
  const lowest = Math.min(
    0.5,
    ...points.flatMap((point) => figuresOf(point).map((figure) => intervalOf(figure)?.low ?? 1)),
  );
  const axis = {
    axisLabel: { color: ink.quiet },
    nameTextStyle: { color: ink.quiet },
    axisLine: { lineStyle: { color: ink.rule } },
    splitLine: { lineStyle: { color: ink.rule } },
  };
  return {
    animation: false,
    textStyle: { fontFamily: ink.font },
    grid: { left: 44, right: 16, top: 34, bottom: 44 },
    legend: { top: 0, left: 0, textStyle: { color: ink.text }, data: shown.map(([, name]) => name), icon: "roundRect" },
    tooltip: {
      trigger: "axis",
      backgroundColor: ink.surface,
      borderColor: ink.rule,
      textStyle: { color: ink.text },
      formatter: (items: readonly { dataIndex: number }[]) => tooltipOf(points[items[0]?.dataIndex ?? 0]),
    },
    xAxis: { ...axis, type: "value", min: 0, max: rounds, name: "training round", nameLocation: "middle", nameGap: 28 },
    yAxis: { ...axis, type: "value", min: Math.floor(lowest * 10) / 10, max: 1 },
    series: shown.flatMap(([metric, name], index) => seriesOf(points, metric, name, ink.series[index] ?? ink.text)),
  };
}

/** The band is a stack: an unseen line at `low`, an area of height `high − low` on it. */
function seriesOf(points: readonly MetricPoint[], metric: Metric, name: string, color: string): object[] {
  const of = (value: (interval: Resolved) => number) =>
    points.map((point) => {
      const interval = intervalOf(point[metric]);
      return [point.round, interval === null ? null : value(interval)];
    });
  const unseen = {
    type: "line",
    stack: metric,
    stackStrategy: "all",
    silent: true,
    showSymbol: false,
    lineStyle: { opacity: 0 },
  };
  return [
    { ...unseen, name: `${name} low`, data: of(({ low }) => low) },
    { ...unseen, name: `${name} band`, data: of(({ low, high }) => high - low), areaStyle: { color, opacity: 0.16 } },
    {
      type: "line",
      name,
      data: of(({ value }) => value),
      symbolSize: 6,
      color,
      lineStyle: { width: 2.5, color },
      z: 3,
    },
  ];
}

function tooltipOf(point: MetricPoint | undefined): string {
  if (point === undefined) return "";
  const line = (name: string, figure: MetricFigure | null) => {
    if (figure === null) return "";
    const interval = intervalOf(figure);
    if (interval === null) return `<br>${name} hidden by noise`;
    return `<br>${name} <b>${rateText(interval.value)}</b> (${intervalText(interval)})`;
  };
  return `after round ${point.round}${line("AUC", point.auc)}${line("accuracy", point.accuracy)}${line("concordance index", point.concordance)}`;
}
