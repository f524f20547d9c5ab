import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Failure } from "@consilium/shared/failure/failure";
import type { RawValue } from "@consilium/shared/study/features";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { openData } from "../connector/open.ts";
import { hashPatientKey } from "../deidentification/patientKey.ts";
import { readKeys } from "../storage/keys.ts";
import { deidentifyTable } from "./deidentifyTable.ts";
import { verifyDeidentified } from "./deidentifyVerify.ts";
import { type JoinedSite, joinedSite } from "./joinedSite.test-support.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-table-"));
let site: JoinedSite;
beforeAll(async () => {
  site = await joinedSite({ isJson: false, say: () => undefined, result: () => undefined });
});
afterAll(() => {
  rmSync(folder, { recursive: true });
  rmSync(site.root, { recursive: true });
});

const DAY_MS = 86_400_000;
const NOTE = "Mrs Doe was seen by us again in the ward; she feels better and asks after her dog";
const RECORDS = 40;
/** Two visits a patient, ten days apart; the last record has no patient. */
const TABLE = [
  "subject,admitted,seen,age,zip,phone,note,contact,sex,diagnosis,chol",
  ...Array.from({ length: RECORDS }, (_, i) => {
    const patient = i === RECORDS - 1 ? "" : `DOE-${Math.floor(i / 2)}`;
    const day = String(1 + (i % 2) * 10).padStart(2, "0");
    const age = i === 3 ? 97 : 50 + (i % 30);
    const zip = i === 0 ? "03601" : i === 1 ? "2139" : "02139";
    return `${patient},2026-03-${day}T08:00,2026-01-01,${age},${zip},555-0${i},${NOTE} ${i},Jane Doe ${i},${i % 2 ? "m" : "w"},rare ${i},${200 + i}`;
  }),
].join("\n");

const RULES = {
  patient: "subject",
  dates: { admitted: "shift", seen: "remove" },
  ages: ["age"],
  zips: ["zip"],
  keep: ["diagnosis"],
};

let made = 0;
function source(rules: object | undefined, table = TABLE): { path: string; out: string } {
  made += 1;
  const root = join(folder, `t${made}`);
  mkdirSync(root);
  writeFileSync(join(root, "t.csv"), table);
  const path = join(root, "set.yaml");
  const file = { apiVersion: "consilium/v1", kind: "Dataset", source: { table: { file: "t.csv" } } };
  writeFileSync(path, JSON.stringify(rules === undefined ? file : { ...file, deidentify: rules }));
  return { path, out: join(root, "clean") };
}

async function copied({ path, out }: { path: string; out: string }, rules?: string) {
  await deidentifyTable(site.context, { folder: path, out, rules }, new AbortController().signal);
  const [head = "", ...lines] = readFileSync(join(out, "records.csv"), "utf8").trimEnd().split("\n");
  const records = lines.map((line) => line.split(","));
  const report = JSON.parse(readFileSync(join(out, "report.json"), "utf8"));
  return { names: head.split(","), records, report };
}

async function readAll(
  path: string,
): Promise<{ names: readonly string[]; rows: readonly (readonly RawValue[])[]; findings: unknown }> {
  const connector = await openData(path);
  try {
    const names = await connector.columns();
    const rows: (readonly RawValue[])[] = [];
    for await (const chunk of connector.rows(names)) rows.push(...chunk);
    return { names, rows, findings: connector.findings() };
  } finally {
    await connector.close();
  }
}

async function codeOf(work: Promise<unknown>): Promise<string> {
  const error: unknown = await work.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  return error instanceof Failure ? error.code : String(error);
}

describe("[DEI6] a table is read through its rules of de-identification", () => {
  test("columns that identify go; dates of a patient move together, ages and ZIP codes become coarse", async () => {
    const { names, rows, findings } = await readAll(source(RULES).path);
    expect(names).toEqual(["subject", "admitted", "age", "zip", "contact", "sex", "diagnosis", "chol"]);
    const at = (name: string) => names.indexOf(name);
    const dates = rows.map((row) => Date.parse(String(row[at("admitted")])));
    const moved = new Set<number>();
    for (let i = 0; i + 2 < RECORDS; i += 2) {
      expect((dates[i + 1] ?? 0) - (dates[i] ?? 0)).toBe(10 * DAY_MS);
      const days = (Date.parse("2026-03-01") - (dates[i] ?? 0)) / DAY_MS;
      expect(days).toBeGreaterThanOrEqual(1);
      expect(days).toBeLessThanOrEqual(3650);
      moved.add(days);
    }
    expect(moved.size).toBeGreaterThan(10);
    expect(rows.at(-1)?.[at("admitted")]).toBeNull();
    expect(rows.map((row) => row[at("age")]).slice(2, 5)).toEqual(["52", 90, "54"]);
    expect(rows.map((row) => row[at("zip")]).slice(0, 3)).toEqual(["000", null, "021"]);
    expect(findings).toEqual([
      { column: "admitted", problem: "not-deidentified", count: 1 },
      { column: "zip", problem: "not-deidentified", count: 1 },
    ]);
  });

  test("an age of 90 that no rule speaks of is refused; listed under keep it is the site's word", async () => {
    const unlisted = { ...RULES, ages: [] };
    expect(await codeOf(readAll(source(unlisted).path))).toBe("data/age-not-banded");
    const { names, rows } = await readAll(source({ ...unlisted, keep: ["age"] }).path);
    expect(rows[3]?.[names.indexOf("age")]).toBe("97");
  });

  test.each([
    [{ ...RULES, zips: ["Zip"] }, "data/deidentify-missing"],
    [{ dates: { admitted: "shift" } }, "data/dataset-file-invalid"],
    [{ keep: ["sex"], remove: ["sex"] }, "data/dataset-file-invalid"],
  ])("rules that can't hold are refused: %j", async (rules, code) => {
    expect(await codeOf(readAll(source(rules).path))).toBe(code);
  });
});

