/** Tables and queries of a SQLite file, read row by row; the file is opened for reading alone. */
import type { RawValue } from "@consilium/shared/study/features";
import { type ForeignDatabase, type ForeignRows, openForeignDatabase } from "@consilium/storage/foreignDatabase";
import { type Connector, MISSING_TEXTS, placesOf, unreadableData } from "./connector.ts";
import { MAGIC, resolveFile, startsWith } from "./sourceFile.ts";

const ROWS_PER_CHUNK = 1024;
const MISSING: ReadonlySet<string> = new Set(MISSING_TEXTS);

export interface SqliteChoice {
  readonly table?: string | undefined;
  readonly query?: string | undefined;
}

/** Without a table or a query, the only table that the file has. */
export async function openSqlite(path: string, choice: SqliteChoice): Promise<Connector> {
  const file = resolveFile(path);
  if (!startsWith(file, MAGIC.sqlite))
    throw unreadableData("file-kind", "The data file is no SQLite database.", "Name the database's own file.");
  const database = guarded(() => openForeignDatabase(file));
  try {
    const query = choice.query ?? `SELECT * FROM ${quoted(tableOf(database, choice.table))}`;
    const rows = guarded(() => select(database, query));
    return {
      columns: async () => rows.columns,
      rows: (columns) => stream(rows, placesOf(rows.columns, columns)),
      findings: () => [],
      close: async () => database.close(),
    };
  } catch (error) {
    database.close();
    throw error;
  }
}

function tableOf(database: ForeignDatabase, wanted: string | undefined): string {
  const tables = guarded(() => database.tables());
  const [only, another] = tables;
  if (wanted === undefined && only !== undefined && another === undefined) return only;
  if (wanted !== undefined && tables.includes(wanted)) return wanted;
  throw unreadableData(
    "table-missing",
    wanted === undefined
      ? `The database has ${tables.length} tables, and none was named.`
      : `The database has no table '${wanted}'.`,
    `Name one in a data set's file: source: { sqlite: { file: NAME, table: TABLE } }. ${
      tables.length === 0 ? "It has none." : `It has: ${tables.slice(0, 20).join(", ")}.`
    }`,
  );
}

/** One SELECT: whatever would write is refused before it runs. */
function select(database: ForeignDatabase, query: string): ForeignRows {
  const rows = database.select(query);
  if (rows !== null) return rows;
  throw unreadableData(
    "query-writes",
    "The query is not one SELECT.",
    "Write a single SELECT that changes nothing; leave out anything after it.",
  );
}

async function* stream(rows: ForeignRows, places: readonly number[]): AsyncGenerator<readonly (readonly RawValue[])[]> {
  let chunk: RawValue[][] = [];
  const iterator = rows.iterate();
  try {
    for (;;) {
      const next = guarded(() => iterator.next());
      if (next.done === true) break;
      chunk.push(places.map((place) => asRaw(next.value[place])));
      if (chunk.length < ROWS_PER_CHUNK) continue;
      yield chunk;
      chunk = [];
    }
    if (chunk.length > 0) yield chunk;
  } finally {
    iterator.return?.();
  }
}

/** Whole numbers come as big ones; those that a double can't hold stay text. */
function asRaw(value: unknown): RawValue {
  if (typeof value === "number") return value;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === "string") return MISSING.has(value.trim()) ? null : value;
  if (value === null || value === undefined) return null;
  throw unreadableData("binary-value", "A column that is read holds binary values.", "Leave the column out.");
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** SQLite's own messages may quote a value; its code says enough. */
function guarded<T>(work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof Error) || !("code" in error) || !/^SQLITE_/.test(String(error.code))) throw error;
    const code = String(error.code);
    if (/^SQLITE_(NOTADB|CORRUPT)/.test(code))
      throw unreadableData(
        "unreadable",
        `The database is damaged (${code}).`,
        "Copy it again, with its program stopped.",
      );
    if (/^SQLITE_(BUSY|LOCKED)/.test(code))
      throw unreadableData("busy", "Another program is writing to the database.", "Try again, or read from a copy.");
    if (code === "SQLITE_ERROR")
      throw unreadableData("query-invalid", "The database refuses the query.", "Try it in the sqlite3 program first.");
    throw unreadableData("unreadable", `The database can't be read (${code}).`, "Check the file and its permissions.");
  }
}
