/** The benchmark "growth" as a part of docs/benchmarks.md, and its picture. */
import { type Line, linePlotSvg, type Panel } from "@consilium/shared/plot/linePlot";
import { type Axis, CROSSING, type Shape, shapeName, shapesAlong } from "./growthPlans.ts";
import { figure, table } from "./page.ts";
import type { BenchCase } from "./report.ts";

/** One line of the plot: an engine and the kind of step that it took. */
export interface GrowthLine {
  readonly name: string;
  readonly backend: string;
}

export type GrowthCase = BenchCase & { readonly shape: Shape };

export const GROWTH_PICTURE = "benchmarks-growth.svg";

const AXES: Readonly<Record<Axis, { readonly title: string; readonly name: string }>> = {
  batch: { title: "Batch", name: "patients in a batch" },
  width: { title: "Width", name: "units of a hidden layer" },
  depth: { title: "Depth", name: "hidden layers" },
};
const NAMES = ["batch", "width", "depth"] as const satisfies readonly Axis[];

export function growthPage(facts: string, lines: readonly GrowthLine[], cases: readonly GrowthCase[]): string {
  const { batch, width, depth } = CROSSING;
  const picture = `![Step time and peak memory against batch, width and depth](${GROWTH_PICTURE})`;
  const crossing = `Where one axis varies, the others stay at batch ${batch}, ${depth} hidden layers of ${width} units.`;
  const tables = NAMES.map((axis) => axisTable(axis, lines, cases));
  return [facts, picture, `${crossing} In the cells: milliseconds, median; peak memory in MiB.`, ...tables].join(
    "\n\n",
  );
}

function axisTable(axis: Axis, lines: readonly GrowthLine[], cases: readonly GrowthCase[]): string {
  const rows = shapesAlong(axis).map((shape) => [
    figureOf(shape[axis]),
    ...lines.map(({ backend }) => cell(caseOf(cases, backend, shape))),
  ]);
  const last = rows.length > 1 ? [["grows at the end as", ...lines.map((line) => slopeText(axis, line, cases))]] : [];
  return table([AXES[axis].name, ...lines.map(({ name }) => name)], [...rows, ...last]);
}

function figureOf(value: number): string {
  return value.toLocaleString("en-US");
}

function cell(one: GrowthCase | null): string {
  if (one === null) return "";
  if (one.skipped !== null) return `not measured: ${one.skipped}`;
  return `${figure(one.median)} ms, ${figureOf(Math.round(one.peakRssMiB))} MiB`;
}

/** The exponent between the two largest: time ∝ axis^exponent. */
function slopeText(axis: Axis, line: GrowthLine, cases: readonly GrowthCase[]): string {
  const [before, last] = pointsOf(axis, line, cases, "median").slice(-2);
  if (before === undefined || last === undefined) return "";
  const exponent = Math.log(last.y / before.y) / Math.log(last.x / before.x);
  return `${axis}^${exponent.toFixed(2)}`;
}

export function growthPicture(lines: readonly GrowthLine[], cases: readonly GrowthCase[]): string {
  const panels = (["median", "peakRssMiB"] as const).flatMap((of) =>
    NAMES.map((axis): Panel => {
      const isTime = of === "median";
      return {
        title: `${isTime ? "Time" : "Memory"} against ${axis}`,
        xName: AXES[axis].name,
        yName: isTime ? "ms" : "MiB",
        scale: { x: "log", y: "log" },
        lines: lines.map((line): Line => ({ name: line.name, points: pointsOf(axis, line, cases, of) })),
      };
    }),
  );
  return linePlotSvg("Time of a training step and peak memory against batch, width and depth", panels, NAMES.length);
}

function pointsOf(axis: Axis, { backend }: GrowthLine, cases: readonly GrowthCase[], of: "median" | "peakRssMiB") {
  return shapesAlong(axis).flatMap((shape) => {
    const y = caseOf(cases, backend, shape)?.[of] ?? null;
    return y === null ? [] : [{ x: shape[axis], y }];
  });
}

function caseOf(cases: readonly GrowthCase[], backend: string, shape: Shape): GrowthCase | null {
  return cases.find((one) => one.backend === backend && shapeName(one.shape) === shapeName(shape)) ?? null;
}
