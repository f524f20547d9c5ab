import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { ARRAY_VALUES_MAX, DataContract } from "./contract.ts";
import { encodeRecord, featureCount, featureLayout, featureNames } from "./features.ts";

const film = { name: "film", type: "array", shape: [2, 3, 1], min: 0, max: 255 } as const;
const label = { name: "y", values: [0, 1] };
const contract = DataContract.parse({
  columns: [
    { name: "age", type: "number", min: 0, max: 100 },
    film,
    { name: "wave", type: "array", shape: [2], min: -1, max: 1, missing: { fill: 0.5, indicator: true } },
  ],
  label,
});
const layout = featureLayout(contract);
const cell = (shape: readonly number[], values: readonly number[]) => ({ shape, values: Float32Array.from(values) });
const pixels = cell([2, 3, 1], [0, 51, 127.5, 255, -9, 999]);

describe("[DAT30] an array column's cell holds all of its numbers, each bounded by the public range", () => {
  test("its numbers stand in order between the columns beside it", () => {
    const features = encodeRecord(layout, { age: 50, film: pixels, wave: cell([2], [-1, 0]) });
    expect([...features].map((value) => Math.round(value * 1e6) / 1e6)).toEqual([0, -1, -0.6, 0, 1, -1, 1, -1, 0, 0]);
    expect(featureCount(contract)).toBe(features.length);
    expect(featureNames(contract)).toHaveLength(features.length);
    expect(featureNames(contract).slice(0, 3)).toEqual(["age", "film[0,0,0]", "film[0,1,0]"]);
    expect(featureNames(contract).slice(-3)).toEqual(["wave[0]", "wave[1]", "wave missing"]);
  });

  test("a missing array is filled in every place, and marked", () => {
    expect([...encodeRecord(layout, { age: 50, film: pixels })].slice(-3)).toEqual([0.5, 0.5, 1]);
  });

  test.each([
    ["missing", null, "is missing"],
    ["another shape", cell([3, 2, 1], [1, 2, 3, 4, 5, 6]), "shape"],
    ["flat", cell([6], [1, 2, 3, 4, 5, 6]), "shape"],
    ["fewer numbers than its shape says", cell([2, 3, 1], [1, 2, 3]), "shape"],
    ["text", "[1, 2, 3, 4, 5, 6]", "shape"],
    ["one number", "7", "shape"],
    ["not a number", cell([2, 3, 1], [1, 2, Number.NaN, 4, 5, 6]), "not a number"],
    ["infinite", cell([2, 3, 1], [1, 2, Number.POSITIVE_INFINITY, 4, 5, 6]), "not a number"],
  ])("refused: %s", (_, given, why) => {
    expect(() => encodeRecord(layout, { age: 1, film: given, wave: cell([2], [0, 0]) })).toThrow(why);
  });

  test("a lone number is no array of one value throughout", () => {
    expect(() => encodeRecord(layout, { age: 1, film: 7, wave: cell([2], [0, 0]) })).toThrow("shape");
  });

  test("an array in a column of numbers is refused", () => {
    expect(() => encodeRecord(layout, { age: cell([1], [3]), film: pixels })).toThrow("not a number");
  });

  test("each number comes out as it would alone", () => {
    const alone = featureLayout({ columns: [{ name: "a", type: "number", min: -7, max: 3, missing: "refuse" }] });
    const float = fc.float({ noNaN: true, noDefaultInfinity: true });
    fc.assert(
      fc.property(fc.array(float, { minLength: 1, maxLength: 20 }), (values) => {
        const shape = [values.length];
        const together = featureLayout({
          columns: [{ name: "a", type: "array", shape, min: -7, max: 3, missing: "refuse" }],
        });
        expect([...encodeRecord(together, { a: cell(shape, values) })]).toEqual(
          values.map((value) => encodeRecord(alone, { a: value })[0]),
        );
      }),
    );
  });

  test.each([
    [{ ...film, shape: [225, 224, 3] }, "numbers"],
    [{ ...film, shape: [] }, "shape"],
    [{ ...film, shape: [2, 0, 1] }, "shape"],
    [{ ...film, max: 0 }, "must be > min"],
    [{ ...film, missing: { fill: 300 } }, "in the range"],
    [{ ...film, missing: { fill: "black" } }, "in the range"],
    [{ ...film, missing: { fill: 0, codes: [0] } }, "must be empty"],
  ])("a contract can't say %j", (column, why) => {
    expect(JSON.stringify(DataContract.safeParse({ columns: [column], label }).error?.issues)).toContain(why);
  });

  test("the limit is a record's, not a column's", () => {
    const half = { ...film, shape: [ARRAY_VALUES_MAX / 2 + 1] };
    expect(DataContract.safeParse({ columns: [half], label }).success).toBe(true);
    const two = DataContract.safeParse({ columns: [half, { ...half, name: "second" }], label });
    expect(JSON.stringify(two.error?.issues)).toContain("array columns of a record");
  });
});
