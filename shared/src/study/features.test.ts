import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { categoryKey, DataContract } from "./contract.ts";
import { encodeRecord, featureCount, featureLayout, featureNames, parseNumber } from "./features.ts";

const contract = DataContract.parse({
  columns: [
    { name: "age", type: "number", min: 20, max: 80 },
    { name: "bp", type: "number", min: 80, max: 200, missing: { fill: 140, codes: [0, "unknown"] } },
    { name: "cp", type: "category", values: [1, 2, "none"], missing: { fill: "none", indicator: true } },
    { name: "ca", type: "number", min: 0, max: 3, missing: { fill: 0, indicator: true } },
  ],
  label: { name: "y", values: [0, 1] },
});
const layout = featureLayout(contract);
const encode = (age: unknown, bp: unknown, cp: unknown, ca: unknown): readonly number[] => {
  const value = (given: unknown): string | number | null =>
    typeof given === "string" || typeof given === "number" ? given : null;
  return [...encodeRecord(layout, { age: value(age), bp: value(bp), cp: value(cp), ca: value(ca) })];
};

describe("[DAT3] features follow from the public contract alone", () => {
  test("names and count are those of the encoded record", () => {
    expect(featureNames(contract)).toEqual(["age", "bp", "cp=1", "cp=2", "cp=none", "cp missing", "ca", "ca missing"]);
    expect(featureCount(contract)).toBe(8);
  });

  test.each([
    ["the ends and the middle of a range", [20, 80, 1, 3], [-1, -1, 1, 0, 0, 0, 1, 0]],
    ["beyond both ends", [-5, 1e308, "none", 4], [-1, 1, 0, 0, 1, 0, 1, 0]],
    ["as text", ["50", " 140 ", "2.0", "+1.5"], [0, 0, 0, 1, 0, 0, 0, 0]],
    ["missing, empty and NaN", [50, "", null, Number.NaN], [0, 0, 0, 0, 1, 1, -1, 1]],
    ["codes for missing", [50, "0.0", "1", "3"], [0, 0, 1, 0, 0, 0, 1, 0]],
    ["a code in words", [50, "unknown", "1", "3"], [0, 0, 1, 0, 0, 0, 1, 0]],
  ])("%s", (_, [age, bp, cp, ca], features) => {
    expect(encode(age, bp, cp, ca)).toEqual(features);
  });

  test.each([
    ["age", [null, 100, 1, 1], "missing"],
    ["age", ["Infinity", 100, 1, 1], "not a number"],
    ["age", ["1e999", 100, 1, 1], "not a number"],
    ["age", ["12,5", 100, 1, 1], "not a number"],
    ["cp", [50, 100, 7, 1], "not one of the study's values"],
  ])("an unusable %s is refused by column, never by value", (column, [age, bp, cp, ca], why) => {
    expect(() => encode(age, bp, cp, ca)).toThrow(why);
    expect(() => encode(age, bp, cp, ca)).toThrow(`column '${column}'`);
  });

  test("whatever is encoded lies in [−1, 1], numbers in order", () => {
    fc.assert(
      fc.property(
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        fc.double({ noNaN: true, noDefaultInfinity: true }),
        (a, b) => {
          const [low, high] = [
            encode(Math.min(a, b), 100, 1, a)[0] ?? Number.NaN,
            encode(Math.max(a, b), 100, 1, a)[0] ?? Number.NaN,
          ];
          expect(low).toBeGreaterThanOrEqual(-1);
          expect(high).toBeLessThanOrEqual(1);
          expect(low).toBeLessThanOrEqual(high);
        },
      ),
    );
  });

  test("numbers as people write them", () => {
    for (const [text, number] of [
      ["7", 7],
      ["-0.5", -0.5],
      [".5", 0.5],
      ["5.", 5],
      ["1e-3", 0.001],
    ] as const)
      expect(parseNumber(text)).toBe(number);
    for (const text of ["", "0x10", "1_000", "1 000", "Infinity", "NaN", "--1", "1e", "٣"])
      expect(parseNumber(text)).toBeNull();
  });
});

describe("[DAT11] category values compare by their text, integers and decimals alike", () => {
  test("1, 1.0, '01' and ' 1 ' are one value; long codes stay text", () => {
    for (const value of [1, "1.0", "01", " 1 ", "+1"]) expect(categoryKey(value)).toBe("1");
    expect(categoryKey("-0")).toBe("0");
    expect(categoryKey("1e3")).toBe("1e3");
    expect(categoryKey("12345678901234567890")).toBe("12345678901234567890");
    expect(categoryKey("claudin-low")).toBe("claudin-low");
  });

  test("a contract that lists a value twice is refused", () => {
    const twice = { ...contract, columns: [{ name: "cp", type: "category", values: [1, "1.0"] }] };
    expect(DataContract.safeParse(twice).success).toBe(false);
  });
});
