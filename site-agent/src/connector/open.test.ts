import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import type { RawValue } from "@consilium/shared/study/features";
import Sqlite from "better-sqlite3";
import { afterAll, describe, expect, test } from "vitest";
import { openData } from "./open.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-open-"));
afterAll(() => rmSync(folder, { recursive: true }));

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function datasetFile(source: string, name = "set.yaml"): string {
  return file(name, `apiVersion: consilium/v1\nkind: Dataset\nsource: ${source}\n`);
}

async function read(path: string): Promise<{ columns: readonly string[]; rows: readonly (readonly RawValue[])[] }> {
  const connector = await openData(path);
  try {
    const columns = await connector.columns();
    const rows: (readonly RawValue[])[] = [];
    for await (const chunk of connector.rows(columns)) rows.push(...chunk);
    return { columns, rows };
  } finally {
    await connector.close();
  }
}

async function failureOf(path: string): Promise<Failure> {
  const error: unknown = await read(path).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  if (!(error instanceof Failure)) throw new Error(`expected a Failure, got ${String(error)}`);
  return error;
}

function database(name: string, statements: string): string {
  const path = join(folder, name);
  const made = new Sqlite(path);
  made.exec(statements);
  made.close();
  return path;
}

describe("[DAT16] a path is a data set's file, or data whose kind its bytes tell", () => {
  test("a data set's file names a table from its own folder; one column is a table there", async () => {
    mkdirSync(join(folder, "inside"), { recursive: true });
    writeFileSync(join(folder, "inside/ages.txt"), "age\n50\n60\n");
    expect(await read(datasetFile("{ table: { file: inside/ages.txt } }"))).toEqual({
      columns: ["age"],
      rows: [["50"], ["60"]],
    });
  });

  test("a delimiter that is told holds against the commonest", async () => {
    file("told.csv", "a;b,c,d\n1;2,3,4\n");
    expect((await read(datasetFile("{ table: { file: told.csv, delimiter: ; } }"))).columns).toEqual(["a", "b,c,d"]);
  });

  test("a text without a delimiter is no table", async () => {
    const failure = await failureOf(file("letter.txt", "Dear colleague\nplease find\n"));
    expect(failure.code).toBe("data/no-table");
    expect(failure.message).not.toContain("Dear");
  });

  test.each([
    ["an unknown key", "{ tabel: { file: a.csv } }", /source\.tabel: is not a key known here\. Did you mean 'table'/],
    ["no kind", "{}", /exactly one kind of source \(got none\)/],
    ["two kinds", "{ table: { file: a }, sqlite: { file: b, table: c } }", /exactly one kind .*got table, sqlite/],
    ["a table and a query", "{ sqlite: { file: b, table: c, query: d } }", /either a table or a query/],
    ["no YAML", "{ table: [", /is not YAML/],
  ])("a data set's file with %s is refused at its place", async (_, source, said) => {
    const failure = await failureOf(datasetFile(source));
    expect(failure.code).toBe("data/dataset-file-invalid");
    expect(failure.message).toMatch(said);
    expect(failure.message).not.toContain(folder);
  });

  test("a matrix by itself says nothing of patients", async () => {
    expect((await failureOf(file("m.npy", Buffer.from("\x93NUMPY\x01\x00", "latin1")))).code).toBe(
      "data/needs-dataset-file",
    );
  });
});

describe("[DAT17] SQLite", () => {
  const statements =
    "create table visit (id text, age real, n integer, big integer, note text);" +
    "insert into visit values ('p1', 50.5, 3, 9007199254740993, 'NA'), ('p2', null, -1, 2, 'x');";

  test("a bare file with one table; numbers are numbers, whole ones that no double holds are text", async () => {
    expect(await read(database("one.db", statements))).toEqual({
      columns: ["id", "age", "n", "big", "note"],
      rows: [
        ["p1", 50.5, 3, "9007199254740993", null],
        ["p2", null, -1, 2, "x"],
      ],
    });
  });

  test("a table or a query of a data set's file; many rows come whole", async () => {
    const values = Array.from({ length: 3000 }, (_, i) => `(${i})`).join(",");
    database("many.db", `${statements}create table t (k integer); insert into t values ${values};`);
    const { rows } = await read(datasetFile("{ sqlite: { file: many.db, table: t } }"));
    expect(rows.map(([k]) => k)).toEqual(Array.from({ length: 3000 }, (_, i) => i));
    const query = "select id as pid, age * 2 as twice from visit where age is not null";
    const read2 = await read(datasetFile(`{ sqlite: { file: many.db, query: "${query}" } }`));
    expect(read2).toEqual({ columns: ["pid", "twice"], rows: [["p1", 101]] });
  });

  test.each([
    ["several tables and none named", null, "data/table-missing"],
    ["a table that is not there", "table: visits", "data/table-missing"],
    ["a query that writes", "query: delete from visit returning id", "data/query-writes"],
    ["two queries", "query: select 1 as a; select 2 as b", "data/query-writes"],
    ["a pragma that sets", "query: pragma user_version = 7", "data/query-writes"],
    ["a query that is none", "query: selct 1", "data/query-invalid"],
    ["binary values", "query: select zeroblob(3) as b", "data/binary-value"],
  ])("%s", async (_, choice, code) => {
    const path = database(`bad${Math.random()}.db`, `${statements}create table t (k integer);`);
    const named = choice === null ? path : datasetFile(`{ sqlite: { file: ${path}, ${choice} } }`);
    const failure = await failureOf(named);
    expect(failure.code).toBe(code);
    const rest = new Sqlite(path, { readonly: true });
    expect(rest.prepare("select count(*) as n from visit").get()).toEqual({ n: 2 });
    expect(rest.pragma("user_version", { simple: true })).toBe(0);
    rest.close();
  });

  test("a file that is no database, and one cut short", async () => {
    file("none.db", "id,age\n1,2\n");
    expect((await failureOf(datasetFile("{ sqlite: { file: none.db, table: t } }"))).code).toBe("data/file-kind");
    const cut = file("cut.db", Buffer.concat([Buffer.from("SQLite format 3\0"), Buffer.alloc(200)]));
    expect((await failureOf(cut)).code).toBe("data/unreadable");
  });
});
