import { describe, expect, test } from "vitest";
import { applyScales } from "../normalisation/columnScales.ts";
import { Column } from "../study/contract.ts";
import { encodeRecord, featureLayout, type RawValue } from "../study/features.ts";
import { inputColumns, inputMapOf } from "./inputColumns.ts";

const contract = {
  columns: [
    Column.parse({ name: "age", type: "number", min: 20, max: 90, unit: "years" }),
    Column.parse({ name: "sex", type: "category", values: ["f", "m"], missing: { fill: "f", indicator: true } }),
    Column.parse({ name: "film", type: "array", shape: [2, 2], min: 0, max: 255 }),
    Column.parse({ name: "chol", type: "number", min: -3, max: 1e6, missing: { fill: 4.5, indicator: true } }),
  ],
};
const layout = featureLayout(contract);
const scales = [
  { place: 0, centre: 0.25, spread: 0.125 },
  { place: 8, centre: -0.9, spread: 0.03 },
];

/** As the map says it, in float32 like the runtimes. */
function mapped(raw: readonly number[]): number[] {
  const { low, high, centre, spread } = inputMapOf(contract, scales);
  return Array.from(Float32Array.from(raw), (value, i) => {
    const clipped = Math.min(high[i] ?? Number.NaN, Math.max(low[i] ?? Number.NaN, value));
    return Math.fround(Math.fround(clipped - (centre[i] ?? Number.NaN)) / (spread[i] ?? Number.NaN));
  });
}

function encoded(values: Record<string, RawValue>): number[] {
  const features = encodeRecord(layout, values);
  applyScales(features, layout.featureCount, scales);
  return [...features];
}

const film = { shape: [2, 2], values: Float32Array.of(0, 64, 300, 255) };

describe("[REL9] values in the columns' own units become what training saw", () => {
  test.each([
    ["within the ranges", [61.5, 0, 1, 0, ...film.values, 200, 0], { age: 61.5, sex: "m", film, chol: 200 }],
    ["beyond the ranges", [150, 1, 0, 0, ...film.values, -8, 0], { age: 150, sex: "f", film, chol: -8 }],
    ["missing values as their fills", [20, 1, 0, 1, ...film.values, 4.5, 1], { age: 20, film }],
  ])("%s", (_, raw, values) => {
    const expected = encoded(values);
    for (const [i, value] of mapped(raw).entries()) expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 5);
  });

  test("each column's place, content and fill are told", () => {
    expect(inputColumns(contract)).toEqual([
      { column: "age", at: 0, holds: "value", unit: "years" },
      { column: "sex", at: 1, holds: "one-hot", values: ["f", "m"], whereMissing: "f", missingAt: 3 },
      { column: "film", at: 4, holds: "values", shape: [2, 2] },
      { column: "chol", at: 8, holds: "value", whereMissing: 4.5, missingAt: 9 },
    ]);
  });
});