describe("[DEI7] a copy of a table, with a signed report", () => {
  test("holds keyed hashes, numbers, codes and what is listed; the report tells columns and figures, no value", async () => {
    const where = source(RULES);
    const { names, records, report } = await copied(where);
    expect(names).toEqual(["subject", "admitted", "age", "zip", "sex", "diagnosis", "chol"]);
    expect(records).toHaveLength(RECORDS - 1);
    const { splitKey } = await readKeys(site.context.folder);
    expect(records.map((record) => record[2])).not.toContain("97");
    expect(records[0]?.[0]).toBe(hashPatientKey(splitKey, "DOE-0"));
    expect(report.statement).toMatchObject({ read: RECORDS, written: RECORDS - 1, withoutPatient: 1, patients: 20 });
    const why = Object.fromEntries(
      report.statement.columns.map((one: { name: string; why: string }) => [one.name, one.why]),
    );
    expect(why).toMatchObject({
      seen: "by rule",
      phone: "phone",
      note: "free text",
      contact: "text that is no list of codes",
      sex: null,
    });
    const told =
      readFileSync(join(where.out, "report.json"), "utf8") + readFileSync(join(where.out, "report.txt"), "utf8");
    for (const value of ["DOE", "Doe", "2026-03", "rare"]) expect(told).not.toContain(value);
    const everything = readFileSync(join(where.out, "records.csv"), "utf8");
    for (const value of ["DOE", "Doe", "555-0"]) expect(everything).not.toContain(value);
    // As a word: a hash may hold any five digits.
    expect(told + everything).not.toMatch(/\b02139\b/);
    for (const file of readdirSync(where.out)) expect(statSync(join(where.out, file)).mode & 0o777).toBe(0o600);
  });

  test("shifts a patient's dates the same in every copy of this site, and is verified by its key until it is altered", async () => {
    const first = source(RULES);
    const { records } = await copied(first);
    expect((await copied(source(RULES))).records).toEqual(records);
    await verifyDeidentified(site.context, first.out, undefined);
    const file = join(first.out, "records.csv");
    writeFileSync(file, readFileSync(file, "utf8").replace("201", "202"));
    expect(await codeOf(verifyDeidentified(site.context, first.out, undefined))).toBe("data/not-as-reported");
  });

  test("a statement that was altered has no signature of the site's", async () => {
    const { out, path } = source(RULES);
    await copied({ path, out });
    const file = join(out, "report.json");
    writeFileSync(file, readFileSync(file, "utf8").replace('"withoutPatient": 1', '"withoutPatient": 0'));
    expect(await codeOf(verifyDeidentified(site.context, out, undefined))).toBe("data/not-as-reported");
  });

  test.each<[string, (out: string) => void, string]>([
    [
      "a report for people that was rewritten",
      (out) => writeFileSync(join(out, "report.txt"), "all well"),
      "says something",
    ],
    ["a hidden file", (out) => writeFileSync(join(out, ".names"), "DOE-1"), "1 files more"],
    ["a link", (out) => symlinkSync(join(out, "records.csv"), join(out, "more")), "1 files more"],
    ["a report that is no JSON", (out) => writeFileSync(join(out, "report.json"), "{"), "none of this version"],
    ["a report of something else", (out) => writeFileSync(join(out, "report.json"), "{}"), "none of this version"],
  ])("%s is found", async (_, alter, why) => {
    const where = source(RULES);
    await copied(where);
    alter(where.out);
    await expect(verifyDeidentified(site.context, where.out, undefined)).rejects.toMatchObject({
      ...{ code: "data/not-as-reported", message: expect.stringContaining(why) },
    });
  });

  test.each<[string, (i: number) => string | number, string | null]>([
    ["some remarks among numbers", (i) => (i < 3 ? `ask Dr Meier bed ${i}` : i), "text that is no list of codes"],
    ["one remark among numbers", (i) => (i === 7 ? "sister of Jane Doe" : i), "text that is no list of codes"],
    ["one address among codes", (i) => (i === 7 ? "jane@doe.org" : `grade ${i % 2}`), "e-mail"],
    ["one date among numbers", (i) => (i === 7 ? "2026-03-01" : i), "date"],
    ["a code that many records have, among numbers", (i) => (i % 4 === 0 ? "> 100" : i), null],
  ])("an unlisted column of %s", async (_, cell, why) => {
    const lines = ["age,crp", ...Array.from({ length: 400 }, (_, i) => `40,${cell(i)}`)];
    const { names, report } = await copied(source({}, lines.join("\n")));
    expect(report.statement.columns[1]).toMatchObject({ name: "crp", deed: why === null ? "kept" : "removed", why });
    expect(names).toEqual(why === null ? ["age", "crp"] : ["age"]);
  });

  test("rules of a file of their own, for a plain table; two of them are refused", async () => {
    const { path, out } = source(undefined);
    const rules = join(folder, "rules.yaml");
    writeFileSync(rules, JSON.stringify(RULES));
    expect((await copied({ path: join(path, "..", "t.csv"), out }, rules)).names).toContain("diagnosis");
    const twice = source(RULES);
    expect(await codeOf(copied(twice, rules))).toBe("data/rules-twice");
  });

  test("nothing is left of what didn't end", async () => {
    const { path, out } = source({ ...RULES, ages: [] });
    expect(await codeOf(copied({ path, out }))).toBe("data/age-not-banded");
    expect(readdirSync(join(out, ".."))).toEqual(["set.yaml", "t.csv"]);
  });
});
