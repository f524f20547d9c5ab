import { useComputedColorScheme } from "@mantine/core";
import type { EChartsCoreOption, EChartsType } from "echarts/core";
import { useEffect, useRef } from "react";

/** Colours of the page, as the plot library wants them: by value. */
export interface Ink {
  readonly text: string;
  readonly quiet: string;
  readonly rule: string;
  readonly surface: string;
  readonly bad: string;
  readonly series: readonly string[];
  /** Widths of texts are measured with it: a value, not `inherit`. */
  readonly font: string;
}

interface ChartProps {
  /** What the plot shows, for those who can't see it. */
  readonly label: string;
  readonly height: number;
  readonly option: (ink: Ink) => EChartsCoreOption;
}

/** One ECharts plot: loaded on first use, redrawn on change of data, size and colour scheme, disposed at the end. */
export function Chart({ label, height, option }: ChartProps) {
  const holder = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const latest = useRef(option);
  const scheme = useComputedColorScheme("light");
  latest.current = option;

  useEffect(() => {
    const element = holder.current;
    if (element === null) return;
    let ended = false;
    const size = new ResizeObserver(() => chart.current?.resize());
    void import("./charts.ts").then(({ init }) => {
      if (ended) return;
      chart.current = init(element, null, { renderer: "svg" });
      chart.current.setOption(latest.current(inkOf(element)));
      size.observe(element);
    });
    return () => {
      ended = true;
      size.disconnect();
      chart.current?.dispose();
      chart.current = null;
    };
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: the scheme changes the colours that are read here.
  useEffect(() => {
    if (holder.current !== null) chart.current?.setOption(option(inkOf(holder.current)), true);
  }, [option, scheme]);

  return <div ref={holder} role="img" aria-label={label} style={{ height }} />;
}

function inkOf(element: Element): Ink {
  const style = getComputedStyle(element);
  const value = (name: string) => style.getPropertyValue(name).trim();
  return {
    font: style.fontFamily,
    text: value("--ink"),
    quiet: value("--mantine-color-dimmed"),
    rule: value("--rule"),
    surface: value("--surface"),
    bad: value("--bad"),
    series: SERIES.map((place) => value(`--series-${place}`)),
  };
}

const SERIES = [1, 2, 3, 4, 5, 6, 7];
