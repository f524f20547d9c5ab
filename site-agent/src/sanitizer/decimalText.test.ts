import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { NUMBER_BYTES_MAX, writeDecimal } from "./decimalText.ts";

function textOf(value: number): string {
  const bytes = new Uint8Array(NUMBER_BYTES_MAX + 2);
  const end = writeDecimal(value, bytes, 1);
  // Neither before its place nor behind its end.
  expect([bytes[0], ...bytes.subarray(end)].every((byte) => byte === 0)).toBe(true);
  return Buffer.from(bytes.subarray(1, end)).toString("latin1");
}

describe("numbers as decimals of nine digits", () => {
  test.each([
    [0, "0"],
    [-0, "0"],
    [1, "1"],
    [-1, "-1"],
    [0.5, "0.5"],
    [-0.000001, "-0.000001"],
    [120, "120"],
    [123456789.4, "123456789"],
    [999999999.7, "1000000000"],
    [0.1234567891, "0.123456789"],
    [0.9999999999, "1"],
    [9.9999999999, "10"],
    [-12.34567891234, "-12.3456789"],
    [0.000012345678949, "0.0000123456789"],
    [1e9, "1000000000"],
    [-1.5e30, "-1.5e+30"],
    [3e-9, "3e-9"],
  ])("%d is %s", (value, text) => {
    expect(textOf(value)).toBe(text);
  });

  test("any number comes back within half a unit of its ninth digit", () => {
    const any = fc.oneof(
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.double({ min: -1e9, max: 1e9, noNaN: true }),
      fc.double({ min: -2, max: 2, noNaN: true }),
    );
    fc.assert(
      fc.property(any, (value) => {
        const unit = value === 0 ? 0 : 10 ** (Math.floor(Math.log10(Math.abs(value))) - 8);
        expect(Math.abs(Number(textOf(value)) - value)).toBeLessThanOrEqual(unit * 0.5000001);
      }),
    );
  });
});
