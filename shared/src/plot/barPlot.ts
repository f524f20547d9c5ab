/** Bars in groups, one below the other, as an SVG that needs nothing else and follows light and dark. */
import { escaped } from "./escaped.ts";
import { linearTicks } from "./linePlot.ts";

export interface BarGroup {
  readonly name: string;
  /** One for each series; null: no such figure. Not negative. */
  readonly values: readonly (number | null)[];
}

export interface BarPlot {
  readonly label: string;
  /** Names of the bars of every group. */
  readonly series: readonly string[];
  readonly groups: readonly BarGroup[];
}

const WIDTH = 720;
const [NAMES, RIGHT, BAR, GAP, BOTTOM] = [300, 56, 14, 10, 26];
/** Of the legend: a row's height, where it begins, and about how wide a letter is. */
const [LEGEND_ROW, LEGEND_LEFT, LETTER] = [20, 10, 6.6];
/** Okabe & Ito 2008. Names of their own: an SVG within a page shares the page's styles with its neighbours. */
const STYLE = `
  .bars text { font: 12px system-ui, sans-serif; fill: #24292f }
  .bars .note { fill: #57606a; font-size: 11px }
  .bars .ground { fill: #ffffff } .bars .grid { stroke: #d0d7de }
  .bars .b0 { fill: #0072b2 } .bars .b1 { fill: #d55e00 } .bars .b2 { fill: #009e73 } .bars .b3 { fill: #cc79a7 }
  @media (prefers-color-scheme: dark) {
    .bars text { fill: #e6edf3 } .bars .note { fill: #9198a1 } .bars .ground { fill: #0d1117 }
    .bars .grid { stroke: #3d444d }
    .bars .b0 { fill: #56b4e9 } .bars .b1 { fill: #e69f00 } .bars .b2 { fill: #2fbf95 } .bars .b3 { fill: #e5a5c8 }
  }`;

/** From 0 on one axis; each bar's figure stands at its end. */
export function barPlotSvg({ label, series, groups }: BarPlot): string {
  const groupHeight = series.length * BAR + GAP;
  const keys = legendPlaces(series);
  const top = 14 + LEGEND_ROW * (1 + (keys.at(-1)?.row ?? 0));
  const height = top + groups.length * groupHeight + BOTTOM;
  const values = groups.flatMap((group) => group.values.flatMap((value) => value ?? []));
  const ticks = linearTicks(values);
  const most = ticks.at(-1) ?? 1;
  const atX = (value: number): number => Math.round(10 * (NAMES + (value / most) * (WIDTH - NAMES - RIGHT))) / 10;
  const bottom = height - BOTTOM;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${escaped(label)}">`,
    `<style>${STYLE}\n</style>`,
    '<g class="bars">',
    `<rect class="ground" width="${WIDTH}" height="${height}"/>`,
    ...keys.map((key, index) => legendSvg(key, index)),
    ...ticks.map((tick) => {
      const text = `<text class="note" x="${atX(tick)}" y="${bottom + 16}" text-anchor="middle">${tick}</text>`;
      return `<path class="grid" d="M${atX(tick)} ${top}V${bottom}"/>${text}`;
    }),
    ...groups.map((group, index) => groupSvg(group, top + GAP / 2 + index * groupHeight, atX)),
    "</g>",
    "</svg>\n",
  ].join("\n");
}

interface Key {
  readonly name: string;
  readonly x: number;
  readonly row: number;
}

/** One after another, in a new row where a name would pass the edge. */
function legendPlaces(series: readonly string[]): readonly Key[] {
  let [x, row] = [LEGEND_LEFT, 0];
  return series.map((name) => {
    const width = Math.ceil(44 + LETTER * name.length);
    if (x > LEGEND_LEFT && x + width > WIDTH) [x, row] = [LEGEND_LEFT, row + 1];
    const place = { name, x, row };
    x += width;
    return place;
  });
}

function legendSvg({ name, x, row }: Key, index: number): string {
  const y = 10 + row * LEGEND_ROW;
  return `<rect class="b${index}" x="${x}" y="${y}" width="14" height="12"/><text x="${x + 20}" y="${y + 10}">${escaped(name)}</text>`;
}

function groupSvg({ name, values }: BarGroup, y: number, atX: (value: number) => number): string {
  const middle = y + (values.length * BAR) / 2 + 4;
  const bars = values.map((value, index) => {
    if (value === null) return "";
    const top = y + index * BAR;
    const bar = `<rect class="b${index}" x="${NAMES}" y="${top}" width="${atX(value) - NAMES}" height="${BAR - 2}"/>`;
    return `${bar}<text class="note" x="${atX(value) + 4}" y="${top + 10}">${value.toFixed(3)}</text>`;
  });
  return `<text x="${NAMES - 8}" y="${middle}" text-anchor="end">${escaped(name)}</text>${bars.join("")}`;
}
