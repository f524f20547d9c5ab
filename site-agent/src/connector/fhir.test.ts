import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import type { RawValue } from "@consilium/shared/study/features";
import { afterAll, describe, expect, test } from "vitest";
import type { SourceFinding } from "./connector.ts";
import { ageAt, patientIdOf } from "./fhirResource.ts";
import { openData } from "./open.ts";

const root = mkdtempSync(join(tmpdir(), "consilium-fhir-"));
afterAll(() => rmSync(root, { recursive: true }));

const LOINC = "http://loinc.org";
const RULES = `
    sex: { patient: sex }
    age: { patient: age, at: 2024-06-30 }
    dead: { patient: deceased }
    chol: { observation: ["${LOINC}|2093-3"], unit: mg/dL, of: cholesterol }
    first: { observation: ["${LOINC}|2093-3"], unit: mg/dL, of: cholesterol, take: first }
    mean: { observation: ["${LOINC}|2093-3"], unit: mg/dL, of: cholesterol, take: mean }
    sbp: { observation: ["${LOINC}|8480-6"], unit: "mm[Hg]" }
    smoker: { observation: ["${LOINC}|72166-2"] }
    diabetes: { condition: ["http://snomed.info/sct|44054006"] }`;

function dataset(files: Readonly<Record<string, string | Uint8Array>>, rules = RULES): string {
  const folder = mkdtempSync(join(root, "export-"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  const path = join(folder, "set.yaml");
  writeFileSync(path, `apiVersion: consilium/v1\nkind: Dataset\nsource:\n  fhir:\n   folder: .\n   columns:${rules}\n`);
  return path;
}

const lines = (...resources: readonly object[]) => resources.map((one) => `${JSON.stringify(one)}\n`).join("");
const patient = (id: string, more: object = {}) => ({ resourceType: "Patient", id, ...more });
const coded = (code: string, system = LOINC) => ({
  coding: [
    { system: "http://local", code: "x" },
    { system, code },
  ],
});
const observed = (id: string, code: string, more: object) => ({
  resourceType: "Observation",
  status: "final",
  code: coded(code),
  subject: { reference: `Patient/${id}` },
  ...more,
});
const quantity = (value: number, code: string, effectiveDateTime: string, more: object = {}) => ({
  valueQuantity: { value, unit: code, system: "http://unitsofmeasure.org", code, ...more },
  effectiveDateTime,
});
const condition = (id: string, more: object = {}) => ({
  resourceType: "Condition",
  code: coded("44054006", "http://snomed.info/sct"),
  subject: { reference: `urn:uuid:${id}` },
  ...more,
});

async function read(path: string): Promise<{
  rows: readonly Readonly<Record<string, RawValue>>[];
  findings: readonly SourceFinding[];
}> {
  const connector = await openData(path);
  try {
    const columns = await connector.columns();
    const rows: Record<string, RawValue>[] = [];
    for await (const chunk of connector.rows(columns))
      rows.push(...chunk.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]]))));
    return { rows, findings: connector.findings() };
  } finally {
    await connector.close();
  }
}

