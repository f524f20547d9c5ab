/** Two squares of numbers in [−1, 1] side by side, as an SVG that needs nothing else and follows light and dark. */
import { escaped } from "./escaped.ts";

export interface HeatMap {
  readonly title: string;
  /** [rows, columns]; NaN is left blank. */
  readonly values: readonly (readonly number[])[];
}

const SIDE = 320;
const TOP = 28;
const GAP = 24;
const KEY_HEIGHT = 34;

const STYLE = `
  text { font: 12px system-ui, sans-serif; fill: #24292f }
  .title { font-weight: 600 }
  .page { fill: #ffffff } .frame { fill: none; stroke: #d0d7de }
  .high { fill: #d55e00 } .low { fill: #0072b2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .page { fill: #0d1117 } .frame { stroke: #3d444d }
    .high { fill: #e69f00 } .low { fill: #56b4e9 }
  }`;

export function heatMapSvg(label: string, maps: readonly HeatMap[]): string {
  const width = maps.length * SIDE + (maps.length - 1) * GAP;
  const height = TOP + SIDE + KEY_HEIGHT;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" role="img" aria-label="${escaped(label)}">`,
    `<style>${STYLE}\n</style>`,
    `<rect class="page" width="${width}" height="${height}"/>`,
    ...maps.map((map, index) => `<g transform="translate(${index * (SIDE + GAP)} 0)">\n${mapSvg(map)}\n</g>`),
    keySvg(),
    "</svg>\n",
  ].join("\n");
}

function mapSvg({ title, values }: HeatMap): string {
  const cell = SIDE / Math.max(1, values.length);
  const cells = values.flatMap((row, i) =>
    row.map((value, j) => {
      if (Number.isNaN(value)) return "";
      return cellSvg(value, { x: j * cell, y: TOP + i * cell, side: cell });
    }),
  );
  const frame = `<rect class="frame" x="0.5" y="${TOP + 0.5}" width="${SIDE - 1}" height="${SIDE - 1}"/>`;
  return [`<text class="title" x="0" y="16">${escaped(title)}</text>`, ...cells, frame].join("");
}

function cellSvg(value: number, { x, y, side }: { readonly x: number; readonly y: number; readonly side: number }) {
  const strength = Math.min(1, Math.abs(value)).toFixed(2);
  const place = `x="${x.toFixed(2)}" y="${y.toFixed(2)}" width="${side.toFixed(2)}" height="${side.toFixed(2)}"`;
  return `<rect class="${value < 0 ? "low" : "high"}" fill-opacity="${strength}" ${place}/>`;
}

/** −1, 0 and 1 as the cells show them. */
function keySvg(): string {
  const y = TOP + SIDE + 10;
  return [-1, -0.5, 0, 0.5, 1]
    .map((value, index) => {
      const x = index * 62;
      const name = value < 0 ? `−${-value}` : String(value);
      return `${cellSvg(value, { x, y, side: 16 })}<text x="${x + 22}" y="${y + 13}">${name}</text>`;
    })
    .join("");
}
