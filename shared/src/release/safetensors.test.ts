import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Failure } from "../failure/failure.ts";
import { decodeSafetensors, encodeSafetensors } from "./safetensors.ts";

const file = {
  tensors: [
    { name: "output/kernel", shape: [2, 1], values: new Float32Array([1, -2.5]) },
    { name: "output/bias", shape: [1], values: new Float32Array([0.25]) },
  ],
  metadata: { format: "pt", study: "heart" },
};

function withHeader(header: string, data = new Uint8Array(12)): Uint8Array {
  const text = new TextEncoder().encode(header.padEnd(Math.ceil(header.length / 8) * 8, " "));
  const bytes = new Uint8Array(8 + text.length + data.length);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(text.length), true);
  bytes.set(text, 8);
  bytes.set(data, 8 + text.length);
  return bytes;
}

const entry = (start: number, end: number, shape = `[${(end - start) / 4}]`) =>
  `{"data_offsets":[${start},${end}],"dtype":"F32","shape":${shape}}`;

describe("[REL2] safetensors", () => {
  test("what was written is read", () => {
    expect(decodeSafetensors(encodeSafetensors(file))).toEqual(file);
    const tensors = fc.uniqueArray(
      fc.record({ name: fc.string().filter((name) => name !== "__metadata__"), values: fc.float32Array() }),
      { selector: ({ name }) => name, maxLength: 5 },
    );
    fc.assert(
      fc.property(tensors, (drawn) => {
        const named = drawn.filter(({ name }) => name !== "__proto__");
        const written = named.map(({ name, values }) => ({ name, shape: [values.length], values }));
        const read = decodeSafetensors(encodeSafetensors({ tensors: written, metadata: {} })).tensors;
        const byName = (a: { name: string }, b: { name: string }) => (a.name < b.name ? -1 : 1);
        expect([...read].sort(byName)).toEqual([...written].sort(byName));
      }),
    );
  });

  test("the layout is the format's: length, JSON, little-endian data on an 8-byte boundary", () => {
    const bytes = encodeSafetensors(file);
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    const header = JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
    expect(header["output/bias"]).toEqual({ dtype: "F32", shape: [1], data_offsets: [8, 12] });
    expect(new DataView(bytes.buffer).getFloat32(8 + length, true)).toBe(1);
  });

  test("a view into a larger buffer is read as such", () => {
    const bytes = encodeSafetensors(file);
    const larger = new Uint8Array(bytes.length + 7).fill(255);
    larger.set(bytes, 3);
    expect(decodeSafetensors(larger.subarray(3, 3 + bytes.length))).toEqual(file);
  });

  test.each([
    ["overlap", `{"a":${entry(0, 8)},"b":${entry(4, 12)}}`],
    ["gap", `{"a":${entry(0, 4)},"b":${entry(8, 12)}}`],
    ["gap at the start", `{"a":${entry(4, 12)}}`],
    ["out of range", `{"a":${entry(0, 16)}}`],
    ["bytes left over", `{"a":${entry(0, 8)}}`],
    ["shape that doesn't hold its bytes", `{"a":${entry(0, 12, "[2]")}}`],
    ["offsets backwards", `{"a":${entry(12, 0, "[3]")}}`],
    ["white space in the header", `{"a": ${entry(0, 12)}}`],
    ["keys out of order", `{"b":${entry(0, 4)},"a":${entry(4, 12)}}`],
    ["a name twice", `{"a":${entry(0, 12)},"a":${entry(0, 12)}}`],
    ["another number type", `{"a":{"data_offsets":[0,12],"dtype":"F16","shape":[6]}}`],
    ["an unknown field", `{"a":{"data_offsets":[0,12],"dtype":"F32","more":1,"shape":[3]}}`],
    ["a number that is no integer", `{"a":{"data_offsets":[0,12.5],"dtype":"F32","shape":[3]}}`],
    ["a header that is no object", "[]"],
    ["a header that is no JSON", "{"],
  ])("refuses %s", (_, header) => {
    expect(() => decodeSafetensors(withHeader(header))).toThrow(Failure);
  });

  test("refuses every truncation, and never crashes on noise", () => {
    const bytes = encodeSafetensors(file);
    for (let length = 0; length < bytes.length; length++) {
      expect(() => decodeSafetensors(bytes.subarray(0, length))).toThrow(Failure);
    }
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (noise) => {
        expect(() => decodeSafetensors(noise)).toThrow(Failure);
      }),
    );
  });

  test("refuses to write a tensor that is not of its shape, or a name twice", () => {
    const [kernel] = file.tensors;
    if (kernel === undefined) throw new Error("no tensor");
    expect(() => encodeSafetensors({ tensors: [{ ...kernel, shape: [3] }], metadata: {} })).toThrow(/shape/);
    expect(() => encodeSafetensors({ tensors: [kernel, kernel], metadata: {} })).toThrow(/repeats/);
  });
});
