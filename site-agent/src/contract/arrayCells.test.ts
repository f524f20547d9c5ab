import { DataContract } from "@consilium/shared/study/contract";
import type { RawValue } from "@consilium/shared/study/features";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { describe, expect, test } from "vitest";
import { checkContract, preparePatients } from "./prepare.ts";

const contract = DataContract.parse({
  columns: [{ name: "film", type: "array", shape: [2, 2, 1], min: 0, max: 255 }],
  label: { name: "ill", values: [0, 1] },
  patient: "pid",
  shares: { train: 1, validation: 0, audit: 0 },
});
const options = { secret: new Uint8Array(32).fill(3), random: operatingSystemRandom };
const film = (...values: readonly number[]) => ({ shape: [2, 2, 1], values: Float32Array.from(values) });

function connector(rows: readonly (readonly RawValue[])[]) {
  return {
    columns: async () => ["film", "ill", "pid"],
    async *rows() {
      yield rows;
    },
    findings: () => [],
    close: async () => {},
  };
}

const told = async (rows: readonly (readonly RawValue[])[]) =>
  (await checkContract(connector(rows), contract, options)).violations
    .filter(({ problem }) => problem !== "part-empty")
    .map(({ column, problem, count }) => `${column ?? "*"} ${problem} ${count}`);

describe("[DAT30] records with arrays", () => {
  test("are prepared as the model's rows of inputs", async () => {
    const { patients } = await preparePatients(connector([[film(0, 255, 127.5, 51), 1, "a"]]), contract, options);
    expect([...patients.features].map((value) => Math.round(value * 10) / 10)).toEqual([-1, 1, 0, -0.6]);
    expect([...patients.labels]).toEqual([1]);
  });

  test("a cell that can't be used is counted; pixels beyond the range count once a record", async () => {
    expect(
      await told([
        [null, 1, "a"],
        [{ shape: [4, 1, 1], values: new Float32Array(4) }, 1, "b"],
        [film(Number.NaN, 0, 0, 0), 1, "c"],
        [film(256, -1, 999, 0), 1, "d"],
        ["seven", 1, "e"],
      ]),
    ).toEqual(["film value-missing 1", "film not-a-number 1", "film wrong-shape 2", "film out-of-range 1"]);
  });

  test("an array where label or key should be is no label and no key", async () => {
    expect(await told([[film(1, 2, 3, 4), film(1, 2, 3, 4), film(1, 2, 3, 4)]])).toEqual([
      "ill unknown-label 1",
      "pid patient-missing 1",
    ]);
  });

  test("the same picture twice of one patient is a duplicate; one pixel makes it another", async () => {
    const same = [film(1, 2, 3, 4), 1, "a"] as const;
    expect(await told([same, [film(1, 2, 3, 4), 1, "a"], [film(1, 2, 3, 5), 1, "a"]])).toEqual(
      ["pid records-over-limit 2", "* duplicate-records 1"].reverse(),
    );
  });
});
