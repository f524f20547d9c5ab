import { type Line, linePlotSvg, type Panel, STYLES } from "@consilium/shared/plot/linePlot";
import { MEASURES, Measure, type Measure as MeasureName, spreadOf } from "./measure.ts";
import type { PointResult } from "./sweep.ts";
import type { Plot, SweepFile } from "./sweepFile.ts";

/** One figure of a sweep: a panel for each measure; medians over repetitions. */
export function drawingOf(plot: Plot, results: readonly PointResult[], file: Pick<SweepFile, "vary">): string {
  const { title, x, y, by, logX } = plot;
  const [onGrid, aside] = apart(plot, results, file);
  const groups = new Map<string, PointResult[]>();
  for (const result of onGrid) {
    const name = by === undefined ? "" : nameOf(by, result);
    groups.set(name, [...(groups.get(name) ?? []), result]);
  }
  const names = [...groups.keys()].slice(0, STYLES);
  const panels = y.map((measure): Panel => {
    const lines = names.map((name): Line => {
      const points = (groups.get(name) ?? []).flatMap((result) => pointOf(x, measure, result));
      return { name: name === "" ? MEASURES[measure].name : name, points: points.sort((a, b) => a.x - b.x) };
    });
    const level = levelOf(measure, aside);
    return {
      title: MEASURES[measure].name,
      xName: Measure.safeParse(x).success ? MEASURES[Measure.parse(x)].name : x,
      yName: "",
      lines: lines.filter(({ points }) => points.length > 0),
      scale: { x: logX ? "log" : "linear", y: "linear" },
      ...(level === null ? {} : { limit: level }),
    };
  });
  return linePlotSvg(title, panels, Math.min(2, panels.length));
}

/** Points with a place on the x-axis, and those that have none: training without privacy has no ε. */
function apart(
  { x }: Plot,
  results: readonly PointResult[],
  { vary }: Pick<SweepFile, "vary">,
): readonly [readonly PointResult[], readonly PointResult[]] {
  const isColumn = vary.some(({ name }) => name === x);
  const hasPlace = (result: PointResult): boolean =>
    isColumn ? Number.isFinite(Number(result.point.columns[x] ?? "none")) : placeOf(x, result) !== null;
  return [results.filter(hasPlace), results.filter((result) => !hasPlace(result))];
}

function placeOf(x: string, { point, runs }: PointResult): number | null {
  const measure = Measure.safeParse(x);
  if (!measure.success) return Number(point.columns[x] ?? Number.NaN);
  const spread = spreadOf(
    measure.data,
    runs.map(({ result }) => result),
  );
  return spread?.median ?? null;
}

function pointOf(x: string, measure: MeasureName, result: PointResult): { x: number; y: number }[] {
  const place = placeOf(x, result);
  const spread = spreadOf(
    measure,
    result.runs.map((run) => run.result),
  );
  return place === null || spread === null ? [] : [{ x: place, y: spread.median }];
}

/** What has no place on the axis is a level to compare with: the first such variant. */
function levelOf(measure: MeasureName, aside: readonly PointResult[]): NonNullable<Panel["limit"]> | null {
  for (const { point, runs } of aside) {
    const spread = spreadOf(
      measure,
      runs.map(({ result }) => result),
    );
    if (spread !== null) return { name: point.variant, y: spread.median };
  }
  return null;
}

function nameOf(by: string, { point }: PointResult): string {
  return by === "variant" ? point.variant : `${by} = ${point.columns[by] ?? "–"}`;
}
