import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { loadNetwork } from "@consilium/engine/network";
import { predict } from "@consilium/engine/predict";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { parameterCount } from "@consilium/shared/model/spec";
import { DataContract } from "@consilium/shared/study/contract";
import { featureCount } from "@consilium/shared/study/features";
import { intervalPlaceOf } from "@consilium/shared/study/survival";
import { intervalColumn } from "@consilium/shared/study/survivalRule";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { afterAll, describe, expect, test } from "vitest";
import { openTable } from "../connector/table.ts";
import { risksOf } from "../engine/risk.ts";
import { lookAt } from "../report/look.ts";
import { checkContract, preparePatients } from "./prepare.ts";
import { type PreparedPatients, patientsOf } from "./preparedPatients.ts";

const folder = mkdtempSync(join(tmpdir(), "consilium-survival-"));
afterAll(() => rmSync(folder, { recursive: true }));

const survival = { time: "days", cuts: [10, 20, 40] };
const contract = DataContract.parse({
  columns: [{ name: "age", type: "number", min: 0, max: 100 }, intervalColumn(survival)],
  label: { name: "died", values: [0, 1] },
  patient: "pid",
  split: "part",
  maxRecordsPerPatient: 3,
  survival,
});
const HEADER = "pid,age,days,died,part";
const place = intervalPlaceOf(contract);
const options = { secret: new Uint8Array(32).fill(7), random: operatingSystemRandom };

async function tableOf(lines: readonly string[]) {
  const path = join(folder, `${Math.random().toString(36).slice(2)}.csv`);
  writeFileSync(path, `${[HEADER, ...lines].join("\n")}\n`);
  return openTable(path);
}

async function prepared(lines: readonly string[]): Promise<PreparedPatients> {
  const table = await tableOf(lines);
  try {
    return (await preparePatients(table, contract, options)).patients;
  } finally {
    await table.close();
  }
}

/** By the patient's age, which tells them apart: interval and label of each record. */
function recordsByAge({ features, featureCount: width, recordStart, labels, parts }: PreparedPatients) {
  const byAge: Record<number, string[]> = {};
  for (let patient = 0; patient < parts.length; patient++) {
    const first = recordStart[patient] ?? 0;
    const age = Math.round(50 + 50 * (features[first * width] ?? 0));
    byAge[age] = Array.from({ length: (recordStart[patient + 1] ?? 0) - first }, (_, i) => {
      const interval = [...features.subarray((first + i) * width + 1, (first + i + 1) * width)].indexOf(1) + 1;
      return `${interval}:${labels[first + i]}`;
    }).sort();
  }
  return byAge;
}

describe("[SUR1] a record for each interval that a patient entered", () => {
  test("the event in its last one alone; who is lost lives through it, who lives past the last cut is seen up to it", async () => {
    const patients = await prepared([
      ...["a,10,5,1,train", "b,20,10,1,train", "c,30,10.5,0,train", "d,40,40,1,train"],
      ...["e,50,400,1,train", "f,60,0,0,test", "g,70,25,0,test"],
    ]);
    expect(recordsByAge(patients)).toEqual({
      10: ["1:1"],
      20: ["1:1"],
      30: ["1:0", "2:0"],
      40: ["1:0", "2:0", "3:1"],
      50: ["1:0", "2:0", "3:0"],
      60: ["1:0"],
      70: ["1:0", "2:0", "3:0"],
    });
  });

  test("a time that is none is counted by its column, and the data are refused", async () => {
    const table = await tableOf(["a,10,-1,1,train", "b,20,soon,0,train", "c,30,,0,train", "d,40,3,0,train"]);
    const report = await checkContract(table, contract, options);
    await table.close();
    const errors = report.violations.filter(({ severity }) => severity === "error");
    expect(errors.map(({ column, problem, count }) => [column, problem, count])).toEqual([
      ["days", "value-missing", 1],
      ["days", "no-time", 2],
    ]);
    expect(report.violated).toBe(true);
  });

  test("a patient's second line is refused: it would be another time of the same person", async () => {
    const table = await tableOf(["a,10,5,1,train", "a,10,25,0,train", "b,20,3,0,train"]);
    const { violations, violated } = await checkContract(table, contract, options);
    await table.close();
    expect(violated).toBe(true);
    expect(violations.map(({ column, problem, count }) => [column, problem, count])).toContainEqual([
      "pid",
      "patient-repeated",
      1,
    ]);
  });

  test("the page of what a data set holds says nothing of the interval, which no data have", async () => {
    const table = await tableOf(["a,10,5,1,train"]);
    const { columns } = await lookAt(table, contract);
    await table.close();
    expect(columns.map(({ column }) => column.name)).toEqual(["age"]);
  });

  test("times that are dates: most lie past the last cut, which is told", async () => {
    const table = await tableOf(["a,10,20150101,1,train", "b,20,20150102,1,train", "c,30,0x12,0,train"]);
    const { violations } = await checkContract(table, contract, options);
    await table.close();
    const told = violations.map(({ column, problem, count }) => [column, problem, count]);
    expect(told).toContainEqual(["days", "past-last-cut", 2]);
    expect(told).toContainEqual(["days", "no-time", 1]);
  });

  test("data without the interval are whole; without the time they aren't", async () => {
    const path = join(folder, "no-time.csv");
    writeFileSync(path, "pid,age,died,part\na,10,1,train\n");
    const table = await openTable(path);
    const { violations } = await checkContract(table, contract, options);
    await table.close();
    expect(violations.map(({ column, problem }) => [column, problem])).toContainEqual(["days", "column-missing"]);
    expect(violations.some(({ column }) => column === "interval")).toBe(false);
  });
});

describe("[SUR3] a patient's risk", () => {
  test("is of all intervals, whatever those that were lived through", async () => {
    await startBackend("wasm");
    const lines = ["a,10,5,1,test", "b,80,25,0,test", "c,10,400,0,test", "t,50,3,0,train"];
    const patients = await prepared(lines);
    const spec = modelSpecOf({ preset: "mlp", hidden: [5], activation: "tanh" }, featureCount(contract), 2);
    const parameters = Float32Array.from({ length: parameterCount(spec) }, (_, i) => Math.sin(i));
    const network = loadNetwork(spec, parameters, new Float32Array(0));
    if (place === null) throw new Error("the contract has intervals");
    const members = patientsOf(patients, "validation", "audit");
    const risks = risksOf(network, patients, members, place);
    network.dispose();
    // The slow way: one row at a time, with the age as the contract scales it.
    const riskAt = (age: number): number => {
      let [alive, lived] = [1, 0];
      for (let interval = 0; interval < 3; interval++) {
        const row = Float32Array.from([(age - 50) / 50, ...[0, 1, 2].map((i) => (i === interval ? 1 : 0))]);
        alive *= 1 - (predict(spec, { parameters, frozen: new Float32Array(0) }, row)[1] ?? Number.NaN);
        lived += alive;
      }
      return 1 - lived / 3;
    };
    const found = risks
      .map(({ risk, entered, hadEvent }) => [entered, hadEvent, risk] as const)
      .sort(([a, dead], [b]) => a - b || (dead ? -1 : 1));
    expect(found.map(([entered, hadEvent]) => [entered, hadEvent])).toEqual([
      [1, true],
      [3, false],
      [3, false],
    ]);
    const values = found.map(([, , risk]) => risk);
    expect(values[0]).toBeCloseTo(riskAt(10), 6);
    expect([...values.slice(1)].sort()).toEqual([riskAt(10), riskAt(80)].sort().map((risk) => expect.closeTo(risk, 6)));
  });
});
