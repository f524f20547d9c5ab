/** A data set's file: where a hospital's records lie and how their values become those that studies ask for. */
import { Failure } from "@consilium/shared/failure/failure";
import { CategoryValue } from "@consilium/shared/study/contract";
import { parseSource } from "@consilium/shared/study/issues";
import { formatFinding, openYaml } from "@consilium/shared/study/yamlSource";
import { z } from "zod";
import { TableRules } from "../deidentification/tableRules.ts";
import { FhirRule } from "./fhirRule.ts";
import { Harmonise } from "./harmonise.ts";
import { DicomSource, ImagesSource } from "./pictureSource.ts";

const FilePath = z.string().min(1).max(4096).describe("Path of a file, from the folder of this one.");

export const TableSource = z
  .strictObject({
    file: FilePath,
    delimiter: z.enum([",", ";", "\t", "|"]).optional().describe("Between cells; without it, the header's commonest."),
    decimal: z.enum([".", ","]).default(".").describe("Decimal mark of its numbers."),
    missing: z.array(z.string().max(100)).max(50).default([]).describe("Texts that stand for missing in any column."),
  })
  .describe("A CSV, TSV or NDJSON file (each may be gzipped), a JSON list or a Parquet file.");
export type TableSource = z.infer<typeof TableSource>;

export const SqliteSource = z
  .strictObject({
    file: FilePath,
    table: z.string().min(1).max(200).optional().describe("A table or view of it."),
    query: z.string().min(1).max(100_000).optional().describe("Or one SELECT."),
  })
  .refine(({ table, query }) => (table === undefined) !== (query === undefined), {
    message: "must have either a table or a query",
  })
  .describe("A SQLite database, opened for reading alone.");
export type SqliteSource = z.infer<typeof SqliteSource>;

const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|::1|\/.*)$/;

export const PostgresSource = z
  .strictObject({
    host: z.string().min(1).max(300).describe("Name or address of the server; a path: the folder of its socket."),
    port: z.number().int().min(1).max(65_535).default(5432),
    database: z.string().min(1).max(100),
    user: z.string().min(1).max(100).describe("Best one that may only read these tables."),
    passwordFile: FilePath.optional().describe("File with the password alone, mode 0600. It is never written here."),
    tls: z
      .union([z.literal("off"), z.strictObject({ ca: FilePath.optional().describe("CA certificate of the server.") })])
      .default({})
      .describe("Certificates are checked. `off` on this machine alone."),
    table: z.string().min(1).max(200).optional().describe("A table or view: visits, or clinic.visits."),
    query: z.string().min(1).max(100_000).optional().describe("Or one SELECT."),
  })
  .refine(({ table, query }) => (table === undefined) !== (query === undefined), {
    message: "must have either a table or a query",
  })
  .refine(({ host, tls }) => tls !== "off" || LOOPBACK.test(host), {
    message: "may be off on this machine alone: records would cross the network in the clear",
    path: ["tls"],
  })
  .describe("A PostgreSQL server, read in one read-only transaction.");
export type PostgresSource = z.infer<typeof PostgresSource>;

const Names = z
  .strictObject({
    file: FilePath.optional().describe("A text with one name a line."),
    array: z.string().min(1).max(200).optional().describe("Or an array of the same .npz."),
  })
  .refine(({ file, array }) => (file === undefined) !== (array === undefined), {
    message: "must have either a file or an array",
  });

export const MatrixSource = z
  .strictObject({
    file: FilePath,
    orientation: z.enum(["samples-by-genes", "genes-by-samples"]).describe("What a row is, then what a column is."),
    array: z.string().min(1).max(200).optional().describe("Of an .npz with several."),
    key: z
      .string()
      .min(1)
      .max(200)
      .optional()
      .describe("Of a Parquet file: the column with rows' names; else the first."),
    delimiter: TableSource.shape.delimiter,
    genes: Names.optional().describe("Names of the genes, where the file has none; else g1, g2, …"),
    samples: Names.optional().describe("Names of the samples, where the file has none."),
    annotations: TableSource.extend({
      sample: z
        .string()
        .min(1)
        .max(200)
        .optional()
        .describe("Column with the samples' names; without it, lines are in the matrix's order."),
    }).describe("The table with each sample's patient, label and clinical columns."),
  })
  .describe("A matrix of gene expression: .npy, .npz, CSV, TSV or Parquet.");
export type MatrixSource = z.infer<typeof MatrixSource>;

const ColumnName = z.string().min(1).max(200);

export const SeriesSource = TableSource.extend({
  patient: ColumnName.describe("Column that tells patients apart."),
  visit: ColumnName.describe("Column with the visit's name."),
  visits: z.array(CategoryValue).min(1).max(1000).describe("Every visit that is read, in its order; public."),
  columns: z.array(ColumnName).min(1).max(1000).describe("What is measured: sbp becomes sbp_1, sbp_2, …"),
  duplicates: z
    .enum(["refuse", "first", "last", "mean"])
    .default("refuse")
    .describe("A visit that a patient has twice."),
  otherVisits: z.enum(["refuse", "skip"]).default("refuse").describe("A visit that isn't listed."),
  patients: TableSource.extend({ patient: ColumnName })
    .optional()
    .describe("A table with one row a patient: arm, label."),
}).describe("A long table with a row for each visit: one record a patient.");
export type SeriesSource = z.infer<typeof SeriesSource>;

export const FhirSource = z
  .strictObject({
    folder: z.string().min(1).max(4096).describe("Folder of the export, from the folder of this file."),
    columns: z.record(ColumnName, FhirRule).describe("Columns by name; `patient` is there without being asked for."),
  })
  .refine(({ columns }) => !Object.hasOwn(columns, "patient"), { message: "`patient` is the patient's id" })
  .describe("FHIR R4 resources, one a line: Patient, Observation, Condition.");
export type FhirSource = z.infer<typeof FhirSource>;

/** Exactly one of the kinds. */
export const Source = z
  .strictObject({
    table: TableSource.optional(),
    sqlite: SqliteSource.optional(),
    postgres: PostgresSource.optional(),
    matrix: MatrixSource.optional(),
    series: SeriesSource.optional(),
    fhir: FhirSource.optional(),
    images: ImagesSource.optional(),
    dicom: DicomSource.optional(),
  })
  .superRefine((source, context) => {
    const named = Object.keys(source);
    if (named.length === 1) return;
    const message = `must have exactly one kind of source (got ${named.length === 0 ? "none" : named.join(", ")})`;
    context.addIssue({ code: "custom", path: [], message });
  });
export type Source = z.infer<typeof Source>;

export const DatasetFile = z.strictObject({
  apiVersion: z.literal("consilium/v1"),
  kind: z.literal("Dataset"),
  source: Source.describe("Where the records lie."),
  deidentify: TableRules.optional(),
  harmonise: Harmonise.default({}).describe(
    "Columns that studies call, measure or code otherwise, by the studies' names.",
  ),
});
export type DatasetFile = z.infer<typeof DatasetFile>;

/** What findings call the file: its path is for whoever typed it. */
const LABEL = "data set file";

export function parseDatasetFile(text: string): DatasetFile {
  const { value, findings } = parseSource(openYaml(LABEL, text), DatasetFile, {
    apiVersion: "This version reads consilium/v1.",
    kind: "A data set's file says Dataset.",
  });
  if (value !== null) return value;
  throw new Failure({
    code: "data/dataset-file-invalid",
    kind: "config",
    what: findings.map(formatFinding).join("\n"),
    remedy: "Correct the data set's file: consilium-site data --help shows one.",
  });
}
