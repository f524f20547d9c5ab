import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { RawValue } from "@consilium/shared/study/features";
import { afterAll, describe, expect, test } from "vitest";
import { openData } from "./open.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-series-"));
afterAll(() => rmSync(folder, { recursive: true }));
const pilot = (name: string) => fileURLToPath(new URL(`../../../test/vectors/visits/${name}`, import.meta.url));

function dataset(keys: string): string {
  const path = join(folder, "series.yaml");
  writeFileSync(path, `apiVersion: consilium/v1\nkind: Dataset\nsource: { series: { ${keys} } }\n`);
  return path;
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

const VISITS = [
  ...["SCREENING 1", "SCREENING 2", "BASELINE", "WEEK 2", "WEEK 4", "WEEK 6"],
  ...["WEEK 8", "WEEK 12", "WEEK 16", "WEEK 20", "WEEK 24", "WEEK 26"],
];

describe("[DAT20] visits become one record a patient, by public visit names", () => {
  test("a trial's visits are the table that has one row a patient, missing visits and all", async () => {
    const keys =
      `file: "${pilot("visits.csv")}", patient: subject, visit: visit, visits: [${VISITS.join(", ")}], ` +
      `columns: [sbp, dbp, pulse], patients: { file: "${pilot("patients.csv")}", patient: subject }`;
    const { columns, rows } = await read(dataset(keys));
    const wide = await read(pilot("wide.csv"));
    expect(columns).toEqual(wide.columns);
    const byPatient = (all: readonly (readonly RawValue[])[]) =>
      [...all].sort((a, b) => (String(a[0]) < String(b[0]) ? -1 : 1));
    expect(byPatient(rows)).toEqual(byPatient(wide.rows));
    expect(rows.some((row) => row.includes(null))).toBe(true);
  });

  const long = (lines: readonly string[]): string => {
    const path = join(folder, "visits.csv");
    writeFileSync(path, `id,v,x,y\n${lines.join("\n")}\n`);
    return `file: "${path}", patient: id, visit: v, visits: [1, "2"], columns: [x, y]`;
  };

  test("rows in any order; visits compare by their text; a patient without a listed visit has no values", async () => {
    const keys = long(["a,2.0,20,b2", "b,1,1,", "a,1,10,b1", "c,3,3,3"]);
    expect((await read(dataset(`${keys}, otherVisits: skip`))).rows).toEqual([
      ["a", "10", "20", "b1", "b2"],
      ["b", "1", null, null, null],
      ["c", null, null, null, null],
    ]);
  });

  test.each([
    ["first", ["10", null, "1", null]],
    ["last", ["40", null, null, null]],
    ["mean", [25, null, 1, null]],
  ])("a repeated visit, %s", async (rule, values) => {
    const keys = long(["a,1,10,1", "a,1,40,"]);
    expect((await read(dataset(`${keys}, duplicates: ${rule}`))).rows).toEqual([["a", ...values]]);
  });

  test.each([
    ["a repeated visit", ["a,1,Secret,1", "a,1,2,2"], "", "data/visit-repeated", "Row 2"],
    ["a visit that isn't listed", ["a,1,1,1", "a,Secret,2,2"], "", "data/visit-unknown", "Row 2"],
    ["a mean of texts", ["a,1,1,1", "a,1,Secret,1"], ", duplicates: mean", "data/visit-repeated", "Row 2"],
    ["a mean with a text first", ["a,1,Secret,1", "a,1,1,1"], ", duplicates: mean", "data/visit-repeated", "Row 2"],
    ["no patient", [",1,Secret,1"], "", "data/patient-missing", "Row 1"],
    ["no such column", ["a,1,1,1"], ", delimiter: ;", "data/column-missing", "no column"],
  ])("%s is refused, by its row alone", async (_, lines, more, code, where) => {
    const failure = await read(dataset(`${long(lines)}${more}`)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(where) });
    expect(String(failure)).not.toMatch(/Secret|consilium-series/);
  });

  test.each([
    ["two rows of one patient", "a,1\na,2\n", "data/patient-repeated"],
    ["a visit of a patient who isn't there", "b,1\n", "data/patient-unknown"],
  ])("the table of patients: %s", async (_, lines, code) => {
    const patients = join(folder, "patients.csv");
    writeFileSync(patients, `id,arm\n${lines}`);
    const keys = `${long(["a,1,1,1"])}, patients: { file: "${patients}", patient: id }`;
    await expect(read(dataset(keys))).rejects.toMatchObject({ code });
  });

  test("patients of that table who have no visit are left out, and told by their number", async () => {
    const patients = join(folder, "patients.csv");
    writeFileSync(patients, "id,arm\na,1\nb,2\nc,1\n");
    const connector = await openData(dataset(`${long(["a,1,1,1"])}, patients: { file: "${patients}", patient: id }`));
    const rows: (readonly RawValue[])[] = [];
    for await (const chunk of connector.rows(await connector.columns())) rows.push(...chunk);
    expect(rows).toHaveLength(1);
    expect(connector.findings()).toEqual([{ column: expect.any(String), problem: "no-visit", count: 2 }]);
    await connector.close();
  });
});
