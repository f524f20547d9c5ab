import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { RawValue } from "@consilium/shared/study/features";
import { afterAll, describe, expect, test } from "vitest";
import { connectorOf, openPostgres, type PostgresClient, type PostgresResult } from "./postgres.ts";
import { PostgresSource, parseDatasetFile } from "./source.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-postgres-"));
afterAll(() => rmSync(folder, { recursive: true }));

const TEXT = 25;
const source = PostgresSource.parse({ host: "db", database: "clinic", user: "reader", table: "ward.visits" });

/** A server of one table, which answers what a cursor asks; every statement is noted. */
function fakeServer(fields: PostgresResult["fields"], rows: readonly (readonly unknown[])[], failure?: object) {
  const statements: string[] = [];
  let at = 0;
  const client: PostgresClient = {
    connect: async () => undefined,
    query: async ({ text, name }) => {
      statements.push(name === undefined ? text : `${name}: ${text}`);
      if (failure !== undefined && text.startsWith("SELECT")) throw Object.assign(new Error("Secret-Name"), failure);
      const count = Number(/^FETCH FORWARD (\d+)/.exec(text)?.[1] ?? 0);
      const page = rows.slice(at, at + count);
      at += count;
      return { fields, rows: page };
    },
    end: async () => {
      statements.push("end");
    },
  };
  return { client, statements };
}

describe("[DAT17] a PostgreSQL server", () => {
  const fields = [
    { name: "id", dataTypeID: TEXT },
    { name: "alive", dataTypeID: 16 },
  ];

  test("rows come page by page, in one transaction that reads, of the columns asked for", async () => {
    const all = Array.from({ length: 2500 }, (_, i) => [String(i), i % 3 === 0 ? null : i % 3 === 1 ? "t" : "f"]);
    const { client, statements } = fakeServer(fields, all);
    const connector = await connectorOf(client, source);
    const rows: (readonly RawValue[])[] = [];
    for await (const chunk of connector.rows(["id", "alive"])) rows.push(...chunk);
    await connector.close();
    expect(rows).toHaveLength(2500);
    expect(rows.slice(0, 3)).toEqual([
      ["0", null],
      ["1", "true"],
      ["2", "false"],
    ]);
    expect(statements).toEqual([
      "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
      'consilium_columns: SELECT * FROM (SELECT * FROM "ward"."visits"\n) AS source LIMIT 0',
      'consilium_1: DECLARE consilium_1 NO SCROLL CURSOR FOR SELECT "id", "alive" FROM (SELECT * FROM "ward"."visits"\n) AS source',
      ...Array.from({ length: 3 }, () => "FETCH FORWARD 1000 FROM consilium_1"),
      "CLOSE consilium_1",
      "end",
    ]);
  });

  test.each([
    ["ECONNREFUSED", "data/database-unreachable", 5],
    ["28P01", "data/database-login", 3],
    ["3D000", "data/database-missing", 3],
    ["42P01", "data/table-missing", 3],
    ["42601", "data/query-invalid", 3],
    ["25006", "data/query-writes", 3],
    ["42501", "data/database-forbidden", 3],
    ["57014", "data/database-slow", 3],
    ["DEPTH_ZERO_SELF_SIGNED_CERT", "data/database-tls", 5],
  ])("what it answers with %s is told by that code alone", async (code, told, exitCode) => {
    const { client, statements } = fakeServer(fields, [], { code, detail: "Secret-Name" });
    const failure = await connectorOf(client, source).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code: told, exitCode });
    expect(JSON.stringify([String(failure), failure])).not.toContain("Secret");
    expect(statements.at(-1)).toBe("end");
  });

  test("binary columns are refused", async () => {
    const { client } = fakeServer([{ name: "scan", dataTypeID: 17 }], [["\\x00"]]);
    const rows = (await connectorOf(client, source)).rows(["scan"])[Symbol.asyncIterator]();
    await expect(rows.next()).rejects.toMatchObject({ code: "data/binary-value" });
  });

  test("a password that others may read, and one that isn't there, are refused before anyone is asked", async () => {
    const exposed = join(folder, "password");
    writeFileSync(exposed, "Secret-Name\n", { mode: 0o644 });
    for (const passwordFile of [exposed, join(folder, "none")]) {
      const failure = await openPostgres({ ...source, passwordFile }, (path) => path).catch((error: unknown) => error);
      expect(failure).toMatchObject({ code: "data/password-file" });
      expect(String(failure)).not.toMatch(/Secret|consilium-postgres/);
    }
  });

  test.each([
    ["tls: off for another machine", "host: db, database: a, user: b, table: c, tls: off", "in the clear"],
    [
      "a password in the file",
      "host: db, database: a, user: b, table: c, password: Secret",
      "Known here: host, port, database, user, passwordFile",
    ],
    ["no table", "host: db, database: a, user: b", "either a table or a query"],
  ])("%s is refused", (_, keys, said) => {
    const text = `apiVersion: consilium/v1\nkind: Dataset\nsource: { postgres: { ${keys} } }\n`;
    expect(() => parseDatasetFile(text)).toThrow(said);
    expect(() => parseDatasetFile(text)).not.toThrow("Secret");
  });
});
