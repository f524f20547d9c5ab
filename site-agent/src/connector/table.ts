/**
 * Tables in CSV and Parquet files, read by DuckDB in memory. Only the columns asked for are made into values; nothing
 * is guessed (delimiter, header and quoting are settled from the first line), no extension is fetched, and DuckDB may
 * open that one file alone. Messages hold no path and no value: at most a line number, for local eyes.
 */
import { closeSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { Failure } from "@consilium/shared/failure/failure";
import type { RawValue } from "@consilium/shared/study/features";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { readHeader } from "./csvHeader.ts";

/** A data set's rows, column by name. */
export interface Connector {
  /** Names in the file's order, repeated ones included. */
  columns(): Promise<readonly string[]>;
  /** Rows in the file's order, in chunks; a row holds the named columns in the order asked for, `null` if missing. */
  rows(columns: readonly string[]): AsyncIterable<readonly (readonly RawValue[])[]>;
  close(): void;
}

/** Texts that stand for a missing value in any file; a contract may name more for a column. */
export const MISSING_TEXTS = ["", "NA", "N/A", "NaN", "nan", "NULL", "null", "?"] as const;

const MEMORY_LIMIT = "1GB";
/** DuckDB's default line limit is 2 MB; a row of 30,000 long numbers is within this. */
const WIDE_LINE_BYTES = 32 * 1024 * 1024;
const WIDE_COLUMN_COUNT = 10_000;

/** Opens a CSV or Parquet file; the caller closes it. A file that is missing, empty or of another kind is a Failure. */
export async function openTable(path: string): Promise<Connector> {
  const file = resolveFile(path);
  return startsWith(file, "PAR1") ? openParquet(file) : openCsv(file);
}

async function openCsv(file: string): Promise<Connector> {
  const { names, delimiter } = readHeader(file);
  const connection = await connect(file);
  const wide =
    names.length > WIDE_COLUMN_COUNT ? `, max_line_size=${WIDE_LINE_BYTES}, buffer_size=${2 * WIDE_LINE_BYTES}` : "";
  const source =
    `read_csv(${text(file)}, auto_detect=false, header=true, delim=${text(delimiter)}, quote='"', escape='"', ` +
    `nullstr=[${MISSING_TEXTS.map(text).join(", ")}], strict_mode=true, null_padding=false${wide}, ` +
    `columns={${names.map((_, i) => `'c${i}': 'VARCHAR'`).join(", ")}})`;
  return tableOf(connection, names, (indices) => `SELECT ${indices.map((i) => `c${i}`).join(", ")} FROM ${source}`);
}

async function openParquet(file: string): Promise<Connector> {
  const connection = await connect(file);
  const source = `read_parquet(${text(file)})`;
  try {
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`);
    const names = described.getRows().map((row) => String(row[0]));
    const value = (i: number): string => {
      const cell = `CAST("${(names[i] ?? "").replaceAll('"', '""')}" AS VARCHAR)`;
      return `CASE WHEN trim(${cell}) IN (${MISSING_TEXTS.map(text).join(", ")}) THEN NULL ELSE ${cell} END`;
    };
    return tableOf(connection, names, (indices) => `SELECT ${indices.map(value).join(", ")} FROM ${source}`);
  } catch (cause) {
    connection.closeSync();
    throw unreadable(cause);
  }
}

function tableOf(
  connection: DuckDBConnection,
  names: readonly string[],
  select: (indices: readonly number[]) => string,
): Connector {
  return {
    columns: async () => names,
    rows: (columns) => stream(connection, select(placesOf(names, columns))),
    close: () => connection.closeSync(),
  };
}

async function* stream(connection: DuckDBConnection, query: string): AsyncGenerator<readonly (readonly RawValue[])[]> {
  try {
    const result = await connection.stream(query);
    for (;;) {
      const chunk = await result.fetchChunk();
      if (chunk === null || chunk.rowCount === 0) return;
      yield chunk.getRows().map((row) => row.map(asRaw));
    }
  } catch (error) {
    throw error instanceof Failure ? error : unreadable(error);
  }
}

/** Every column is read as text. */
function asRaw(value: unknown): RawValue {
  return typeof value === "string" ? value : null;
}

async function connect(file: string): Promise<DuckDBConnection> {
  const instance = await DuckDBInstance.create(":memory:", {
    autoinstall_known_extensions: "false",
    autoload_known_extensions: "false",
    memory_limit: MEMORY_LIMIT,
    threads: "1",
  });
  const connection = await instance.connect();
  await connection.run(`SET allowed_paths=[${text(file)}]`);
  await connection.run("SET enable_external_access=false");
  await connection.run("SET lock_configuration=true");
  return connection;
}

/** Place of each name asked for; each must be there once. */
function placesOf(names: readonly string[], wanted: readonly string[]): readonly number[] {
  const places = new Map<string, number>();
  const repeated = new Set<string>();
  names.forEach((name, place) => {
    if (places.has(name)) repeated.add(name);
    places.set(name, place);
  });
  return wanted.map((name) => {
    const place = places.get(name);
    if (place === undefined) throw unusableColumn("data/column-missing", name, "no column");
    if (repeated.has(name)) throw unusableColumn("data/column-repeated", name, "more than one column");
    return place;
  });
}

function unusableColumn(code: string, column: string, found: string): Failure {
  return new Failure({
    code,
    kind: "config",
    what: `The data have ${found} '${column}'.`,
    remedy: "Rename the file's columns to those of the study's schema; names count by case.",
    fields: { column },
  });
}

/** The file's real path, so that DuckDB opens what was looked at. Characters that DuckDB would expand are refused. */
function resolveFile(path: string): string {
  const found = statSync(path, { throwIfNoEntry: false });
  if (found === undefined || !found.isFile())
    throw notATable("data/file-missing", "There is no such data file.", "Check the path; a folder can't be read.");
  const file = realpathSync(path);
  if (/[*?[\]{}]/.test(file))
    throw notATable(
      "data/file-name",
      "The data file's path holds one of * ? [ ] { }.",
      "Rename the file or its folder.",
    );
  if (found.size === 0)
    throw notATable("data/empty", "The data file is empty.", "Export it again, with its header line.");
  if (startsWith(file, "\x1f\x8b") || startsWith(file, "PK"))
    throw notATable("data/file-kind", "The data file is compressed or a spreadsheet.", "Give CSV or Parquet.");
  return file;
}

function startsWith(file: string, magic: string): boolean {
  const bytes = Buffer.alloc(magic.length);
  const descriptor = openSync(file, "r");
  try {
    return readSync(descriptor, bytes, 0, magic.length, 0) === magic.length && bytes.toString("latin1") === magic;
  } finally {
    closeSync(descriptor);
  }
}

/** A SQL text literal. */
function text(value: string): string {
  return `'${value.replaceAll("'", "''")}'`;
}

/** DuckDB's own message quotes the line at fault, patient and all: only its number is kept. */
function unreadable(error: unknown): Failure {
  const message = error instanceof Error ? error.message : "";
  const line = /Line: (\d+)/.exec(message)?.[1];
  const encoding = /unicode|utf-?8/i.test(message);
  return notATable(
    "data/unreadable",
    `The data file can't be read${line === undefined ? "" : `: line ${line} is at fault`}.`,
    encoding
      ? "Save it as UTF-8."
      : "Each line needs as many cells as the header; quote cells that hold the delimiter.",
  );
}

function notATable(code: string, what: string, remedy: string): Failure {
  return new Failure({ code, kind: "config", what, remedy });
}
