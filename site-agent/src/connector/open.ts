/** Opens what a path names: a data set's file, or a file whose kind is told by its first bytes and its ending. */
import { readFile, realpath, stat } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { type Connector, unreadableData } from "./connector.ts";
import { deidentified } from "./deidentified.ts";
import { harmonised } from "./harmonise.ts";
import { QUIET, type Reading } from "./reading.ts";
import { type DatasetFile, type PostgresSource, parseDatasetFile, type Source } from "./source.ts";
import { MAGIC, resolveFile, startsWith, tableKind } from "./sourceFile.ts";

/** A data set's file is a page of settings. */
const DATASET_FILE_BYTES_MAX = 4 * 1024 * 1024;

const SECRET_BYTES = 32;

/** The caller closes what is opened. Readers are loaded only where they are needed: DuckDB alone has 70 MB. */
export async function openData(path: string, reading: Reading = QUIET): Promise<Connector> {
  const dataset = await readDatasetFile(path);
  if (dataset === null) return openBare(path);
  const { source, harmonise, deidentify } = dataset.file;
  const connector = await openSource(source, dataset.at, reading);
  try {
    // Shifted dates need hold together only here: no study reads them, and copies are made with the site's secret.
    const secret = operatingSystemRandom.bytes(SECRET_BYTES);
    const safe = deidentify === undefined ? connector : await deidentified(connector, deidentify, secret);
    return Object.keys(harmonise).length === 0 ? safe : await harmonised(safe, harmonise);
  } catch (error) {
    await connector.close();
    throw error;
  }
}

/** The records as they lie there, for a copy: neither de-identified nor harmonised. */
export async function openOriginal(path: string, reading: Reading): Promise<Connector> {
  const dataset = await readDatasetFile(path);
  return dataset === null ? openBare(path) : openSource(dataset.file.source, dataset.at, reading);
}

/** A data set's file with the way from its paths to absolute ones; `null` for a path that is the data itself. */
export interface OpenedDatasetFile {
  readonly file: DatasetFile;
  at(path: string): string;
}

export async function readDatasetFile(path: string): Promise<OpenedDatasetFile | null> {
  if (!/\.ya?ml$/i.test(path)) return null;
  const real = resolveFile(path);
  if ((await stat(real)).size > DATASET_FILE_BYTES_MAX)
    throw unreadableData("dataset-file-invalid", "The data set's file is longer than any.", "Name the right file.");
  const folder = dirname(await realpath(path));
  return { file: parseDatasetFile(await readFile(real, "utf8")), at: (inside) => resolve(folder, inside) };
}

async function openSource(source: Source, at: OpenedDatasetFile["at"], reading: Reading): Promise<Connector> {
  const { table, sqlite, postgres, matrix, series, fhir, images, dicom } = source;
  if (table !== undefined) return (await import("./table.ts")).openTable(at(table.file), table);
  if (sqlite !== undefined) return (await import("./sqlite.ts")).openSqlite(at(sqlite.file), sqlite);
  if (postgres !== undefined) return (await import("./postgres.ts")).openPostgres(postgres, at);
  if (matrix !== undefined) return (await import("./matrix.ts")).openMatrix(matrix, at);
  if (series !== undefined) return (await import("./series.ts")).openSeries(series, at);
  if (fhir !== undefined) return (await import("./fhir.ts")).openFhir(fhir, at);
  if (images !== undefined) return (await import("./images.ts")).openImages(images, at, reading);
  if (dicom !== undefined) return (await import("./dicom.ts")).openDicom(dicom, at, reading);
  throw new Error("Broken invariant: a source has exactly one kind");
}

/** Text of one column without a delimiter is a table only where a data set's file says so: any text would be one. */
async function openBare(path: string): Promise<Connector> {
  const file = resolveFile(path);
  if (startsWith(file, MAGIC.sqlite)) return (await import("./sqlite.ts")).openSqlite(file, {});
  if (/\.npz$/i.test(file) && startsWith(file, MAGIC.zip))
    return (await import("./arrayTable.ts")).openArrayTable(file);
  if (startsWith(file, MAGIC.npy) || /\.npz$/i.test(file))
    throw unreadableData(
      "needs-dataset-file",
      "A matrix doesn't say which patient and label its rows belong to.",
      "Write a data set's file that does: consilium-site data --help",
    );
  const connector = await (await import("./table.ts")).openTable(file);
  if (tableKind(file) !== "csv" || (await connector.columns()).length > 1) return connector;
  await connector.close();
  throw unreadableData(
    "no-table",
    "The data file's first line has no delimiter: this is one column, or no table.",
    "Name a table. If it is one of a single column, say so in a data set's file: source: { table: { file: NAME } }",
  );
}

/** What a data set lies in; files and folders by their absolute paths. */
export interface Behind {
  /** What holds records: the same file under two data sets would give its patients two budgets. */
  readonly records: readonly string[];
  /** What names columns. */
  readonly names: readonly string[];
  /** The server and what is asked of it, which has no bytes to hold against a later look; `null` where files hold all. */
  readonly database: string | null;
}

export function whatIsBehind(source: Source, at: OpenedDatasetFile["at"]): Behind {
  const { table, sqlite, postgres, matrix, series, fhir, images, dicom } = source;
  const there = (files: readonly (string | undefined)[]) => files.filter((file) => file !== undefined).map(at);
  return {
    records: there([
      ...[table?.file, sqlite?.file, matrix?.file, matrix?.annotations.file],
      ...[series?.file, series?.patients?.file, fhir?.folder],
      ...[images?.folder, images?.table?.file, dicom?.folder, dicom?.labels?.file],
    ]),
    names: there([matrix?.genes?.file, matrix?.samples?.file]),
    database: postgres === undefined ? null : identityOf(postgres),
  };
}

function identityOf({ host, port, database, table, query }: PostgresSource): string {
  const asked = table ?? (query ?? "").trim().replace(/\s+/g, " ");
  return JSON.stringify([host.toLowerCase(), port, database, asked]);
}
