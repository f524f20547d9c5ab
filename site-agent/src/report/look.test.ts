import { DataContract } from "@consilium/shared/study/contract";
import type { RawValue } from "@consilium/shared/study/features";
import { describe, expect, test } from "vitest";
import type { Connector } from "../connector/connector.ts";
import { lookAt } from "./look.ts";

const contract = DataContract.parse({
  columns: [
    { name: "age", type: "number", min: 20, max: 80, missing: { fill: 50, codes: [0] } },
    { name: "sex", type: "category", values: ["f", "m"], missing: { fill: "f" } },
    { name: "film", type: "array", shape: [2, 2, 1], min: 0, max: 255, missing: { fill: 0 } },
  ],
  label: { name: "label", values: [0, 1] },
});
const film = (...values: number[]) => ({ shape: [2, 2, 1], values: Float32Array.from(values) });

function connectorOf(names: readonly string[], rows: readonly (readonly RawValue[])[]): Connector {
  return {
    columns: async () => names,
    async *rows(wanted) {
      for (const row of rows) yield [wanted.map((name) => row[names.indexOf(name)] ?? null)];
    },
    findings: () => [],
    close: async () => undefined,
  };
}

describe("what one pass over a data set shows", () => {
  const names = ["label", "film", "sex", "age"];
  const rows: RawValue[][] = [
    [1, film(0, 255, 128, 300), "m", "20"],
    [0, film(-1, 26, 51, 76), "x", "80.5"],
    [0, null, "f", "0"],
    [1, { shape: [4], values: new Float32Array(4) }, null, "old"],
  ];

  test("missing, clipped and unusable values, and the others by tenths of the range or by category", async () => {
    const { records, columns } = await lookAt(connectorOf(names, rows), contract);
    expect(records).toBe(4);
    expect(columns.map(({ column, missing, outside, unusable }) => [column.name, missing, outside, unusable])).toEqual([
      ["age", 1, 1, 1],
      ["sex", 1, 0, 1],
      ["film", 1, 2, 1],
    ]);
    expect(columns.map(({ counts }) => counts)).toEqual([
      [1, 0, 0, 0, 0, 0, 0, 0, 0, 1],
      [1, 1],
      [2, 1, 2, 0, 0, 1, 0, 0, 0, 2],
    ]);
  });

  test("its numbers lie in the contract's order, in their own units, and a missing or unusable one is none", async () => {
    const { numbers, pictures } = await lookAt(connectorOf(names, rows), contract);
    const none = [Number.NaN, Number.NaN, Number.NaN, Number.NaN];
    expect([...(numbers?.records.values_RC ?? [])]).toEqual(
      [
        [20, 0, 255, 128, 300],
        [80.5, -1, 26, 51, 76],
        [Number.NaN, ...none],
        [Number.NaN, ...none],
      ].flat(),
    );
    expect(numbers?.rules).toMatchObject({
      low_C: Float64Array.of(20, 0, 0, 0, 0),
      high_C: Float64Array.of(80, 255, 255, 255, 255),
    });
    expect(pictures.map(({ picture }) => [...picture.values])).toEqual([
      [0, 255, 128, 300],
      [-1, 26, 51, 76],
    ]);
  });

  test("columns that the data have not are missing in each record; without records there are no numbers", async () => {
    const without = await lookAt(connectorOf(["age"], [["30"], ["31"]]), contract);
    expect(without.columns.map(({ missing }) => missing)).toEqual([0, 2, 2]);
    const empty = await lookAt(connectorOf(names, []), contract);
    expect(empty).toMatchObject({ records: 0, numbers: null, pictures: [] });
    expect(await lookAt(connectorOf(["other"], [["30"]]), contract)).toMatchObject({ numbers: null });
  });
});
