/**
 * Tables and queries of a PostgreSQL server: one cursor inside one REPEATABLE READ, READ ONLY transaction, so that all
 * records are of one moment, nothing is written and no more than a page is in memory. Values come as the text that the
 * server writes. The server's own messages may quote values: its code alone is told.
 */
import { readFile } from "node:fs/promises";
import { readSecretFile } from "@consilium/certs/files";
import { Failure, type FailureKind } from "@consilium/shared/failure/failure";
import type { RawValue } from "@consilium/shared/study/features";
import { type Connector, MISSING_TEXTS, placesOf, unreadableData } from "./connector.ts";
import type { PostgresSource } from "./source.ts";

const ROWS_PER_FETCH = 1000;
const CONNECT_TIMEOUT_MS = 10_000;
/** Of one statement; a page of a cursor takes seconds at most, unless the query sorts or joins much. */
const STATEMENT_TIMEOUT_MS = 600_000;
const MISSING: ReadonlySet<string> = new Set(MISSING_TEXTS);
/** Object identifiers of types in pg_type. */
const BOOLEAN = 16;
const BINARY = 17;

/** What is asked of a client: the part of `pg` that is used, for a stand-in without a server. */
export interface PostgresClient {
  connect(): Promise<unknown>;
  /** A statement with a name goes by the extended protocol, which takes no second one behind it. */
  query(statement: { text: string; name?: string; rowMode: "array" }): Promise<PostgresResult>;
  end(): Promise<void>;
}

export interface PostgresResult {
  readonly fields: readonly { readonly name: string; readonly dataTypeID: number }[];
  readonly rows: readonly (readonly unknown[])[];
}

/** The caller closes it. `at` leads from the data set's file to the files that it names. */
export async function openPostgres(source: PostgresSource, at: (path: string) => string): Promise<Connector> {
  return connectorOf(await clientOf(source, at), source);
}

