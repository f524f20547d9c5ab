/**
 * Tables in CSV and Parquet files, read by DuckDB in memory. Only the columns asked for are made into values; nothing
 * is guessed (delimiter, header and quoting are settled from the first line), no extension is fetched, and DuckDB may
 * open that one file alone. Messages hold no path and no value: at most a line number, for local eyes.
 */
import { Failure } from "@consilium/shared/failure/failure";
import type { RawValue } from "@consilium/shared/study/features";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { type Connector, MISSING_TEXTS, placesOf, unreadableData } from "./connector.ts";
import { readHeader } from "./csvHeader.ts";
import { MAGIC, resolveFile, startsWith } from "./sourceFile.ts";

/** What a data set's file says of a table beyond its path. */
export interface TableChoice {
  readonly delimiter?: string | undefined;
}

const MEMORY_LIMIT = "1GB";
/** DuckDB's default line limit is 2 MB; a row of 30,000 long numbers is within this. */
const WIDE_LINE_BYTES = 32 * 1024 * 1024;
const WIDE_COLUMN_COUNT = 10_000;

/** Opens a CSV or Parquet file; the caller closes it. A file that is missing, empty or of another kind is a Failure. */
export async function openTable(path: string, choice: TableChoice = {}): Promise<Connector> {
  const file = resolveTable(path);
  return startsWith(file, MAGIC.parquet) ? openParquet(file) : openCsv(file, choice);
}

async function openCsv(file: string, choice: TableChoice): Promise<Connector> {
  const { names, delimiter } = readHeader(file, choice.delimiter);
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
    findings: () => [],
    close: async () => connection.closeSync(),
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

/** Characters in a path that DuckDB would expand are refused, and files that need another reader. */
function resolveTable(path: string): string {
  const file = resolveFile(path);
  if (/[*?[\]{}]/.test(file))
    throw unreadableData(
      "file-name",
      "The data file's path holds one of * ? [ ] { }.",
      "Rename the file or its folder.",
    );
  if (startsWith(file, MAGIC.gzip) || startsWith(file, MAGIC.zip))
    throw unreadableData("file-kind", "The data file is compressed or a spreadsheet.", "Give CSV or Parquet.");
  return file;
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
  return unreadableData(
    "unreadable",
    `The data file can't be read${line === undefined ? "" : `: line ${line} is at fault`}.`,
    encoding
      ? "Save it as UTF-8."
      : "Each line needs as many cells as the header; quote cells that hold the delimiter.",
  );
}
