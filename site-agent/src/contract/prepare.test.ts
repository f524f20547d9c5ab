import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { toRefusal } from "@consilium/shared/failure/failure";
import { DataContract } from "@consilium/shared/study/contract";
import { featureCount } from "@consilium/shared/study/features";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { afterAll, describe, expect, test } from "vitest";
import { openTable } from "../connector/table.ts";
import { type ContractReport, ContractViolated, checkContract, preparePatients } from "./prepare.ts";
import { PART_CODE, type PreparedPatients } from "./preparedPatients.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-contract-"));
afterAll(() => rmSync(folder, { recursive: true }));

const secret = new Uint8Array(32).fill(7);
const options = { secret, random: operatingSystemRandom };

const contract = DataContract.parse({
  columns: [
    { name: "age", type: "number", min: 20, max: 80 },
    { name: "chol", type: "number", min: 100, max: 300, missing: { fill: 200, codes: [0], indicator: true } },
    { name: "cp", type: "category", values: [1, 2, "other"] },
  ],
  label: { name: "sick", values: ["no", "yes"] },
  patient: "pid",
  split: "part",
  maxRecordsPerPatient: 2,
});
const HEADER = "pid,age,chol,cp,sick,part,secret_note";
const GOOD = ["p1,50,200,1,no,train,x", "p2,20,,2.0,yes,test,x", "p3,80,0,other,yes,test,x"];

