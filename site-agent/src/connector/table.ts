/**
 * Tables in CSV, TSV, JSON and Parquet files, read by DuckDB in memory. Only the columns asked for are made into
 * values; nothing is guessed (delimiter, header and quoting are settled from the first line), no extension is fetched,
 * and DuckDB may open that one file alone. Messages hold no path and no value: at most a line number, for local eyes.
 */
import { Failure } from "@consilium/shared/failure/failure";
import type { RawValue } from "@consilium/shared/study/features";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { type Connector, MISSING_TEXTS, placesOf, unreadableData } from "./connector.ts";
import { readHeader } from "./csvHeader.ts";
import { firstText, MAGIC, requireWholeGzip, resolveFile, startsWith, tableKind } from "./sourceFile.ts";

/** What a data set's file says of a table beyond its path. */
export interface TableChoice {
  readonly delimiter?: string | undefined;
  readonly decimal?: "." | ",";
  /** Texts that stand for missing, beside those that always do. */
  readonly missing?: readonly string[];
}

const MEMORY_LIMIT = "1GB";
/** DuckDB's default line limit is 2 MB; a row of 30,000 long numbers is within this. */
const WIDE_LINE_BYTES = 32 * 1024 * 1024;
const WIDE_COLUMN_COUNT = 10_000;
/** Enough to see whether a JSON text is a list or lines. */
const JSON_START_BYTES = 4096;

/** The caller closes it. A file that is missing, empty or of another kind is a Failure. */
export async function openTable(path: string, choice: TableChoice = {}): Promise<Connector> {
  const file = await resolveTable(path);
  const kind = tableKind(file);
  if (kind === "parquet") return openParquet(file, choice);
  return kind === "json" ? openJson(file, choice) : openCsv(file, choice);
}

async function openCsv(file: string, choice: TableChoice): Promise<Connector> {
  const { names, delimiter } = await readHeader(file, choice.delimiter);
  const wide =
    names.length > WIDE_COLUMN_COUNT ? `, max_line_size=${WIDE_LINE_BYTES}, buffer_size=${2 * WIDE_LINE_BYTES}` : "";
  const source =
    `read_csv(${text(file)}, auto_detect=false, header=true, delim=${text(delimiter)}, quote='"', escape='"', ` +
    `nullstr=${missingOf(choice, "[", "]")}, strict_mode=true, null_padding=false${wide}, ` +
    `compression=${startsWith(file, MAGIC.gzip) ? "'gzip'" : "'none'"}, ` +
    `columns={${names.map((_, i) => `'c${i}': 'VARCHAR'`).join(", ")}})`;
  const cells = names.map((_, i) => `c${i}`);
  return tableOf(await connect(file), { names, cells, source }, choice);
}

async function openParquet(file: string, choice: TableChoice): Promise<Connector> {
  const connection = await connect(file);
  const source = `read_parquet(${text(file)})`;
  const names = await looked(connection, async () => {
    const described = await connection.runAndReadAll(`DESCRIBE SELECT * FROM ${source}`);
    return described.getRows().map((row) => String(row[0]));
  });
  const cells = names.map((name) => present(`CAST("${name.replaceAll('"', '""')}" AS VARCHAR)`, choice));
  return tableOf(connection, { names, cells, source }, choice);
}

/** A list of records, or one a line; the columns are the keys of all of them. */
async function openJson(file: string, choice: TableChoice): Promise<Connector> {
  const format = (await firstText(file, JSON_START_BYTES)).trimStart().startsWith("[") ? "array" : "newline_delimited";
  const connection = await connect(file);
  const source = `read_json_objects(${text(file)}, format='${format}')`;
  const names = await looked(connection, async () => {
    const kinds = await connection.runAndReadAll(`SELECT DISTINCT CAST(json_keys(json) AS JSON) FROM ${source}`);
    return [...new Set(kinds.getRows().flatMap(([keys]) => namesIn(keys)))];
  });
  // By a pointer (RFC 6901), for a key may hold whatever a path would read as its own sign.
  const cells = names.map((name) => {
    const pointer = `/${name.replaceAll("~", "~0").replaceAll("/", "~1")}`;
    return present(`(json ->> ${text(pointer)})`, choice);
  });
  return tableOf(connection, { names, cells, source }, choice);
}

function namesIn(keys: unknown): readonly string[] {
  const parsed: unknown = typeof keys === "string" ? JSON.parse(keys) : [];
  return Array.isArray(parsed) ? parsed.map(String) : [];
}

/** What DuckDB finds when it first looks; the connection is closed where it can't. */
async function looked<T>(connection: DuckDBConnection, look: () => Promise<T>): Promise<T> {
  try {
    return await look();
  } catch (cause) {
    connection.closeSync();
    throw unreadable(cause);
  }
}

function present(cell: string, choice: TableChoice): string {
  return `CASE WHEN trim(${cell}) IN ${missingOf(choice, "(", ")")} THEN NULL ELSE ${cell} END`;
}

function missingOf({ missing = [] }: TableChoice, open: string, close: string): string {
  return `${open}${[...MISSING_TEXTS, ...missing].map(text).join(", ")}${close}`;
}

interface Table {
  readonly names: readonly string[];
  /** SQL of each column's value. */
  readonly cells: readonly string[];
  readonly source: string;
}

function tableOf(connection: DuckDBConnection, { names, cells, source }: Table, choice: TableChoice): Connector {
  const asRaw = choice.decimal === "," ? withDecimalComma : asText;
  return {
    columns: async () => names,
    rows: (columns) => {
      const wanted = placesOf(names, columns).map((place) => cells[place]);
      return stream(connection, `SELECT ${wanted.join(", ")} FROM ${source}`, asRaw);
    },
    findings: () => [],
    close: async () => connection.closeSync(),
  };
}

async function* stream(
  connection: DuckDBConnection,
  query: string,
  asRaw: (value: unknown) => RawValue,
): AsyncGenerator<readonly (readonly RawValue[])[]> {
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
function asText(value: unknown): RawValue {
  return typeof value === "string" ? value : null;
}

/**
 * `1.234,5` → 1234.5. A number with points and no comma may be thousands, another rule's decimal or somebody's key:
 * which, nobody knows, and two patients must not become one.
 */
function withDecimalComma(value: unknown): RawValue {
  if (typeof value !== "string") return null;
  const number = value.trim();
  if (/^[+-]?(\d+|\d{1,3}(\.\d{3})+),\d+$/.test(number)) return number.replaceAll(".", "").replace(",", ".");
  if (!/^[+-]?(\d+\.\d+|\d{1,3}(\.\d{3})+)$/.test(number)) return value;
  throw unreadableData(
    "decimal-mixed",
    "With a decimal comma, a value has a point and no comma: thousands, a decimal point or a code.",
    "Export numbers without thousands, with one decimal sign, and name that: source: { table: { decimal: '.' } }",
  );
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
async function resolveTable(path: string): Promise<string> {
  const file = resolveFile(path);
  if (/[*?[\]{}]/.test(file))
    throw unreadableData(
      "file-name",
      "The data file's path holds one of * ? [ ] { }.",
      "Rename the file or its folder.",
    );
  if (startsWith(file, MAGIC.zip))
    throw unreadableData("file-kind", "The data file is a spreadsheet or a zip archive.", "Export it as CSV.");
  if (startsWith(file, MAGIC.gzip)) await requireWholeGzip(file);
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
