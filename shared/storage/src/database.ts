import { chmodSync } from "node:fs";
import { assert, Failure } from "@consilium/shared/failure/failure";
import SqliteDatabase from "better-sqlite3";
import { type Compilable, Kysely, type Migration, Migrator, SqliteDialect } from "kysely";
import { ledgerMigrations } from "./ledgerMigrations.ts";

export type Connection = SqliteDatabase.Database;

/** How long a command waits for the process that owns the database to finish a transaction. */
const BUSY_TIMEOUT_MS = 5000;

/** `PRAGMA synchronous` as SQLite reports FULL: each commit is on the disk before it returns. */
const SYNCHRONOUS_FULL = 2;

/**
 * Opens (or makes) a database, brings its tables up to date and hands out its one connection. Migrations run in the
 * order of their names, each once; the ledger's come first. Write-ahead log, every commit fsynced, foreign keys
 * enforced.
 */
export async function openDatabase<Tables = unknown>(
  path: string,
  migrations: Record<string, Migration>,
): Promise<Database<Tables>> {
  const connection = openConnection(path);
  keepStatements(connection);
  try {
    if (path !== ":memory:") chmodSync(path, 0o600);
    makeDurable(connection);
    const database = new Database<Tables>(connection);
    await migrate(database, { ...ledgerMigrations, ...migrations });
    return database;
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Without its compiled file SQLite can't be loaded: that is told, where the library's words would be a stack. */
function openConnection(path: string): Connection {
  try {
    return new SqliteDatabase(path);
  } catch (cause) {
    if (!(cause instanceof Error) || !/bindings file|better_sqlite3\.node|NODE_MODULE_VERSION/.test(cause.message))
      throw cause;
    throw new Failure({
      code: "database/no-binary",
      kind: "config",
      what: `SQLite's compiled file for Node ${process.versions.node} is missing or of another version of Node.`,
      remedy:
        "Install again with this Node: npm rebuild better-sqlite3. It needs python3, make and g++ where none is fetched.",
      cause,
    });
  }
}

/**
 * On every open: a WAL database that is opened again would else fall back to NORMAL, which can lose the last commits.
 */
function makeDurable(connection: Connection): void {
  pragma(connection, "journal_mode = WAL");
  pragma(connection, "synchronous = FULL");
  pragma(connection, "foreign_keys = ON");
  pragma(connection, `busy_timeout = ${BUSY_TIMEOUT_MS}`);
  assert(pragma(connection, "synchronous") === SYNCHRONOUS_FULL, "commits are fsynced");
  assert(pragma(connection, "foreign_keys") === 1, "foreign keys are enforced");
}

/** As a statement of ours, which is kept; the library's own `pragma` makes one that isn't. */
function pragma(connection: Connection, text: string): unknown {
  const statement = connection.prepare(`pragma ${text}`);
  return statement.reader ? statement.pluck().get() : statement.run();
}

/** Statements of every database of this process, by connection and text. */
const kept = new Map<Connection, Map<string, SqliteDatabase.Statement>>();

/**
 * Prepares each text once and keeps it as long as the process: where a statement is collected, better-sqlite3 12 ends
 * the process on Node 24.19 and later (an assertion in `RemoveEnvironmentCleanupHook`), and 13 doesn't run on Node 20.
 */
export function keepStatements(connection: Connection): void {
  const statements = new Map<string, SqliteDatabase.Statement>();
  kept.set(connection, statements);
  const prepare = connection.prepare.bind(connection);
  Object.assign(connection, {
    prepare: (sql: string): SqliteDatabase.Statement => {
      const statement = statements.get(sql) ?? prepare(sql);
      statements.set(sql, statement);
      return statement;
    },
  });
}

async function migrate<Tables>(
  { connection, build }: Database<Tables>,
  migrations: Record<string, Migration>,
): Promise<void> {
  const migrator = new Migrator({
    db: build,
    provider: { getMigrations: async () => migrations },
    // The ledger's migrations and their caller's are two rows of names, each in its own order.
    allowUnorderedMigrations: true,
  });
  const isDue = (await migrator.getMigrations()).some(({ executedAt }) => executedAt === undefined);
  // All that are due or none: a process that is killed in the middle of one leaves the tables as they were.
  if (isDue) connection.exec("begin immediate");
  try {
    const { error } = await migrator.migrateToLatest();
    if (error !== undefined) throw error;
    if (isDue) connection.exec("commit");
  } catch (error) {
    if (isDue) connection.exec("rollback");
    throw error;
  }
}

/**
 * The one connection to a database. Queries are built by Kysely and run at once: nothing awaits, so a transaction is a
 * plain function and no other query can come between.
 */
export class Database<Tables = unknown> {
  readonly connection: Connection;
  readonly build: Kysely<Tables>;
  /** What takes memory back to the last commit, oldest first. */
  readonly #undos: (() => void)[] = [];
  #depth = 0;

  constructor(connection: Connection) {
    this.connection = connection;
    this.build = new Kysely<Tables>({ dialect: new SqliteDialect({ database: connection }) });
  }

  all<Row>(query: Compilable<Row>): Row[] {
    const { sql, parameters } = query.compile();
    return this.connection.prepare<unknown[], Row>(sql).all(...parameters);
  }

  first<Row>(query: Compilable<Row>): Row | undefined {
    const { sql, parameters } = query.compile();
    return this.connection.prepare<unknown[], Row>(sql).get(...parameters);
  }

  run(query: Compilable<unknown>): void {
    const { sql, parameters } = query.compile();
    this.connection.prepare(sql).run(...parameters);
  }

  /**
   * Durable when it returns; when `body` throws nothing happened, neither in the database nor in whatever memory was
   * registered by `onRollback`. Nested, it is a part of the outer one that can fail alone.
   */
  transaction<T>(body: () => T): T {
    assert(this.#depth > 0 || !this.connection.inTransaction, "transactions are begun here alone");
    const mark = this.#undos.length;
    this.#depth++;
    try {
      return this.connection.transaction(body).immediate();
    } catch (error) {
      for (const undo of this.#undos.splice(mark).toReversed()) undo();
      throw error;
    } finally {
      this.#depth--;
      if (this.#depth === 0) this.#undos.length = 0;
    }
  }

  /** Inside a transaction: how to take back a change of memory that was made in step with the database. */
  onRollback(undo: () => void): void {
    assert(this.#depth > 0, "memory is kept in step inside a transaction");
    this.#undos.push(undo);
  }

  close(): void {
    this.connection.close();
  }
}
