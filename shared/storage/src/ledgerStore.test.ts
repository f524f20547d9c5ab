import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LedgerBody } from "@consilium/shared/ledger/entry";
import { bytesOf, verifyConsistency, verifyInclusion } from "@consilium/shared/ledger/merkle";
import { signerOf } from "@consilium/shared/signing/ed25519";
import { PartyName } from "@consilium/shared/units/identity";
import SqliteDatabase from "better-sqlite3";
import { afterAll, describe, expect, test } from "vitest";
import { type Database, openDatabase } from "./database.ts";
import { LedgerStore } from "./ledgerStore.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-ledger-"));
afterAll(() => rmSync(folder, { recursive: true }));

const signer = signerOf(new Uint8Array(32).fill(3));
const options = { writer: PartyName.parse("basel"), signer, now: () => new Date(0) };
const noted = (detail: string): LedgerBody => ({ kind: "refusal-noted", party: "x", code: "y/z", detail });
const cap = LedgerBody.parse({
  kind: "cap-set",
  site: "basel",
  dataset: "clinic",
  epsilon: 1,
  delta: 1e-5,
  statement: "0".repeat(64),
});

async function opened(name: string): Promise<{ database: Database; store: LedgerStore; path: string }> {
  const path = join(folder, name);
  const database = await openDatabase(path, {});
  return { database, store: new LedgerStore(database, options), path };
}

