/** A data set's report as one HTML file that needs nothing else and asks for nothing. */
import { htmlPage, htmlSection, htmlTable } from "@consilium/shared/html/page";
import { escaped } from "@consilium/shared/plot/escaped";
import { linePlotSvg } from "@consilium/shared/plot/linePlot";
import { PROBLEMS } from "../contract/tally.ts";
import type { LocalReport, SanitizerLook } from "./localReport.ts";
import type { ColumnLook } from "./look.ts";
import { type PictureRow, pngOf } from "./pictures.ts";
import { distancePicture, energyPanel, spectrumPanel } from "./plots.ts";

/** Rows of the table of columns; of more columns those with most amiss. */
const COLUMNS_SHOWN = 200;

export async function reportPage(report: LocalReport, madeAt: Date): Promise<string> {
  const { study, contract, look, sanitizers, pictures } = report;
  const title = `Data for ${study}`;
  return htmlPage(title, [
    `<p class="keep">Exact figures of patients' records, made at this site on ${madeAt.toISOString().slice(0, 10)}. ` +
      "Nothing of it was noised or charged: keep it here, and pass nothing of it on.</p>",
    htmlSection("The contract", contractHtml(contract)),
    htmlSection("Columns", columnsHtml(look.columns, look.records)),
    ...(sanitizers === null ? [] : [htmlSection("Sanitized records", sanitizersHtml(sanitizers))]),
    ...(pictures.length === 0 ? [] : [htmlSection("Pictures", await picturesHtml(pictures))]),
  ]);
}

function contractHtml({ records, patients, parts, violations }: LocalReport["contract"]): string {
  const { train, validation, audit } = parts;
  const counts = `${records} records of ${patients} patients: ${train} train, ${validation} validation, ${audit} audit hold-out.`;
  if (violations.length === 0) return `<p>${counts} The data meet the contract.</p>`;
  const rows = violations.map(({ severity, column, problem, count }) => {
    const [what, remedy] = PROBLEMS[problem];
    return [severity, column ?? "", String(count), what, remedy].map(escaped);
  });
  return `<p>${counts}</p>${htmlTable(["", "column", "count", "what", "what to do"], rows)}`;
}

/** All, or of many those with most amiss. */
export function shownColumns(columns: readonly ColumnLook[]): readonly ColumnLook[] {
  const amiss = ({ missing, outside, unusable }: ColumnLook): number => missing + outside + unusable;
  if (columns.length <= COLUMNS_SHOWN) return columns;
  return [...columns].sort((a, b) => amiss(b) - amiss(a)).slice(0, COLUMNS_SHOWN);
}

function columnsHtml(columns: readonly ColumnLook[], records: number): string {
  const shown = shownColumns(columns);
  const rows = shown.map((look) => [
    escaped(look.column.name),
    escaped(rangeText(look)),
    share(look.missing, records),
    look.column.type === "category"
      ? ""
      : share(
          look.outside,
          look.counts.reduce((sum, count) => sum + count, 0),
        ),
    look.unusable === 0 ? "" : String(look.unusable),
    bars(look),
  ]);
  const more = columns.length - shown.length;
  const note = more === 0 ? "" : `<p>Of ${columns.length} columns the ${shown.length} with most amiss.</p>`;
  const head = ["column", "public range", "missing", "clipped", "unusable", "values"];
  return `${note}${htmlTable(head, rows)}<p class="quiet">Bars: numbers by tenths of the public range, records by category.</p>`;
}

export function rangeText({ column }: ColumnLook): string {
  if (column.type === "category") return column.values.join(", ");
  const size = column.type === "array" ? `${column.shape.join("×")}, ` : "";
  return `${size}${column.min} to ${column.max}${column.unit === undefined ? "" : ` ${column.unit}`}`;
}

/** "0", "12 (4 %)": how many, and of how many. */
function share(count: number, all: number): string {
  return count === 0 ? "" : `${count} (${percent(count / all)})`;
}

function percent(part: number): string {
  return part < 0.001 ? "< 0.1 %" : `${(100 * part).toPrecision(part < 0.0995 ? 2 : 3)} %`;
}

const BAR = { width: 8, height: 24 } as const;

function bars({ counts, column }: ColumnLook): string {
  const most = Math.max(1, ...counts);
  const rects = counts.map((count, i) => {
    const height = Math.ceil((BAR.height * count) / most);
    return `<rect x="${i * BAR.width}" y="${BAR.height - height}" width="${BAR.width - 1}" height="${height}"/>`;
  });
  const width = counts.length * BAR.width;
  const label = escaped(`${column.name}: ${counts.join(", ")}`);
  return `<svg class="bars" width="${width}" height="${BAR.height}" role="img" aria-label="${label}">${rects.join("")}</svg>`;
}

function sanitizersHtml({ records, columns, clips, energy, spectrum, distances }: SanitizerLook): string {
  const from =
    clips.from === "given"
      ? "as they were given"
      : "for these drawings alone 95 % of the records keep within them: what you declare must be public knowledge, " +
        "for a bound learnt from records tells of them";
  return [
    `<p>${records} records of ${columns} numbers, scaled by their public ranges to [−1, 1]. Clips: ` +
      `L1 ≤ ${clips.l1Bound.toPrecision(3)}, L2 ≤ ${clips.l2Bound.toPrecision(3)}, ${from}.</p>`,
    "<h3>What lies in the coefficients, and what the first K keep</h3>",
    linePlotSvg(
      "Power of the coefficients, and energy that K of them keep",
      [spectrumPanel(spectrum), energyPanel(energy)],
      2,
    ),
    "<h3>How far a sanitized record is from the original</h3>",
    distancePicture(distances),
    '<p class="quiet">Below the dashed line nothing comes: that much is lost with the other coefficients. Noise on the ' +
      "sphere is shorter, but drawn in floating point: meant, not proven, and no cap can be charged for it.</p>",
  ].join("\n");
}

async function picturesHtml(rows: readonly PictureRow[]): Promise<string> {
  const figures = await Promise.all(
    rows.map(async (row) => {
      const images = [{ name: "as it is", values: row.original }].concat(
        row.noised.map(({ beta, values }) => ({ name: `β = ${beta}: ε = ${1 / beta} for one pixel`, values })),
      );
      const cells = await Promise.all(
        images.map(async ({ name, values }) => {
          const source = await pngOf(row, values);
          return `<figure><img alt="${escaped(name)}" src="${source}"><figcaption>${escaped(name)}</figcaption></figure>`;
        }),
      );
      return `<div class="row">${cells.join("")}</div>`;
    }),
  );
  const [first] = rows;
  const pixels = first === undefined ? 0 : first.height * first.width * first.channels;
  const whole = `By composition a whole picture of ${pixels} numbers comes to ε = ${pixels} at β = 1: `;
  const words = `${whole}that is no meaningful protection of who is in it, however it looks.`;
  return `${figures.join("\n")}<p>${words}</p>`;
}