async function withTable<T>(
  lines: readonly string[],
  use: (path: Awaited<ReturnType<typeof openTable>>) => Promise<T>,
): Promise<T> {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.csv`);
  writeFileSync(path, `${lines.join("\r\n")}\r\n`);
  const table = await openTable(path);
  try {
    return await use(table);
  } finally {
    await table.close();
  }
}

function check(lines: readonly string[], given = contract, publicPatients?: number): Promise<ContractReport> {
  const more = publicPatients === undefined ? options : { ...options, publicPatients };
  return withTable(lines, (table) => checkContract(table, given, more));
}

async function prepare(lines: readonly string[], given = contract): Promise<PreparedPatients> {
  return (await withTable(lines, (table) => preparePatients(table, given, options))).patients;
}

function told(report: ContractReport): readonly string[] {
  return report.violations.map(({ column, problem, count }) => `${column ?? "*"} ${problem} ${count}`);
}

/** Features of each patient's records, in any order of patients. */
function recordsOf(patients: PreparedPatients): readonly (readonly number[])[] {
  const { features, featureCount: width } = patients;
  return Array.from({ length: features.length / width }, (_, record) => [
    ...features.subarray(record * width, (record + 1) * width),
  ]).sort((a, b) => a.join().localeCompare(b.join()));
}

describe("[DAT3] records are bounded by the public contract alone", () => {
  test("numbers to [−1, 1], categories one-hot by their text, missing filled and marked", async () => {
    const patients = await prepare([HEADER, ...GOOD]);
    expect(patients.featureCount).toBe(featureCount(contract));
    expect(recordsOf(patients)).toEqual(
      [
        [0, 0, 0, 1, 0, 0],
        [-1, 0, 1, 0, 1, 0],
        [1, 0, 1, 0, 0, 1],
      ].sort((a, b) => a.join().localeCompare(b.join())),
    );
  });

  test("values outside the range are clipped and counted as a warning", async () => {
    const lines = [HEADER, "p1,5,1e30,1,no,train,x", "p2,-1e30,100,1,no,test,x", "p3,50,100,1,no,test,x"];
    const report = await check(lines);
    expect(report.violated).toBe(false);
    expect(told(report)).toEqual(expect.arrayContaining(["age out-of-range 2", "chol out-of-range 1"]));
    for (const record of recordsOf(await prepare(lines)))
      for (const value of record) expect(Math.abs(value)).toBeLessThanOrEqual(1);
  });
});

describe("[DAT4] data that don't meet the contract are refused, with counts for local eyes alone", () => {
  test.each([
    ["wrong types", "p9,fifty,200,1,no,train,x", "age not-a-number 1"],
    ["hexadecimal is no number", "p9,0x20,200,1,no,train,x", "age not-a-number 1"],
    ["a number too large for a double", "p9,1e999,200,1,no,train,x", "age not-a-number 1"],
    ["NaN where the study has no fill", "p9,NaN,200,1,no,train,x", "age value-missing 1"],
    ["an unknown category", "p9,50,200,3,no,train,x", "cp unknown-category 1"],
    ["an unknown category in unicode", "p9,50,200,öthér,no,train,x", "cp unknown-category 1"],
    ["no label", "p9,50,200,1,,train,x", "sick label-missing 1"],
    ["an unknown label", "p9,50,200,1,maybe,train,x", "sick unknown-label 1"],
    ["no patient key", ",50,200,1,no,train,x", "pid patient-missing 1"],
    ["an unknown split", "p9,50,200,1,no,validation,x", "part split-unknown 1"],
    ["a patient on both sides of the split", "p1,50,200,1,no,test,x", "part split-disagrees 1"],
  ])("%s", async (_, line, problem) => {
    const report = await check([HEADER, ...GOOD, line]);
    expect(report.violated).toBe(true);
    expect(told(report)).toContain(problem);
    await expect(prepare([HEADER, ...GOOD, line])).rejects.toThrow(ContractViolated);
  });

  test("a missing, a repeated column and a label column that is not there", async () => {
    expect(told(await check(["pid,age,cp,sick,part", "p1,50,1,no,train"]))).toContain("chol column-missing 1");
    expect(told(await check(["pid,age,age,chol,cp,sick,part", "p1,1,1,1,1,no,train"]))).toContain(
      "age column-repeated 1",
    );
    expect(told(await check(["pid,age,chol,cp,part", "p1,50,200,1,train"]))).toContain("sick column-missing 1");
    expect(told(await check(["x,y", "1,2"]))).toContain("pid column-missing 1");
  });

  test("a header alone", async () => {
    expect(told(await check([HEADER]))).toContain("* no-records 1");
  });

  test("repeated records, an all-missing column, an empty part and an unexpected number are warnings", async () => {
    const report = await check([HEADER, "p1,50,,1,no,train,x", "p1,50,,1,no,train,x"], contract, 100);
    expect(report.violated).toBe(false);
    expect(told(report)).toEqual([
      "chol all-missing 2",
      "* duplicate-records 1",
      "* patients-differ 1",
      "* part-empty 2",
    ]);
  });

  test("the same record under two keys is told where the keys fall into different parts, and only there", async () => {
    const row = (id: string, age: number, part: string) => `${id},${age},200,1,no,${part},x`;
    const apart = [row("p1", 50, "train"), row("p2", 50, "test"), row("p3", 60, "train"), row("p4", 60, "train")];
    const report = await check([HEADER, ...apart, row("p5", 70, "test")]);
    expect(report.violated).toBe(false);
    expect(told(report)).toContain("* duplicates-across-parts 1");
    expect(told(await check([HEADER, ...apart.slice(2), row("p5", 70, "test")])).join()).not.toContain("across");
  });

  test("what may cross the wire says the same whatever is amiss", async () => {
    const refusals = [];
    for (const line of ["p9,fifty,200,1,no,train,x", "p9,50,200,3,no,train,x"])
      refusals.push(toRefusal(await prepare([HEADER, ...GOOD, line]).catch((error: unknown) => error)));
    expect(refusals[0]).toEqual(refusals[1]);
    expect(JSON.stringify(refusals[0])).not.toMatch(/age|cp|[0-9]/);
  });
});

describe("[DAT5] identifier-like columns are never trained on", () => {
  test("by name, and by what the values look like", async () => {
    const named = DataContract.parse({
      ...contract,
      columns: [{ name: "Phone number", type: "number", min: 0, max: 1e12 }],
    });
    expect(told(await check(["pid,Phone number,sick,part", "p1,1,no,train"], named))).toContain(
      "Phone number identifier 1",
    );
    const valued = DataContract.parse({ ...contract, columns: [{ name: "x", type: "number", min: 0, max: 1e12 }] });
    const lines = Array.from({ length: 20 }, (_, i) => `p${i},${7_000_001 + 37 * i},no,train`);
    expect(told(await check(["pid,x,sick,part", ...lines], valued))).toContain("x identifier 1");
  });
});

describe("[DAT6] a patient is one unit, in one part, of at most the study's number of records", () => {
  test("records of one patient are neighbours; those beyond the limit are left out", async () => {
    const lines = [HEADER, ...GOOD, ...Array.from({ length: 8 }, (_, i) => `p1,${21 + 5 * i},200,1,no,train,x`)];
    const { recordStart } = await prepare(lines);
    const lengths = [...recordStart.slice(1)].map((end, i) => end - (recordStart[i] ?? 0));
    expect(lengths.sort()).toEqual([1, 1, 2]);
    expect(told(await check(lines))).toContain("pid records-over-limit 7");
  });

  test("parts follow the split column; test patients fall into both halves", async () => {
    const lines = Array.from({ length: 300 }, (_, i) => `p${i},50,200,1,no,${i < 200 ? "train" : "test"},x`);
    const { parts } = await prepare([HEADER, ...lines]);
    const count = (code: number): number => parts.filter((part) => part === code).length;
    expect(count(PART_CODE.train)).toBe(200);
    // Binomial(100, ½): outside 20..80 with probability below 1e-8.
    expect(count(PART_CODE.validation)).toBeGreaterThan(20);
    expect(count(PART_CODE.audit)).toBeGreaterThan(20);
  });

  test("without a patient column one record is one patient, without a split column the shares decide", async () => {
    const { patient: _p, split: _s, ...rest } = contract;
    const given = DataContract.parse({ ...rest, shares: { train: 0.5, validation: 0.5, audit: 0 } });
    const lines = Array.from({ length: 200 }, () => "50,200,1,no");
    const { parts } = await prepare(["age,chol,cp,sick", ...lines], given);
    expect(parts.length).toBe(200);
    expect(parts.filter((part) => part === PART_CODE.audit).length).toBe(0);
    expect(Math.abs(parts.filter((part) => part === PART_CODE.train).length - 100)).toBeLessThan(45);
  });
});