describe("a ledger's store", () => {
  test("keeps entries, head and state over a restart", async () => {
    const { database, store, path } = await opened("restart.db");
    expect(store.head()).toMatchObject({ writer: "basel", sequence: 0 });
    store.append([cap, noted("one")]);
    store.append((state) => [noted(`after ${state.tip.sequence}`)]);
    const [entries, head] = [store.entries(), store.head()];
    expect(entries.map((entry) => entry.sequence)).toEqual([1, 2, 3]);
    expect(store.entries(2)).toEqual(entries.slice(2));
    expect(store.hashAt(2)).toBe(entries[1]?.hash);
    expect(store.hashAt(4)).toBeUndefined();
    database.close();

    const again = await openDatabase(path, {});
    const reopened = new LedgerStore(again, options);
    expect(reopened.entries()).toEqual(entries);
    expect(reopened.head()).toEqual(head);
    expect(await reopened.verify()).toBe(3);
    expect([...reopened.state.caps.keys()]).toEqual(["basel/clinic"]);
    again.close();
  });

  test("is read whole, however many entries it has", async () => {
    const { database, store } = await opened("long.db");
    store.append(Array.from({ length: 1203 }, (_, index) => noted(String(index))));
    expect(store.entries().map(({ sequence }) => sequence)).toEqual(Array.from({ length: 1203 }, (_, i) => i + 1));
    expect(store.entries(499)).toHaveLength(704);
    expect(store.entries(100, 601).map(({ sequence }) => sequence)).toEqual(
      Array.from({ length: 601 }, (_, i) => i + 101),
    );
    expect(await store.verify()).toBe(1203);
    database.close();
  });

  test("is verified beside other work: what is appended meanwhile is read too, and one reading answers all who ask", async () => {
    const { database, store } = await opened("beside.db");
    store.append(Array.from({ length: 3000 }, (_, index) => noted(String(index))));
    const reading = store.verify();
    expect(store.verify()).toBe(reading);
    let appended = 0;
    const beside = setInterval(() => {
      store.append(noted(`meanwhile ${appended}`));
      appended += 1;
    }, 1);
    const entries = await reading;
    clearInterval(beside);
    expect(appended).toBeGreaterThan(0);
    expect(entries).toBe(3000 + appended);
    expect(store.verify()).not.toBe(reading);
    expect(await store.verify()).toBe(entries);
    database.close();
  });

  test("an append that is refused, or whose transaction fails later, leaves nothing", async () => {
    const { database, store } = await opened("refused.db");
    store.append(cap);
    const head = store.head();
    const unknown = LedgerBody.parse({ kind: "acting", charge: "nobody" });
    expect(() => store.append([noted("first"), unknown])).toThrow(
      expect.objectContaining({ code: "ledger/charge-state" }),
    );
    expect(() =>
      store.transaction(() => {
        store.append([noted("lost")]);
        throw new Error("later");
      }),
    ).toThrow("later");
    expect(store.head()).toEqual(head);
    expect(store.entries()).toHaveLength(1);
    store.append(noted("kept"));
    expect(await store.verify()).toBe(2);
    database.close();
  });

  test("[LED1] an entry altered on disk stops the start, by its number; the table itself takes no change", async () => {
    const { database, store, path } = await opened("altered.db");
    store.append([cap, noted("the past"), noted("the present")]);
    const alter = (sql: string): unknown => database.connection.prepare(sql).run();
    expect(() => alter("update ledger_entry set line = '' where sequence = 2")).toThrow("only grows");
    expect(() => alter("delete from ledger_entry where sequence = 3")).toThrow("only grows");
    alter("drop trigger ledger_entry_unchanged");
    alter("update ledger_entry set line = replace(line, 'the past', 'the pest') where sequence = 2");
    await expect(store.verify()).rejects.toThrow(expect.objectContaining({ code: "ledger/corrupt" }));
    database.close();
    const again = await openDatabase(path, {});
    expect(() => new LedgerStore(again, options)).toThrow(
      expect.objectContaining({ code: "ledger/corrupt", fields: { writer: "basel", sequence: 2 } }),
    );
    again.close();
  });

  test("a page that is another on the disk than in memory is not handed out", async () => {
    const { database, store } = await opened("page.db");
    const other = await opened("other.db");
    store.append([cap, noted("the past"), noted("the present")]);
    other.store.append([cap, noted("the pest"), noted("the present")]);
    other.database.close();
    database.connection.exec(`drop trigger ledger_entry_kept; delete from ledger_entry;
      attach '${join(folder, "other.db")}' as other; insert into ledger_entry select * from other.ledger_entry`);
    expect(() => store.entries(0, 2)).toThrow("another entry 2 on disk");
    expect(store.entries(0, 1)).toHaveLength(1);
    await expect(store.verify()).rejects.toThrow(expect.objectContaining({ code: "ledger/corrupt" }));
    database.close();
  });

  test("entries cut off at the end are noticed by the process that wrote them", async () => {
    const { database, store } = await opened("cut.db");
    store.append([cap, noted("last")]);
    database.connection.exec("drop trigger ledger_entry_kept; delete from ledger_entry where sequence = 2");
    await expect(store.verify()).rejects.toThrow(expect.objectContaining({ code: "ledger/corrupt" }));
    expect(() => store.append(noted("next"))).toThrow("memory and disk");
    database.close();
  });

  test("a ledger of before heads had a root is refused by name, and left as it is", async () => {
    const { database, store, path } = await opened("older.db");
    store.append(cap);
    database.connection.exec("delete from kysely_migration where name = '0002-merkle'");
    database.close();
    await expect(openDatabase(path, {})).rejects.toMatchObject({ code: "ledger/older-format" });
  });

  test("an older table, with an index of hashes, is taken over whole, and grows alone as before", async () => {
    const { database, store, path } = await opened("indexed.db");
    store.append([cap, noted("one"), noted("two")]);
    const [entries, head] = [store.entries(), store.head()];
    const { connection } = database;
    connection.exec(`delete from kysely_migration where name = '0003-hashes-by-chain';
      alter table ledger_entry rename to grown;
      drop trigger ledger_entry_kept; drop trigger ledger_entry_unchanged;
      create table ledger_entry (sequence integer primary key, hash text not null unique, line text not null);
      insert into ledger_entry select sequence, line ->> '$.hash', line from grown;
      drop table grown`);
    database.close();
    const failing = { "0004-fails": { up: () => Promise.reject(new Error("killed")) } };
    await expect(openDatabase(path, failing)).rejects.toThrow("killed");
    const asItWas = new SqliteDatabase(path);
    expect(asItWas.prepare("select count(hash) as hashes from ledger_entry").get()).toEqual({ hashes: 3 });
    asItWas.close();
    const again = await openDatabase(path, {});
    const reopened = new LedgerStore(again, options);
    expect([reopened.entries(), reopened.head()]).toEqual([entries, head]);
    expect(reopened.hashAt(2)).toBe(entries[1]?.hash);
    const indices = again.connection.prepare("select name from sqlite_master where tbl_name = ? and type = 'index'");
    expect(indices.all("ledger_entry")).toEqual([]);
    for (const sql of ["update ledger_entry set line = ''", "delete from ledger_entry"])
      expect(() => again.connection.prepare(sql).run()).toThrow("only grows");
    reopened.append(noted("three"));
    expect(await reopened.verify()).toBe(4);
    again.close();
  });

  test("[LED9] proves each entry, and each earlier length, also after a rollback and a restart", async () => {
    const { database, store, path } = await opened("proofs.db");
    store.append([cap, noted("one")]);
    const early = store.head();
    expect(() =>
      store.transaction(() => {
        store.append([noted("lost"), noted("lost too")]);
        throw new Error("later");
      }),
    ).toThrow("later");
    store.append([noted("two"), noted("three"), noted("four")]);
    database.close();
    const again = await openDatabase(path, {});
    const reopened = new LedgerStore(again, options);
    const [entries, head] = [reopened.entries(), reopened.head()];
    for (const { sequence, hash } of entries) {
      const { size, path: siblings } = reopened.inclusion(sequence);
      expect(verifyInclusion(bytesOf(hash), sequence - 1, size, siblings, head.root)).toBe(true);
    }
    const [before, after] = [
      { size: early.sequence, root: early.root },
      { size: head.sequence, root: head.root },
    ];
    expect(verifyConsistency(before, after, reopened.consistency(early.sequence).path)).toBe(true);
    again.close();
  });

  test("another's ledger is not ours: the writer and the key must fit", async () => {
    const { database, store } = await opened("foreign.db");
    store.append(cap);
    const other = { ...options, signer: signerOf(new Uint8Array(32).fill(4)) };
    expect(() => new LedgerStore(database, other)).toThrow("signature");
    expect(() => new LedgerStore(database, { ...options, writer: PartyName.parse("geneva") })).toThrow(
      "written by basel",
    );
    database.close();
  });
});
