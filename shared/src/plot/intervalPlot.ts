import { escaped } from "./escaped.ts";

/** A figure with its interval; null where it can't be told. */
export interface IntervalRow {
  readonly name: string;
  readonly interval: { readonly low: number; readonly value: number; readonly high: number } | null;
  /** What decides, rather than what informs. */
  readonly isDecisive: boolean;
}

export interface IntervalPlot {
  readonly label: string;
  readonly rows: readonly IntervalRow[];
  /** Rules from top to bottom, each with its name below. */
  readonly marks: readonly { readonly name: string; readonly at: number; readonly isLimit: boolean }[];
}

const WIDTH = 640;
const [NAMES, RIGHT, ROW, TOP, BOTTOM] = [230, 20, 26, 10, 44];
/** Names of their own: an SVG within a page shares the page's styles with its neighbours. */
const STYLE = `
  .interval text { font: 12px system-ui, sans-serif; fill: #24292f }
  .interval .note { fill: #57606a; font-size: 11px } .interval .main { font-weight: 600 }
  .interval .ground { fill: #ffffff } .interval .grid { stroke: #d0d7de }
  .interval .mark { stroke: #57606a; stroke-dasharray: 4 4 } .interval .bound { stroke: #b3261e; stroke-width: 2 }
  .interval .red { fill: #b3261e }
  .interval .decisive { stroke: #0072b2; stroke-width: 4; fill: #0072b2 }
  .interval .informing { stroke: #57606a; stroke-width: 2; fill: #57606a }
  @media (prefers-color-scheme: dark) {
    .interval text { fill: #e6edf3 } .interval .note { fill: #9198a1 } .interval .ground { fill: #0d1117 }
    .interval .grid { stroke: #3d444d } .interval .mark { stroke: #9198a1 } .interval .bound { stroke: #ff9d94 }
    .interval .red { fill: #ff9d94 }
    .interval .decisive { stroke: #56b4e9; fill: #56b4e9 } .interval .informing { stroke: #9198a1; fill: #9198a1 }
  }`;

/** Intervals one below the other on one axis of rates, as an SVG that needs nothing else and follows light and dark. */
export function intervalPlotSvg({ label, rows, marks }: IntervalPlot): string {
  const ends = rows.flatMap(({ interval }) => (interval === null ? [] : [interval.low, interval.high]));
  const all = [...ends, ...marks.map(({ at }) => at)];
  const [from, to] = [Math.floor(Math.min(...all) * 10) / 10, Math.ceil(Math.max(...all) * 10) / 10];
  const atX = (rate: number): number => rounded(NAMES + ((rate - from) / (to - from || 1)) * (WIDTH - NAMES - RIGHT));
  const bottom = TOP + rows.length * ROW;
  const ticks = Array.from({ length: Math.round((to - from) * 10) + 1 }, (_, i) => from + i / 10);
  return [
    `<svg class="interval" xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + BOTTOM}" role="img" aria-label="${escaped(label)}">`,
    `<style>${STYLE}\n</style><rect class="ground" width="${WIDTH}" height="${bottom + BOTTOM}"/>`,
    ...ticks.map(
      (tick) => `<path class="grid" d="M${atX(tick)} ${TOP}V${bottom}"/>${tickText(tick, atX(tick), bottom)}`,
    ),
    ...marks.map(
      ({ name, at, isLimit }) =>
        `<path class="${isLimit ? "bound" : "mark"}" d="M${atX(at)} ${TOP}V${bottom}"/>` +
        `<text class="note${isLimit ? " red" : ""}" x="${atX(at)}" y="${bottom + 32}" text-anchor="middle">${escaped(name)}</text>`,
    ),
    ...rows.map((row, index) => rowSvg(row, TOP + index * ROW + ROW / 2, atX)),
    "</svg>\n",
  ].join("\n");
}

function tickText(tick: number, x: number, bottom: number): string {
  return `<text class="note" x="${x}" y="${bottom + 16}" text-anchor="middle">${tick.toFixed(1)}</text>`;
}

function rowSvg({ name, interval, isDecisive }: IntervalRow, y: number, atX: (rate: number) => number): string {
  const title = `<text${isDecisive ? ' class="main"' : ""} x="0" y="${y + 4}">${escaped(name)}</text>`;
  if (interval === null) return `${title}<text class="note" x="${NAMES}" y="${y + 4}">not resolvable</text>`;
  const { low, value, high } = interval;
  const kind = isDecisive ? "decisive" : "informing";
  const line = `<path class="${kind}" d="M${atX(low)} ${y}H${atX(high)}"/>`;
  return `${title}${line}<circle class="${kind}" cx="${atX(value)}" cy="${y}" r="${isDecisive ? 5 : 3}"/>`;
}

function rounded(value: number): number {
  return Math.round(10 * value) / 10;
}
