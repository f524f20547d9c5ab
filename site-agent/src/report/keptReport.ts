/** A data set's report as the hospital's own page shows it: kept at the site, its owner's alone, never sent. */
import { linePlotSvg } from "@consilium/shared/plot/linePlot";
import { Digest } from "@consilium/shared/units/identity";
import { z } from "zod";
import { PROBLEMS } from "../contract/tally.ts";
import type { LocalReport } from "./localReport.ts";
import { rangeText, shownColumns } from "./page.ts";
import { pngOf } from "./pictures.ts";
import { distancePicture, energyPanel, spectrumPanel } from "./plots.ts";

const count = z.number().int().nonnegative();

export const KeptReport = z.strictObject({
  study: z.string(),
  madeAt: z.string(),
  /** Of the data's files when it was made; `null` for a database. */
  content: Digest.nullable(),
  records: count,
  patients: count,
  parts: z.strictObject({ train: count, validation: count, audit: count, reference: count.default(0) }),
  violations: z.array(
    z.strictObject({
      severity: z.enum(["error", "warning"]),
      column: z.string().nullable(),
      count,
      what: z.string(),
      remedy: z.string(),
    }),
  ),
  /** Of more columns those with most amiss. */
  columnCount: count,
  columns: z.array(
    z.strictObject({ name: z.string(), range: z.string(), missing: count, clipped: count, unusable: count }),
  ),
  clips: z.strictObject({ l1Bound: z.number(), l2Bound: z.number(), from: z.enum(["given", "quantile"]) }).nullable(),
  /** Spectra, energy and distances, as SVG files. */
  plots: z.array(z.strictObject({ title: z.string(), svg: z.string() })),
  /** Before and after noise on the pixels, as addresses of their own bytes. */
  pictures: z.array(z.array(z.strictObject({ name: z.string(), source: z.string() }))),
});
export type KeptReport = z.infer<typeof KeptReport>;

export async function keptReportOf(
  { study, contract, look, sanitizers, pictures }: LocalReport,
  content: Digest | null,
  madeAt: Date,
): Promise<KeptReport> {
  return KeptReport.parse({
    study,
    madeAt: madeAt.toISOString(),
    content,
    records: contract.records,
    patients: contract.patients,
    parts: contract.parts,
    violations: contract.violations.map(({ severity, column, problem, count: records }) => {
      const [what, remedy] = PROBLEMS[problem];
      return { severity, column, count: records, what, remedy };
    }),
    columnCount: look.columns.length,
    columns: shownColumns(look.columns).map((one) => ({
      name: one.column.name,
      range: rangeText(one),
      missing: one.missing,
      clipped: one.outside,
      unusable: one.unusable,
    })),
    clips: sanitizers === null ? null : sanitizers.clips,
    plots: sanitizers === null ? [] : plotsOf(sanitizers),
    pictures: await Promise.all(
      pictures.map((row) =>
        Promise.all(
          [{ name: "as it is", values: row.original }]
            .concat(
              row.noised.map(({ beta, values }) => ({ name: `β = ${beta}: ε = ${1 / beta} for one pixel`, values })),
            )
            .map(async ({ name, values }) => ({ name, source: await pngOf(row, values) })),
        ),
      ),
    ),
  });
}

function plotsOf({ spectrum, energy, distances }: NonNullable<LocalReport["sanitizers"]>): KeptReport["plots"] {
  const title = "What lies in the coefficients, and what the first K keep";
  return [
    { title, svg: linePlotSvg(title, [spectrumPanel(spectrum), energyPanel(energy)], 2) },
    { title: "How far a sanitized record is from the original", svg: distancePicture(distances) },
  ];
}
