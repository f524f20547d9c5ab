/** A data set's file: where a hospital's records lie and how their values become those that studies ask for. */
import { Failure } from "@consilium/shared/failure/failure";
import { parseSource } from "@consilium/shared/study/issues";
import { formatFinding, openYaml } from "@consilium/shared/study/yamlSource";
import { z } from "zod";

const FilePath = z.string().min(1).max(4096).describe("Path of a file, from the folder of this one.");

export const TableSource = z
  .strictObject({
    file: FilePath,
    delimiter: z.enum([",", ";", "\t", "|"]).optional().describe("Between cells; without it, the header's commonest."),
  })
  .describe("A CSV, TSV or Parquet file.");
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

/** Exactly one of the kinds. */
export const Source = z
  .strictObject({ table: TableSource.optional(), sqlite: SqliteSource.optional() })
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
