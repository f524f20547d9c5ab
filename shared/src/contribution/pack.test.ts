import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aggregateBits } from "./grid.ts";
import { packedBytes, packIntegers, UnpackingSum, unpackInto } from "./pack.ts";

const bitsOf = fc.integer({ min: 2, max: 32 });
const valuesFor = (bits: number) => {
  const limit = 2 ** (bits - 1) - 1;
  const value = fc.oneof(fc.integer({ min: -limit, max: limit }), fc.constantFrom(-limit, limit, 0, -1));
  return fc.array(value, { maxLength: 200 });
};
const packed = bitsOf.chain((bits) => fc.record({ bits: fc.constant(bits), values: valuesFor(bits) }));

describe("[RND10] packed integers take exactly count · bits bits and come back as they were", () => {
  test("whatever the bits, the values and the chunks that they arrive in", () => {
    fc.assert(
      fc.property(packed, fc.infiniteStream(fc.integer({ min: 1, max: 9 })), ({ bits, values }, cuts) => {
        const bytes = packIntegers(Int32Array.from(values), bits);
        expect(bytes.length).toBe(packedBytes(values.length, bits));
        const into = Int32Array.from(values, () => 5);
        const sum = new UnpackingSum(into, bits);
        for (let at = 0; at < bytes.length; ) {
          const size = cuts.next().value ?? 1;
          sum.push(bytes.subarray(at, at + size));
          at += size;
        }
        sum.finish();
        expect([...into]).toEqual(values.map((value) => (value + 5) | 0));
      }),
      { numRuns: 500 },
    );
  });

  test("the bit order is fixed: least significant first", () => {
    expect([...packIntegers(Int32Array.of(1, -1, 2), 4)]).toEqual([0xf1, 0x02]);
    expect([...packIntegers(Int32Array.of(-2047, 2047), 12)]).toEqual([0x01, 0xf8, 0x7f]);
    expect([...packIntegers(Int32Array.of(0x12345678), 32)]).toEqual([0x78, 0x56, 0x34, 0x12]);
  });

  test("longer than the decoder's own block", () => {
    const values = Int32Array.from({ length: 70_001 }, (_, i) => (i % 4095) - 2047);
    const into = new Int32Array(values.length);
    unpackInto(into, 12, packIntegers(values, 12));
    expect(into).toEqual(values);
  });

  test("an aggregate's bits hold the sum of every site's largest values", () => {
    for (const sites of [1, 2, 3, 4, 5, 16, 17]) {
      const largest = sites * 2047;
      const into = new Int32Array(2);
      const bits = aggregateBits(12, sites);
      unpackInto(into, bits, packIntegers(Int32Array.of(largest, -largest), bits));
      expect([...into]).toEqual([largest, -largest]);
    }
  });
});

describe("[RND11] a packed vector of another length or out of range is refused", () => {
  const bytes = packIntegers(Int32Array.of(3, -3, 7), 5);
  const refused = (mangled: Uint8Array) =>
    expect(() => unpackInto(new Int32Array(3), 5, mangled)).toThrow(
      expect.objectContaining({ code: "contribution/malformed" }),
    );

  test("too short, too long, empty", () => {
    refused(bytes.subarray(0, 1));
    refused(Uint8Array.of(...bytes, 0));
    refused(new Uint8Array(0));
  });

  test("a bit set after the last number", () => {
    refused(Uint8Array.of(bytes[0] ?? 0, (bytes[1] ?? 0) | 0x80));
  });

  test("the one number that saturation never makes", () => {
    refused(Uint8Array.of(0x10, 0));
  });

  test("any altered byte either is refused or changes a number", () => {
    const numbers = (from: Uint8Array) => {
      const into = new Int32Array(3);
      try {
        unpackInto(into, 5, from);
      } catch {
        return "refused";
      }
      return into.join();
    };
    fc.assert(
      fc.property(fc.nat({ max: 1 }), fc.integer({ min: 1, max: 255 }), (at, flip) => {
        const altered = bytes.slice();
        altered[at] = (altered[at] ?? 0) ^ flip;
        expect(numbers(altered)).not.toBe("3,-3,7");
      }),
    );
  });
});
