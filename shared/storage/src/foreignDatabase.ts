import SqliteDatabase from "better-sqlite3";
import { keepStatements } from "./database.ts";

/** Rows of a SELECT, read one by one. */
export interface ForeignRows {
  readonly columns: readonly string[];
  /** Whole numbers as `bigint`, binary values as bytes. */
  iterate(): IterableIterator<readonly unknown[]>;
}

/** A SQLite file that another program owns. */
export interface ForeignDatabase {
  /** Tables and views, by name. */
  tables(): readonly string[];
  /** `null` for anything but one statement that only reads. */
  select(query: string): ForeignRows | null;
  close(): void;
}

/**
 * Opens for reading alone; a file that isn't there is not made. What its schema might call (functions in views,
 * virtual tables) is not trusted.
 */
export function openForeignDatabase(path: string): ForeignDatabase {
  const connection = new SqliteDatabase(path, { readonly: true, fileMustExist: true });
  keepStatements(connection);
  connection.prepare("pragma trusted_schema = OFF").run();
  return {
    tables: () =>
      connection
        .prepare<[], string>(
          "select name from sqlite_schema where type in ('table', 'view') and name not like 'sqlite\\_%' escape '\\' order by name",
        )
        .pluck()
        .all(),
    select: (query) => {
      const statement = prepared(connection, query);
      if (statement === null || !statement.reader || !statement.readonly) return null;
      statement.raw(true).safeIntegers(true);
      return { columns: statement.columns().map(({ name }) => name), iterate: () => statement.iterate() };
    },
    close: () => connection.close(),
  };
}

/** `null` where the text holds more than one statement, or none. */
function prepared(
  connection: SqliteDatabase.Database,
  query: string,
): SqliteDatabase.Statement<[], readonly unknown[]> | null {
  try {
    return connection.prepare<[], readonly unknown[]>(query);
  } catch (error) {
    if (error instanceof RangeError) return null;
    throw error;
  }
}