export async function connectorOf(client: PostgresClient, source: PostgresSource): Promise<Connector> {
  const query = source.query ?? `SELECT * FROM ${(source.table ?? "").split(".").map(quoted).join(".")}`;
  const run = async (text: string, name?: string): Promise<PostgresResult> => {
    try {
      return await client.query({ text, ...(name === undefined ? {} : { name }), rowMode: "array" });
    } catch (error) {
      throw failureOf(error);
    }
  };
  try {
    await client.connect().catch((error: unknown) => {
      throw failureOf(error);
    });
    await run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    // A line of its own for the bracket: a query may end with a comment.
    const { fields } = await run(`SELECT * FROM (${query}\n) AS source LIMIT 0`, "consilium_columns");
    const names = fields.map(({ name }) => name);
    let cursors = 0;
    return {
      columns: async () => names,
      rows: (columns) => {
        const wanted = placesOf(names, columns).map((place) => quoted(names[place] ?? ""));
        cursors += 1;
        return stream(run, `SELECT ${wanted.join(", ")} FROM (${query}\n) AS source`, `consilium_${cursors}`);
      },
      findings: () => [],
      close: () => client.end(),
    };
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

async function* stream(
  run: (text: string, name?: string) => Promise<PostgresResult>,
  query: string,
  cursor: string,
): AsyncGenerator<readonly (readonly RawValue[])[]> {
  await run(`DECLARE ${cursor} NO SCROLL CURSOR FOR ${query}`, cursor);
  for (;;) {
    const { fields, rows } = await run(`FETCH FORWARD ${ROWS_PER_FETCH} FROM ${cursor}`);
    if (fields.some(({ dataTypeID }) => dataTypeID === BINARY))
      throw unreadableData("binary-value", "A column that is read holds binary values.", "Leave the column out.");
    const isBoolean = fields.map(({ dataTypeID }) => dataTypeID === BOOLEAN);
    if (rows.length > 0) yield rows.map((row) => row.map((value, i) => asRaw(value, isBoolean[i] === true)));
    if (rows.length < ROWS_PER_FETCH) break;
  }
  await run(`CLOSE ${cursor}`);
}

function asRaw(value: unknown, isBoolean: boolean): RawValue {
  if (typeof value !== "string" || MISSING.has(value.trim())) return null;
  if (isBoolean) return value === "t" ? "true" : "false";
  return value;
}

async function clientOf(source: PostgresSource, at: (path: string) => string): Promise<PostgresClient> {
  const { host, port, database, user, passwordFile, tls } = source;
  const password = passwordFile === undefined ? undefined : await secretIn(at(passwordFile));
  const isSocket = host.startsWith("/");
  const ca = tls === "off" || tls.ca === undefined ? undefined : await certificateIn(at(tls.ca));
  const { default: pg } = await import("pg");
  const client = new pg.Client({
    host,
    port,
    database,
    user,
    ...(password === undefined ? {} : { password }),
    ssl: isSocket || tls === "off" ? false : { rejectUnauthorized: true, ...(ca === undefined ? {} : { ca }) },
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    statement_timeout: STATEMENT_TIMEOUT_MS,
    application_name: "consilium-site",
    types: { getTypeParser: () => String },
  });
  // A connection that is lost between two pages: the next page's query tells it.
  client.on("error", () => undefined);
  return client;
}

async function secretIn(path: string): Promise<string> {
  try {
    return (await readSecretFile(path)).replace(/\r?\n$/, "");
  } catch (cause) {
    throw unreadableData(
      "password-file",
      "The database's password file can't be read, or others on this machine may read it.",
      `Check the path in the data set's file; then: chmod 600 FILE${cause instanceof Failure ? "" : " as its owner"}`,
    );
  }
}

async function certificateIn(path: string): Promise<string> {
  return readFile(path, "utf8").catch(() => {
    throw unreadableData("tls-file", "The database's CA certificate can't be read.", "Check tls.ca: a PEM file.");
  });
}

function quoted(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

interface Account {
  readonly code: string;
  readonly kind?: FailureKind;
  readonly what: string;
  readonly remedy: string;
}

const NO_SERVER: Account = {
  code: "database-unreachable",
  kind: "unreachable",
  what: "The database server can't be reached",
  remedy: "Check host and port, that the server runs, and that a firewall lets this machine through.",
};
const NO_LOGIN: Account = {
  code: "database-login",
  what: "The database server refuses the login",
  remedy: "Check user, passwordFile and the server's pg_hba.conf.",
};
const BAD_QUERY: Account = {
  code: "query-invalid",
  what: "The database refuses the query",
  remedy: "Try it in psql first: one SELECT, without a semicolon and anything after it.",
};
const NO_TLS: Account = {
  code: "database-tls",
  kind: "unreachable",
  what: "The connection to the database server can't be secured",
  remedy: "Set tls.ca to the CA certificate of the server, and host to the name in the server's certificate.",
};

/** By SQLSTATE (PostgreSQL, appendix A) or the system's name; by their first signs where a class is meant. */
const ACCOUNTS: readonly (readonly [RegExp, Account])[] = [
  [/^(ECONNREFUSED|ENOTFOUND|EAI_AGAIN|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH|ECONNRESET|ENOENT|EACCES)$/, NO_SERVER],
  [/^(08|57P)/, NO_SERVER],
  [/^28/, NO_LOGIN],
  [/^(ERR_TLS|SELF_SIGNED|DEPTH_ZERO|UNABLE_TO|CERT_)/, NO_TLS],
  [/^3D000$/, { code: "database-missing", what: "The server has no such database", remedy: "Check its name." }],
  [/^42P01$/, { code: "table-missing", what: "The database has no such table", remedy: "Name schema.table." }],
  [/^(25006|0A000)$/, { code: "query-writes", what: "The query is not one SELECT", remedy: "It may read alone." }],
  [
    /^42501$/,
    { code: "database-forbidden", what: "The user may not read the table", remedy: "GRANT SELECT on it to the user." },
  ],
  [/^57014$/, { code: "database-slow", what: "The query takes too long", remedy: "Make a table or an index of it." }],
  [/^42/, BAD_QUERY],
];

function failureOf(error: unknown): Failure {
  if (error instanceof Failure) return error;
  const code = error instanceof Error && "code" in error ? String(error.code) : "";
  const message = error instanceof Error ? error.message : "";
  const known = ACCOUNTS.find(([pattern]) => pattern.test(code))?.[1];
  const byMessage = /SSL|TLS|certificate/i.test(message)
    ? NO_TLS
    : /password|SASL|SCRAM/i.test(message)
      ? NO_LOGIN
      : null;
  const { code: name, kind = "config", what, remedy } = known ?? byMessage ?? (code === "" ? NO_SERVER : BAD_QUERY);
  return new Failure({
    code: `data/${name}`,
    kind,
    what: `${what}${code === "" ? "" : ` (${code})`}.`,
    remedy,
  });
}
