/** Small multiples of lines, as an SVG file that needs nothing else and follows light and dark. */
import { escaped } from "./escaped.ts";

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Line {
  readonly name: string;
  readonly points: readonly Point[];
}

export type Scale = "log" | "linear";

export interface Panel {
  readonly title: string;
  readonly xName: string;
  readonly yName: string;
  readonly lines: readonly Line[];
  readonly scale: { readonly x: Scale; readonly y: Scale };
  /** A level to hold the lines against: a dashed rule with its name. */
  readonly limit?: { readonly name: string; readonly y: number; readonly nameAt?: "left" | "right" };
}

const PANEL = { width: 300, height: 220, left: 54, right: 14, top: 34, bottom: 42 } as const;
const LEGEND = { top: 14, row: 20, mark: 36, gap: 18, letter: 6.6 } as const;
/** Okabe & Ito 2008: told apart by people who see few colours too; shapes of the dots tell them apart in grey. */
const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .quiet { fill: #57606a; font-size: 11px }
  .title { font-weight: 600 }
  .rule { stroke: #d0d7de; stroke-width: 1 }
  .line { fill: none; stroke-width: 2 }
  .s0 { stroke: #0072b2 } .s1 { stroke: #d55e00 } .s2 { stroke: #009e73 } .s3 { stroke: #cc79a7 }
  .dot { fill: #ffffff; stroke-width: 2 }
  .page { fill: #ffffff }
  .limit { stroke: #b3261e; stroke-width: 1.5; stroke-dasharray: 5 4 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .rule { stroke: #3d444d } .page, .dot { fill: #0d1117 }
    .limit { stroke: #ff9d94 }
    .s0 { stroke: #56b4e9 } .s1 { stroke: #e69f00 } .s2 { stroke: #2fbf95 } .s3 { stroke: #e5a5c8 }
  }`;
export const STYLES = 4;
/** More points than these stand too near for a dot on each. */
const DOTS_MAX = 16;
/** Points at so few places name their own ticks. */
const OWN_TICKS_MAX = 7;

/** `panels` row by row, `columns` of them in each. A line bears one style in all panels, by its name. */
export function linePlotSvg(label: string, panels: readonly Panel[], columns: number): string {
  const names = [...new Set(panels.flatMap(({ lines }) => lines.map(({ name }) => name)))];
  if (names.length > STYLES) throw new RangeError(`${names.length} lines, and styles for ${STYLES}`);
  const width = columns * PANEL.width;
  const places = legendPlaces(names, width);
  const legendHeight = LEGEND.top + LEGEND.row * (1 + (places.at(-1)?.row ?? 0));
  const height = legendHeight + Math.ceil(panels.length / columns) * PANEL.height;
  const drawn = panels.map((panel, index) => {
    const [x, y] = [(index % columns) * PANEL.width, legendHeight + Math.floor(index / columns) * PANEL.height];
    return `<g transform="translate(${x} ${y})">\n${panelSvg(panel, names)}\n</g>`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    ...places.map(legendSvg),
    ...drawn,
    "</svg>\n",
  ].join("\n");
}

interface LegendPlace {
  readonly name: string;
  readonly x: number;
  readonly row: number;
}

/** One after another; where a name would stand out of the picture, in the next row. */
function legendPlaces(names: readonly string[], width: number): readonly LegendPlace[] {
  let [x, row]: [number, number] = [PANEL.left, 0];
  return names.map((name) => {
    const needed = LEGEND.mark + LEGEND.letter * name.length;
    if (x > PANEL.left && x + needed > width) [x, row] = [PANEL.left, row + 1];
    const place = { name, x, row };
    x = Math.round(x + needed + LEGEND.gap);
    return place;
  });
}

function legendSvg({ name, x, row }: LegendPlace, index: number): string {
  const y = 20 + row * LEGEND.row;
  const line = `<path class="line s${index}" d="M${x} ${y}h28"/>${dot(index, x + 14, y)}`;
  return `${line}<text x="${x + LEGEND.mark}" y="${y + 4}">${escaped(name)}</text>`;
}

function panelSvg({ title, xName, yName, lines, scale, limit }: Panel, names: readonly string[]): string {
  const points = lines.flatMap((line) => line.points);
  const [left, right] = [PANEL.left, PANEL.width - PANEL.right];
  const [top, bottom] = [PANEL.top, PANEL.height - PANEL.bottom];
  const xs = [...new Set(points.map(({ x }) => x))].sort((a, b) => a - b);
  const xTicks = xs.length <= OWN_TICKS_MAX ? xs : ticksOf(scale.x, xs);
  const yTicks = ticksOf(scale.y, [...points.map(({ y }) => y), ...(limit === undefined ? [] : [limit.y])]);
  const atX = placeOn(scale.x, [...xs, ...xTicks], left + 12, right - 12);
  const atY = placeOn(scale.y, yTicks, bottom, top);
  const rule = limit === undefined ? [] : limitSvg(limit, right, atY(limit.y));
  return [
    `<text class="title" x="${left}" y="18">${escaped(title)}</text>`,
    ...yTicks.map((tick) => `<path class="rule" d="M${left} ${atY(tick)}H${right}"/>`),
    ...yTicks.map((tick) => text(numeral(tick), left - 6, atY(tick) + 4, "end")),
    ...xTicks.map((x) => text(numeral(x), atX(x), bottom + 16, "middle")),
    text(xName, (left + right) / 2, bottom + 34, "middle"),
    text(yName, left - 6, top - 12, "end"),
    ...rule,
    ...lines.map((line) => lineSvg(line, names.indexOf(line.name), atX, atY)),
  ].join("\n");
}

function limitSvg({ name, nameAt }: NonNullable<Panel["limit"]>, right: number, y: number): string[] {
  const [x, anchor] = nameAt === "left" ? ([PANEL.left, "start"] as const) : ([right, "end"] as const);
  return [`<path class="limit" d="M${PANEL.left} ${y}H${right}"/>`, text(name, x, y - 4, anchor)];
}

function lineSvg({ points }: Line, style: number, atX: (x: number) => number, atY: (y: number) => number): string {
  const path = points.map(({ x, y }, index) => `${index === 0 ? "M" : "L"}${atX(x)} ${atY(y)}`).join("");
  const dots = points.length > DOTS_MAX ? "" : points.map(({ x, y }) => dot(style, atX(x), atY(y))).join("");
  return points.length === 0 ? "" : `<path class="line s${style}" d="${path}"/>${dots}`;
}

/** Circle, square, triangle, diamond. */
function dot(style: number, x: number, y: number): string {
  const shapes = [
    `M${x - 4} ${y}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0z`,
    `M${x - 3.5} ${y - 3.5}h7v7h-7z`,
    `M${x} ${y - 4.5}l4.5 8h-9z`,
    `M${x} ${y - 5}l5 5l-5 5l-5 -5z`,
  ];
  return `<path class="dot s${style}" d="${shapes[style] ?? ""}"/>`;
}

function text(content: string, x: number, y: number, anchor: "start" | "middle" | "end"): string {
  return `<text class="quiet" x="${x}" y="${y}" text-anchor="${anchor}">${escaped(content)}</text>`;
}

/** Maps the smallest value to `start` and the largest to `end`, on the scale; one decimal. */
function placeOn(scale: Scale, values: readonly number[], start: number, end: number): (value: number) => number {
  const of = (value: number): number => (scale === "log" ? Math.log(value) : value);
  const [low, high] = [of(Math.min(...values)), of(Math.max(...values))];
  const share = (value: number): number => (high === low ? 0.5 : (of(value) - low) / (high - low));
  return (value) => Math.round(10 * (start + share(value) * (end - start))) / 10;
}

function ticksOf(scale: Scale, values: readonly number[]): readonly number[] {
  return scale === "log" ? logTicks(values) : linearTicks(values);
}

/** Four to eight multiples of 1, 2 or 5 times a power of ten, from 0 or below to the nearest above all values. */
export function linearTicks(values: readonly number[]): number[] {
  if (!values.every(Number.isFinite)) throw new RangeError("no place on an axis");
  const low = Math.min(0, ...values);
  const high = values.every((value) => value === 0) ? 1 : Math.max(0, ...values);
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = power * ([1, 2, 5].find((one) => one * power >= rough) ?? 10);
  const [first, last] = [Math.floor(low / step), Math.ceil(high / step)];
  // 3 · 0.1 is not 0.3.
  return Array.from({ length: last - first + 1 }, (_, index) => Number(((first + index) * step).toPrecision(12)));
}

/** Powers of ten, with 2 and 5 between where they are few, that enclose all values. */
export function logTicks(values: readonly number[]): number[] {
  if (values.some((value) => !(value > 0 && Number.isFinite(value)))) throw new RangeError("no logarithm");
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const steps = high / low < 100 ? [1, 2, 5] : [1];
  const ticks: number[] = [];
  for (let decade = Math.floor(Math.log10(low)) - 1; decade <= Math.ceil(Math.log10(high)) + 1; decade++) {
    ticks.push(...steps.map((step) => Number(`${step}e${decade}`)));
  }
  const first = ticks.findLastIndex((tick) => tick <= low);
  const last = ticks.findIndex((tick) => tick >= high);
  return ticks.slice(first, Math.max(last, first + 1) + 1);
}

function numeral(value: number): string {
  return value.toLocaleString("en-US", { maximumSignificantDigits: 6 });
}