describe("[DAT21] FHIR R4 resources become one record a patient, by rules", () => {
  test("latest, first and mean in one unit; components; codes; conditions; the patient's own", async () => {
    const files = {
      "Patient.000.ndjson": lines(
        patient("a", { gender: "female", birthDate: "1950-07-01" }),
        patient("b", { gender: "unknown", birthDate: "1920", deceasedDateTime: "2020-01-01" }),
      ),
      "Observation.000.ndjson.gz": gzipSync(
        lines(
          observed("a", "2093-3", quantity(200, "mg/dL", "2020-01-02")),
          observed("a", "2093-3", quantity(5, "mmol/L", "2021-01-01T10:00:00+02:00")),
          observed("a", "2093-3", { ...quantity(999, "mg/dL", "2022-01-01"), status: "entered-in-error" }),
          observed("b", "85354-9", {
            component: [
              { code: coded("8462-4"), ...quantity(80, "mm[Hg]", "") },
              { code: coded("8480-6"), ...quantity(16, "kPa", "") },
            ],
          }),
        ),
      ),
      "Observation.001.ndjson": lines(
        observed("a", "2093-3", quantity(100, "mg/dL", "2019-12-31")),
        observed("b", "72166-2", { valueCodeableConcept: { coding: [{ code: "never" }] } }),
      ),
      "1.Condition.jsonl": lines(
        condition("a"),
        condition("b", { verificationStatus: { coding: [{ code: "refuted" }] } }),
      ),
      "notes.txt": "not read",
    };
    const { rows, findings } = await read(dataset(files));
    expect(findings).toEqual([]);
    const [a, b] = rows;
    expect(a).toMatchObject({ patient: "a", sex: "female", age: 73, dead: 0, first: 100, diabetes: 1, sbp: null });
    expect(a?.chol).toBeCloseTo(193.325, 9);
    expect(a?.mean).toBeCloseTo((200 + 193.325 + 100) / 3, 9);
    expect(b).toMatchObject({
      patient: "b",
      sex: null,
      age: 90,
      dead: 1,
      chol: null,
      mean: null,
      diabetes: 0,
      smoker: "never",
    });
    expect(b?.sbp).toBeCloseTo(120.01, 2);
  });

  test("a unit that can't be converted, and a bound, are counted and left out; a bound is taken where told", async () => {
    const files = {
      "Patient.ndjson": lines(patient("a")),
      "Observation.ndjson": lines(
        observed("a", "2093-3", quantity(7, "kg", "2020-01-01")),
        observed("a", "2093-3", quantity(50, "mg/dL", "2020-01-02", { comparator: "<" })),
      ),
    };
    const rule = (more: string) =>
      `\n    chol: { observation: ["${LOINC}|2093-3"], unit: mg/dL, of: cholesterol${more} }`;
    const strict = await read(dataset(files, rule("")));
    expect(strict.rows).toEqual([{ patient: "a", chol: null }]);
    expect(strict.findings).toEqual([{ column: "chol", problem: "not-converted", count: 2 }]);
    const loose = await read(dataset(files, rule(", comparator: bound")));
    expect([loose.rows[0]?.chol, loose.findings[0]?.count]).toEqual([50, 1]);
  });

  test("a quantity is counted where the rule names no unit, not lost", async () => {
    const files = {
      "Patient.ndjson": lines(patient("a")),
      "Observation.ndjson": lines(observed("a", "2093-3", quantity(7, "mg/dL", ""))),
    };
    const { rows, findings } = await read(dataset(files, `\n    chol: { observation: ["${LOINC}|2093-3"] }`));
    expect(rows).toEqual([{ patient: "a", chol: null }]);
    expect(findings).toEqual([{ column: "chol", problem: "not-converted", count: 1 }]);
  });

  test.each([
    [
      "a line that is no JSON",
      { "Patient.ndjson": `${JSON.stringify(patient("a"))}\n{"Secret` },
      "data/unreadable",
      "Line 2",
    ],
    ["a line that is no resource", { "Patient.ndjson": '"Secret"\n' }, "data/unreadable", "Line 1"],
    [
      "a resource of another form",
      { "Patient.ndjson": lines({ resourceType: "Patient", id: 7 }) },
      "data/unreadable",
      "Line 1",
    ],
    [
      "a patient twice",
      { "Patient.ndjson": lines(patient("Secret"), patient("Secret")) },
      "data/patient-repeated",
      "Line 2",
    ],
    [
      "an observation of an unknown patient",
      { "Patient.ndjson": lines(patient("a")), "Observation.ndjson": lines(observed("Secret", "2093-3", {})) },
      "data/patient-unknown",
      "Line 1",
    ],
    [
      "a condition of nobody",
      { "Patient.ndjson": lines(patient("a")), "Condition.ndjson": lines(condition("Secret")) },
      "data/patient-unknown",
      "Line 1",
    ],
    ["no patients", { "Observation.ndjson": lines(observed("Secret", "1", {})) }, "data/empty", "no Patient"],
    ["no files", {}, "data/empty", "no FHIR files"],
    [
      "a file of several types",
      { "Patient.ndjson": `\n${lines(patient("a"), observed("a", "2093-3", quantity(7, "mg/dL", "")))}` },
      "data/fhir-mixed",
      "Line 3",
    ],
    [
      "a file cut short",
      { "Patient.ndjson.gz": gzipSync(lines(patient("Secret"))).subarray(0, 30) },
      "data/unreadable",
      "cut short",
    ],
  ] as const)("%s is refused, by its line alone", async (_, files, code, where) => {
    const failure = await read(dataset(files)).catch((error: unknown) => error);
    expect(failure).toMatchObject({ code, message: expect.stringContaining(where) });
    expect(String(failure)).not.toMatch(/Secret|consilium-fhir/);
  });

  test.each([
    ["no kind", "{ unit: kg }"],
    ["two kinds", `{ patient: sex, condition: ["a|b"] }`],
    ["an age without its day", "{ patient: age }"],
    ["a code without a system", "{ condition: [44054006] }"],
    ["a mean without a unit", `{ observation: ["a|b"], take: mean }`],
  ])("a rule with %s is refused", async (_, rule) => {
    const path = dataset({ "Patient.ndjson": lines(patient("a")) }, `\n    x: ${rule}`);
    await expect(read(path)).rejects.toMatchObject({ code: "data/dataset-file-invalid" });
  });

  test.each([
    ["1950-07-01", "2024-06-30", 73],
    ["1950-06-30", "2024-06-30", 74],
    ["1950-06", "2024-06-30", 74],
    ["1950", "2024-01-01", 74],
    ["1934-06-30", "2024-06-30", 90],
    ["1900-01-01", "2024-06-30", 90],
    ["2025-01-01", "2024-06-30", null],
    ["about 1950", "2024-06-30", null],
  ])("born %s, at %s: %s", (born, at, age) => {
    expect(ageAt(born, at)).toBe(age);
  });

  test("references", () => {
    const ids = ["Patient/7", "https://h/fhir/Patient/7/_history/2", "urn:uuid:7", "Group/7", undefined];
    expect(ids.map((reference) => patientIdOf({ reference }))).toEqual(["7", "7", "7", null, null]);
  });
});
