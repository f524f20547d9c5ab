import { mkdir, mkdtemp, readFile, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DataContract } from "@consilium/shared/study/contract";
import { DatasetId } from "@consilium/shared/units/identity";
import Sqlite from "better-sqlite3";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { contentOf, requireUnchanged } from "./content.ts";

let folder: string;
let path: string;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-content-"));
  path = join(folder, "clinic.csv");
  await writeFile(path, "age,label\n50,0\n60,1\n");
});
afterEach(() => rm(folder, { recursive: true }));

const columns = [{ name: "age", type: "number", min: 0, max: 120 }];
const contract = (fields: object) =>
  DataContract.parse({ columns, label: { name: "label", values: [0, 1] }, ...fields });

describe("[DAT15] a file that its split depends on stays as it was registered", () => {
  test.each([
    { why: "rows are the patients", fields: {}, refused: true },
    { why: "a column says the split", fields: { patient: "id", split: "split" }, refused: true },
    { why: "patients have keys", fields: { patient: "id" }, refused: false },
  ])("$why: refused $refused", async ({ fields, refused }) => {
    const dataset = DatasetId.parse("clinic");
    const registered = { dataset, path, registeredAt: "2026-01-01", frozen: false, splitRule: null };
    const record = { ...registered, content: (await contentOf(path)).digest };
    await expect(requireUnchanged(record, contract(fields))).resolves.toBeUndefined();
    await writeFile(path, "age,label\n50,0\n55,0\n60,1\n");
    const outcome = expect(requireUnchanged(record, contract(fields)));
    if (refused) await outcome.rejects.toThrow(expect.objectContaining({ code: "data/changed" }));
    else await outcome.resolves.toBeUndefined();
  });
});

describe("[DAT14] the bytes of a data set are those of its file and of all behind it", () => {
  const dataset = (source: string) => `apiVersion: consilium/v1\nkind: Dataset\nsource: ${source}\n`;

  test("a change of either is a change; a file behind is known by its own digest", async () => {
    const file = join(folder, "clinic.yaml");
    await writeFile(file, dataset("{ table: { file: clinic.csv } }"));
    const [first, bare] = [await contentOf(file), await contentOf(path)];
    expect(first.files).toEqual(bare.files);
    expect(first.digest).not.toBe(bare.digest);
    await writeFile(file, dataset("{ table: { file: clinic.csv, delimiter: ',' } }"));
    const second = await contentOf(file);
    expect([second.digest === first.digest, second.files]).toEqual([false, first.files]);
    await writeFile(path, "age,label\n50,1\n");
    const third = await contentOf(file);
    expect([third.digest === second.digest, third.files[0] === first.files[0]]).toEqual([false, false]);
  });

  test("a database has no digest, and is known by its server and what is asked of it", async () => {
    const contentWith = async (keys: string) => {
      const file = join(folder, "database.yaml");
      await writeFile(file, dataset(`{ postgres: { database: d, user: u, ${keys} } }`));
      return contentOf(file);
    };
    const first = await contentWith("host: DB, query: select  a from t");
    expect(first.digest).toBeNull();
    expect(await contentWith("host: db, port: 5432, query: select a from t")).toEqual(first);
    expect((await contentWith("host: db, query: select b from t")).files).not.toEqual(first.files);
  });

  test("a split that hangs on rows is refused of a database, by name", async () => {
    const file = join(folder, "database.yaml");
    await writeFile(file, dataset("{ postgres: { host: db, database: d, user: u, table: t } }"));
    const registered = { dataset: "clinic", path: file, content: null };
    await expect(requireUnchanged(registered, contract({}))).rejects.toMatchObject({ code: "data/split-needs-keys" });
    await expect(requireUnchanged(registered, contract({ patient: "id" }))).resolves.toBeUndefined();
  });

  test("a folder's bytes are those of its files and their names", async () => {
    await mkdir(join(folder, "export"));
    const file = join(folder, "fhir.yaml");
    await writeFile(file, dataset("{ fhir: { folder: export, columns: { sex: { patient: sex } } } }"));
    await writeFile(join(folder, "export/Patient.ndjson"), "one");
    const first = await contentOf(file);
    expect(await contentOf(file)).toEqual(first);
    await rename(join(folder, "export/Patient.ndjson"), join(folder, "export/P.ndjson"));
    expect((await contentOf(file)).files).not.toEqual(first.files);
  });

  test("a linked file of a folder counts by the bytes that readers see", async () => {
    await mkdir(join(folder, "export"));
    const file = join(folder, "fhir.yaml");
    await writeFile(file, dataset("{ fhir: { folder: export, columns: { sex: { patient: sex } } } }"));
    await symlink(path, join(folder, "export/Patient.ndjson"));
    const first = await contentOf(file);
    await writeFile(path, "another patient");
    expect((await contentOf(file)).digest).not.toBe(first.digest);
  });

  test("what SQLite holds beside its file is a part of it", async () => {
    const file = join(folder, "clinic.db");
    const database = new Sqlite(file);
    database.pragma("journal_mode = WAL");
    database.exec("create table visits (age, label)");
    database.pragma("wal_checkpoint(TRUNCATE)");
    const [first, bytes] = [await contentOf(file), await readFile(file)];
    database.exec("insert into visits values (50, 1)");
    expect(await readFile(file)).toEqual(bytes);
    expect((await contentOf(file)).digest).not.toBe(first.digest);
    database.close();
  });
});
