import { barPlotSvg } from "@consilium/shared/plot/barPlot";
import { type Line, linePlotSvg, type Panel, STYLES } from "@consilium/shared/plot/linePlot";
import { MEASURES, Measure, type Measure as MeasureName, medianOf, spreadOf } from "./measure.ts";
import type { PointResult } from "./sweep.ts";
import type { Plot, SweepFile } from "./sweepFile.ts";

/** One figure of a sweep; medians over repetitions. */
export function drawingOf(plot: Plot, results: readonly PointResult[], file: Pick<SweepFile, "vary">): string {
  const { kind, variants } = plot;
  const shown = results.filter(({ point }) => variants === undefined || variants.includes(point.variant));
  if (kind === "bars") return barsOf(plot, shown);
  return kind === "curves" ? curvesOf(plot, shown) : linesOf(plot, shown, file);
}

/** Of figures that any point has: more than two classes have no AUC, for one. */
function barsOf({ title, y }: Plot, results: readonly PointResult[]): string {
  const median = (measure: MeasureName, { runs }: PointResult): number | null =>
    spreadOf(
      measure,
      runs.map(({ result }) => result),
    )?.median ?? null;
  const shown = y.filter((measure) => results.some((result) => median(measure, result) !== null));
  const groups = results.map((result) => {
    return { name: pointName(result), values: shown.map((measure) => median(measure, result)) };
  });
  return barPlotSvg({ label: title, series: shown.map((measure) => MEASURES[measure].name), groups });
}

/** Accuracy round by round, of training and of held-out patients. */
function curvesOf({ title }: Plot, results: readonly PointResult[]): string {
  const shown = results.slice(0, STYLES);
  const panel = (of: "trainAccuracy" | "heldAccuracy", name: string): Panel => ({
    ...{ title: name, xName: "round", yName: "", scale: { x: "linear", y: "linear" } },
    lines: shown.map((result) => ({ name: pointName(result), points: medianCurve(result, of) })),
  });
  const panels = [panel("trainAccuracy", "accuracy, training patients"), panel("heldAccuracy", "held-out patients")];
  return linePlotSvg(title, panels, 2);
}

function medianCurve({ runs }: PointResult, of: "trainAccuracy" | "heldAccuracy"): { x: number; y: number }[] {
  const byRound = new Map<number, number[]>();
  for (const { round, [of]: accuracy } of runs.flatMap(({ result }) => result.exact.curve ?? []))
    if (accuracy !== null) byRound.set(round, [...(byRound.get(round) ?? []), accuracy]);
  return [...byRound].map(([x, values]) => ({ x, y: medianOf(values) })).sort((a, b) => a.x - b.x);
}

/** `private, ε = 4`. */
export function pointName({ point }: Pick<PointResult, "point">): string {
  return [point.variant, ...Object.entries(point.columns).map(([name, value]) => `${name} ${value}`)].join(", ");
}

/** A panel for each measure. */
function linesOf(plot: Plot, results: readonly PointResult[], file: Pick<SweepFile, "vary">): string {
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
