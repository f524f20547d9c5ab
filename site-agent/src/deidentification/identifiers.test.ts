import { describe, expect, test } from "vitest";
import { type IdentifierKind, IdentifierScan, identifierByName } from "./identifiers.ts";
import { hashPatientKey } from "./patientKey.ts";

describe("[DAT5] identifier-like columns, by name", () => {
  test.each<[string, IdentifierKind]>([
    ["PatientName", "name"],
    ["last_name", "name"],
    ["Vorname", "name"],
    ["ZIP code", "place"],
    ["home address", "place"],
    ["census_tract", "place"],
    ["dateOfBirth", "date"],
    ["YearOfBirth", "date"],
    ["DOB", "date"],
    ["admission_date", "date"],
    ["Phone", "phone"],
    ["FAX no", "fax"],
    ["E-Mail", "e-mail"],
    ["SSN", "social security number"],
    ["mrn", "record number"],
    ["Patient_ID", "record number"],
    ["insurance number", "plan number"],
    ["IBAN", "account number"],
    ["driver licence", "licence number"],
    ["vehicle plate", "vehicle number"],
    ["device_serial", "device number"],
    ["URL", "web address"],
    ["ip_address", "IP address"],
    ["fingerprint", "biometric"],
    ["photo", "photograph"],
    ["sample uuid", "unique code"],
    ["Clinical Notes", "free text"],
  ])("%s is a %s", (name, kind) => {
    expect(identifierByName(name)).toBe(kind);
  });

  test.each([
    ..."age sex cp trestbps chol fbs restecg thalach exang oldpeak slope ca thal label num".split(" "),
    ..."ESR1 ERBB2 PGR TP53 PIK3CA GATA3 FOXA1 MLPH ID1 ID2 FAXDC2 IP6K1 PHONE1 MAC30 VIN3".split(" "),
    ..."Age_at_diagnosis Tumour_size Neoplasm_histologic_grade Lymph_nodes_examined_positive PAM50 Survival_time".split(
      " ",
    ),
    "serum creatinine",
    "heart rate variability",
    "updated score",
  ])("%s is a measurement", (name) => {
    expect(identifierByName(name)).toBeNull();
  });
});

describe("[DAT5] identifier-like columns, by what their values look like", () => {
  const scan = (values: readonly (string | null)[]): IdentifierKind | null => {
    const found = new IdentifierScan();
    for (const value of values) found.add(value);
    return found.found();
  };
  const many = (make: (i: number) => string): readonly string[] => Array.from({ length: 30 }, (_, i) => make(i));

  test.each<[IdentifierKind, readonly string[]]>([
    ["e-mail", many((i) => `person${i}@clinic.example`)],
    ["web address", many((i) => `https://clinic.example/${i}`)],
    ["IP address", many((i) => `10.0.0.${i}`)],
    ["social security number", many((i) => `123-45-67${10 + i}`)],
    ["place", many((i) => `02139-10${10 + i}`)],
    ["device number", many((i) => `00-1b-63-84-45-${10 + i}`)],
    ["date", many((i) => `1980-03-${10 + (i % 20)}`)],
    ["date", many((i) => `${1 + (i % 28)} March 1980`)],
    ["date", many((i) => `202403${10 + (i % 20)}`)],
    ["date", many((i) => `03/${10 + (i % 18)}/24`)],
    ["phone", many((i) => `+49 30 12345${i}`)],
    ["account number", many((i) => `DE89 3704 0044 0532 0130 ${10 + i}`)],
    ["unique code", many((i) => `123e4567-e89b-12d3-a456-4266141740${10 + i}`)],
    ["unique code", many((i) => `MRN${100000 + i}`)],
    ["unique code", many((i) => `${4_000_000 + 13 * i}`)],
    ["photograph", many((i) => `face${i}.jpg`)],
    ["free text", many((i) => `Patient ${i} came in after a fall and was treated for a broken wrist by the team`)],
  ])("%s", (kind, values) => {
    expect(scan(values)).toBe(kind);
  });

  test.each([
    ["numbers", many((i) => `${i}.25`)],
    ["long decimals", many((i) => `8.92981686${i}`)],
    ["codes of a class", many((i) => (i % 2 === 0 ? "claudin-low" : "LumA"))],
    ["scientific numbers", many((i) => `1.5e-${10 + i}`)],
    ["a repeated large count", many(() => "1000000")],
    ["eight digits that are no day", many(() => "20241399")],
    ["a count with a point", many((i) => `12.5${i}`)],
    ["nothing", [null, "", " "]],
    ["one odd value among many", [...many((i) => `${i}`), "a@b.example"]],
  ])("%s are no identifiers", (_, values) => {
    expect(scan(values)).toBeNull();
  });

  test("hostile text takes no time", () => {
    const started = performance.now();
    scan([
      "a".repeat(200_000),
      `+${"1".repeat(200_000)}x`,
      "a@".repeat(100_000),
      "1-".repeat(100_000),
      ":".repeat(9999),
    ]);
    expect(performance.now() - started).toBeLessThan(500);
  });
});

describe("[DAT8] a patient key is a keyed hash", () => {
  test("HMAC-SHA-256 of the domain and key, so another site's or no secret gives another key", () => {
    const secret = new Uint8Array(32).fill(1);
    expect(hashPatientKey(secret, "A-1")).toMatch(/^[0-9a-f]{64}$/);
    expect(hashPatientKey(secret, "A-1")).toBe(hashPatientKey(secret, "A-1"));
    expect(hashPatientKey(secret, "A-1")).not.toBe(hashPatientKey(secret, "A-2"));
    expect(hashPatientKey(secret, "A-1")).not.toBe(hashPatientKey(new Uint8Array(32).fill(2), "A-1"));
    expect(() => hashPatientKey(new Uint8Array(8), "A-1")).toThrow("32 bytes");
  });
});
