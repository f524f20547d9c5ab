import { mkdtempSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Generated, Kysely, Migration } from "kysely";
import { afterAll, describe, expect, test } from "vitest";
import { openDatabase } from "./database.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-database-"));
afterAll(() => rmSync(folder, { recursive: true }));

interface Tables {
  patient_free: { id: Generated<number>; name: string };
}
const migrations: Record<string, Migration> = {
  "0100-names": {
    up: (db: Kysely<unknown>) =>
      db.schema
        .createTable("patient_free")
        .addColumn("id", "integer", (c) => c.primaryKey())
        .addColumn("name", "text", (c) => c.notNull().unique())
        .execute(),
  },
};

describe("[LED7] every commit is on the disk before it is spoken of", () => {
  test("synchronous is FULL and foreign keys are on at each open; the file is its owner's alone", async () => {
    for (let open = 0; open < 2; open++) {
      const database = await openDatabase(join(folder, "settings.db"), migrations);
      const pragma = (name: string): unknown => database.connection.pragma(name, { simple: true });
      expect([pragma("journal_mode"), pragma("synchronous"), pragma("foreign_keys")]).toEqual(["wal", 2, 1]);
      expect(pragma("busy_timeout")).toBeGreaterThan(0);
      database.close();
    }
    expect(statSync(join(folder, "settings.db")).mode & 0o777).toBe(0o600);
  });

  test("each text is one statement, which is kept: collected ones end a process on newer versions of Node", async () => {
    const { connection } = await openDatabase(":memory:", {});
    expect(connection.prepare("select 1 as one")).toBe(connection.prepare("select 1 as one"));
    expect(connection.prepare("select 2 as two")).not.toBe(connection.prepare("select 1 as one"));
    connection.close();
  });

  test("migrations run once, also those that come later and sort before the last", async () => {
    const path = join(folder, "migrations.db");
    (await openDatabase(path, migrations)).close();
    const more = {
      ...migrations,
      "0050-later": {
        up: (db: Kysely<unknown>) => db.schema.createTable("later").addColumn("id", "integer").execute(),
      },
    };
    const database = await openDatabase(path, more);
    const names = database.connection.prepare("select name from sqlite_master where type = 'table'").pluck().all();
    expect(names).toEqual(expect.arrayContaining(["ledger_entry", "patient_free", "later"]));
    database.close();
  });
});

describe("a transaction", () => {
  test("happens as a whole or not at all, in the database and in the memory kept beside it", async () => {
    const database = await openDatabase<Tables>(join(folder, "transaction.db"), migrations);
    const names: string[] = [];
    const add = (name: string): void => {
      database.run(database.build.insertInto("patient_free").values({ name }));
      names.push(name);
      database.onRollback(() => names.pop());
    };
    const stored = (): string[] =>
      database.all(database.build.selectFrom("patient_free").select("name").orderBy("id")).map((row) => row.name);

    database.transaction(() => {
      add("one");
      expect(() =>
        database.transaction(() => {
          add("two");
          add("three");
          throw new Error("inner");
        }),
      ).toThrow("inner");
      add("four");
    });
    expect(names).toEqual(["one", "four"]);
    expect(stored()).toEqual(names);

    expect(() =>
      database.transaction(() => {
        add("five");
        database.transaction(() => add("six"));
        add("one");
      }),
    ).toThrow("UNIQUE");
    expect(names).toEqual(["one", "four"]);
    expect(stored()).toEqual(names);
    expect(database.first(database.build.selectFrom("patient_free").select("id").where("name", "=", "four"))).toEqual({
      id: 2,
    });
    expect(
      database.first(database.build.selectFrom("patient_free").select("id").where("name", "=", "five")),
    ).toBeUndefined();
    expect(() => database.onRollback(() => undefined)).toThrow("inside a transaction");
    database.close();
  });
});
