import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openData } from "@consilium/site-agent/connector/open";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

const ROWS = 2500;
const DEBIAN = "/usr/lib/postgresql";
/** PostgreSQL refuses to run as root: then as nobody, whom every system has. */
const NOBODY = 65_534;
const isRoot = process.getuid?.() === 0;

const bin = programs();
if (bin === null)
  process.stderr.write("PostgreSQL's initdb is not installed: its connector meets no real server here.\n");

/** Folder of initdb and postgres, if they are there. */
function programs(): string | null {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN).map((version) => join(DEBIAN, version, "bin")) : [];
  return [...versions, ...(process.env.PATH ?? "").split(":")].find((dir) => existsSync(join(dir, "initdb"))) ?? null;
}

describe.skipIf(bin === null)("[DAT17] a real PostgreSQL server", () => {
  const folder = mkdtempSync(join(tmpdir(), "consilium-pg-"));
  const as = isRoot ? { uid: NOBODY, gid: NOBODY } : {};
  const environment = { ...process.env, HOME: folder, LC_ALL: "C" };
  let server: ChildProcess;

  beforeAll(async () => {
    if (isRoot) chownSync(folder, NOBODY, NOBODY);
    const data = join(folder, "data");
    const password = join(folder, "owner-password");
    writeFileSync(password, "owner's", { mode: 0o644 });
    const initialised = ["-D", data, "-U", "owner", "-A", "scram-sha-256", "--pwfile", password, "-N", "-E", "UTF8"];
    execFileSync(join(bin ?? "", "initdb"), initialised, { ...as, env: environment, stdio: "pipe", cwd: folder });
    const flags = ["-D", data, "-k", folder, "-c", "listen_addresses=", "-F"];
    server = spawn(join(bin ?? "", "postgres"), flags, { ...as, env: environment, stdio: "ignore", cwd: folder });
    await started();
    const series = `select 'p' || i, i / 3.0::float8, i, i % 2 = 0, '2020-01-01' from generate_series(1, ${ROWS}) i`;
    sql(`
      create schema ward;
      create table ward.visits (id text, age float8, n bigint, alive boolean, day date);
      insert into ward.visits ${series};
      insert into ward.visits values ('last', 'NaN', null, null, null);
      create role reader login password 'reader''s';
      grant usage on schema ward to reader;
      grant select on ward.visits to reader;
      create sequence ward.number;
      grant usage on ward.number to reader;
      create table hidden (id text);`);
  });

  afterAll(async () => {
    const ended = new Promise((resolve) => server?.once("exit", resolve));
    server?.kill("SIGINT");
    await ended;
    rmSync(folder, { recursive: true, force: true });
  });

  /** As the owner; what it prints, without ornament. */
  function sql(text: string): string {
    const flags = ["-h", folder, "-U", "owner", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-Atqc", text];
    const psqlEnvironment = { ...environment, PGPASSWORD: "owner's" };
    return execFileSync(join(bin ?? "", "psql"), flags, {
      env: psqlEnvironment,
      encoding: "utf8",
      stdio: "pipe",
    }).trim();
  }

  async function started(): Promise<void> {
    for (let left = 100; ; left--) {
      try {
        sql("select 1");
        return;
      } catch (error) {
        if (left === 0) throw error;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    }
  }

  function datasetFile(what: string, password = "reader's"): string {
    writeFileSync(join(folder, "password"), `${password}\n`, { mode: 0o600 });
    const keys = `host: "${folder}", database: postgres, user: reader, passwordFile: password`;
    const path = join(folder, "set.yaml");
    writeFileSync(path, `apiVersion: consilium/v1\nkind: Dataset\nsource: { postgres: { ${keys}, ${what} } }\n`);
    return path;
  }

  async function read(path: string, columns: readonly string[]): Promise<readonly (readonly unknown[])[]> {
    const connector = await openData(path);
    try {
      const rows: (readonly unknown[])[] = [];
      for await (const chunk of connector.rows(columns)) rows.push(...chunk);
      return rows;
    } finally {
      await connector.close();
    }
  }

  test("a table: all rows, as the server writes them, the columns asked for", async () => {
    const rows = await read(datasetFile("table: ward.visits"), ["n", "id", "age", "alive", "day"]);
    expect(rows).toHaveLength(ROWS + 1);
    expect(rows[0]).toEqual(["1", "p1", "0.3333333333333333", "false", "2020-01-01"]);
    expect(rows[ROWS - 1]?.[0]).toBe(String(ROWS));
    expect(rows[ROWS]).toEqual([null, "last", null, null, null]);
  });

  test("a query with a comment at its end; read twice in one transaction, which sees no later row", async () => {
    const connector = await openData(datasetFile(`query: "select id, n * 2 as twice from ward.visits -- all"`));
    const count = async () => {
      let rows = 0;
      for await (const chunk of connector.rows(["twice"])) rows += chunk.length;
      return rows;
    };
    const first = await count();
    sql("insert into ward.visits (id) values ('later')");
    expect([first, await count()]).toEqual([ROWS + 1, ROWS + 1]);
    await connector.close();
    sql("delete from ward.visits where id = 'later'");
  });

  test.each<[string, string, string, string?]>([
    ["a wrong password", "table: ward.visits", "data/database-login", "wrong"],
    ["a table that isn't there", "table: ward.visit", "data/table-missing"],
    ["a table that may not be read", "table: hidden", "data/database-forbidden"],
    ["a query that writes", "query: delete from ward.visits returning id", "data/query-invalid"],
    ["a second query", 'query: "select 1 as a) as s; delete from ward.visits; --"', "data/query-invalid"],
    ["a query that writes by a function", "query: select nextval('ward.number') as o", "data/query-writes"],
  ])("%s", async (_, what, code, password) => {
    const path = datasetFile(what, password);
    await expect(read(path, ["o"])).rejects.toMatchObject({ code });
    expect(sql("select count(*) from ward.visits")).toBe(String(ROWS + 1));
  });
});
