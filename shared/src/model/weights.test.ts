import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { encodeSafetensors, type NamedTensor } from "../release/safetensors.ts";
import { frozenSlots, ModelSpec, parameterSlots } from "./spec.ts";
import { halfOf, openTensorFile } from "./tensorFile.ts";
import { pytorchNames, SQUEEZENET_NAMES } from "./weightNames.ts";
import { readWeights } from "./weights.ts";
import { squeezenet } from "./zoo/squeezenet.ts";

const spec = ModelSpec.parse({
  input: [4, 4, 2],
  layers: [
    { kind: "conv", name: "conv", outputs: 3, kernel: [1, 2], bias: false, activation: "linear" },
    { kind: "scale", name: "bn", frozen: true },
    { kind: "pool", name: "flat", operation: "average", window: "global" },
    { kind: "dense", name: "fc", outputs: 2, activation: "linear" },
  ],
  loss: { kind: "softmax-cross-entropy", classes: 2 },
});

function tensor(name: string, ...shape: number[]): NamedTensor {
  const size = shape.reduce((product, length) => product * length, 1);
  return { name, shape, values: Float32Array.from({ length: size }, (_, i) => i + 1) };
}

const good = [
  tensor("conv.weight", 3, 2, 1, 2),
  tensor("bn.weight", 3),
  tensor("bn.bias", 3),
  tensor("bn.running_mean", 3),
  tensor("bn.running_var", 3),
  tensor("bn.num_batches_tracked", 1),
  tensor("fc.weight", 2, 3),
  tensor("fc.bias", 2),
];
const fileOf = (tensors: readonly NamedTensor[]): Uint8Array =>
  encodeSafetensors({ tensors: [...tensors], metadata: {} });
const wanted = { names: pytorchNames(), seed: 1 };
const without = (name: string): NamedTensor[] => good.filter((own) => own.name !== name);

/** A file as other writers make it: the header in any order, any number type. */
function rawFile(header: Record<string, unknown>, data: Uint8Array): Uint8Array {
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(data, 8 + text.length);
  return file;
}

describe("[ENG16] weights of a PyTorch file", () => {
  test("kernels change from outputs-first to ours, batch normalisation is folded", () => {
    const { parameters, frozen } = readWeights(spec, fileOf(good), wanted);
    const at = (name: string): number[] => {
      const slot = parameterSlots(spec).find((one) => one.name === name);
      return Array.from(parameters.subarray(slot?.offset, (slot?.offset ?? 0) + (slot?.size ?? 0)));
    };
    // [outputs 3, inputs 2, 1, columns 2] holds 1 to 12: ours is [1, columns 2, inputs 2, outputs 3].
    expect(at("conv/kernel")).toEqual([1, 5, 9, 3, 7, 11, 2, 6, 10, 4, 8, 12]);
    expect(at("fc/kernel")).toEqual([1, 4, 2, 5, 3, 6]);
    expect(at("fc/bias")).toEqual([1, 2]);
    const factors = [1, 2, 3].map((value) => value / Math.sqrt(value + 1e-5));
    const expected = [...factors, ...factors.map((factor, i) => i + 1 - (i + 1) * factor)];
    expect(frozenSlots(spec).map(({ name }) => name)).toEqual(["bn/scale", "bn/shift"]);
    expect(Array.from(frozen)).toEqual(expected.map(Math.fround));
  });

  test("a layer that starts anew keeps its initial weights, and its tensors are left out", () => {
    const { parameters } = readWeights(spec, fileOf(without("fc.bias")), { ...wanted, fresh: ["fc"] });
    expect(Array.from(parameters.subarray(-2))).toEqual([0, 0]);
    expect(parameters.subarray(-8, -2).every((value) => value !== 0 && Math.abs(value) < 1.1)).toBe(true);
  });

  test.each([
    ["a missing tensor", without("fc.bias"), "There is no tensor fc.bias for fc/bias [2]"],
    [
      "a tensor of another shape",
      [...without("fc.weight"), tensor("fc.weight", 3, 2)],
      "Tensor fc.weight is [3,2], and fc/kernel [3,2] takes [2,3]",
    ],
    [
      "a missing tensor, but for a wrapper's name",
      good.map((own) => ({ ...own, name: `module.${own.name}` })),
      "There is no tensor conv.weight for conv/kernel [1,2,2,3], but there is module.conv.weight",
    ],
    [
      "a tensor of the same lengths in another order",
      [...without("fc.weight"), tensor("fc.weight", 3, 2)],
      "takes [2,3]: the same lengths in another order",
    ],
    [
      "a negative variance",
      [...without("bn.running_var"), { ...tensor("bn.running_var", 3), values: Float32Array.of(1, 2, -0.5) }],
      "Tensor bn.running_var holds -0.5 at index 2, and a variance is never below 0",
    ],
    [
      "a factor beyond float32",
      [
        ...good.filter(({ name }) => !["bn.weight", "bn.running_var"].includes(name)),
        { ...tensor("bn.weight", 3), values: new Float32Array(3).fill(3e38) },
        { ...tensor("bn.running_var", 3), values: new Float32Array(3) },
      ],
      "bn/scale [3] comes to a number beyond float32",
    ],
    ["a tensor that no layer takes", [...good, tensor("fc2.bias", 2)], "Tensor fc2.bias [2] is taken by no layer"],
  ])("%s is named with the shapes", (_, tensors, expected) => {
    expect(() => readWeights(spec, fileOf(tensors), wanted)).toThrow(expected);
  });

  test("a network with other channels doesn't take the file of this one", () => {
    const file = readFileSync(new URL("../../../test/vectors/zoo-squeezenet.safetensors", import.meta.url));
    const narrower = squeezenet({ input: [65, 70, 3], classes: 5, trains: "full", narrowing: 16 });
    const expected = "Tensor conv1.weight_hwio is [3,3,3,8], and conv1/kernel [3,3,3,4] takes [3,3,3,4]";
    expect(() => readWeights(narrower, file, { names: SQUEEZENET_NAMES, seed: 1 })).toThrow(expected);
  });
});

describe("[ENG16] number types and broken files", () => {
  test("half numbers are exact: normal, subnormal, signed and infinite", () => {
    const known: [number, number][] = [
      [0x3c00, 1],
      [0xc000, -2],
      [0x7bff, 65504],
      [0x0001, 2 ** -24],
      [0x0400, 2 ** -14],
      [0x3555, 0.333251953125],
      [0xfc00, Number.NEGATIVE_INFINITY],
    ];
    for (const [bits, value] of known) expect(halfOf(bits)).toBe(value);
    expect(halfOf(0x7e00)).toBeNaN();
    expect(Object.is(halfOf(0x8000), -0)).toBe(true);
  });

  test("bfloat16 is the upper half of a float32, and a header may come in any order", () => {
    const header = {
      b: { shape: [1], data_offsets: [4, 6], dtype: "F16" },
      a: { dtype: "BF16", shape: [2], data_offsets: [0, 4] },
    };
    const file = openTensorFile(rawFile(header, Uint8Array.of(0x80, 0x3f, 0x20, 0xc1, 0x00, 0x3c)));
    expect(Array.from(file.get("a")?.values() ?? [])).toEqual([1, -10]);
    expect(Array.from(file.get("b")?.values() ?? [])).toEqual([1]);
  });

  const entry = (dtype: string, shape: number[], from: number, to: number): Record<string, unknown> => {
    return { a: { dtype, shape, data_offsets: [from, to] } };
  };
  test.each([
    ["shorter than its length field", Uint8Array.of(1, 2), "shorter than its length field"],
    ["a header beyond the end", Uint8Array.of(255, 0, 0, 0, 0, 0, 0, 0, 123), "254 bytes before the end of its header"],
    ["another format", Uint8Array.of(80, 75, 3, 4, 20, 0, 0, 0, 8), "doesn't begin with a header's length"],
    ["no JSON", rawFile({}, new Uint8Array(0)).fill(0x7b, 8), "no JSON object"],
    ["another number type", rawFile(entry("C64", [1], 0, 8), new Uint8Array(8)), "isn't known"],
    ["a tensor of another size", rawFile(entry("F32", [3], 0, 8), new Uint8Array(8)), "not of its shape"],
    ["a gap", rawFile(entry("F32", [1], 4, 8), new Uint8Array(8)), "leaves a gap"],
    ["bytes left over", rawFile(entry("F32", [1], 0, 4), new Uint8Array(8)), "4 bytes follow its last tensor"],
    ["bytes missing", rawFile(entry("F32", [2], 0, 8), new Uint8Array(5)), "3 bytes before the end of tensor a"],
  ])("%s is refused", (_, file, expected) => {
    expect(() => openTensorFile(file)).toThrow(expected);
  });

  test("integers and numbers that are not finite are no weights", () => {
    const integers = openTensorFile(rawFile(entry("I64", [1], 0, 8), new Uint8Array(8)));
    expect(() => integers.get("a")?.values()).toThrow("I64 numbers, which no weight has");
    const infinite = openTensorFile(rawFile(entry("F16", [1], 0, 2), Uint8Array.of(0, 0x7c)));
    expect(() => infinite.get("a")?.values()).toThrow("Tensor a of the weights holds a number that is not finite");
    const large = rawFile(entry("F64", [2], 0, 16), new Uint8Array(new Float64Array([1, 1e300]).buffer));
    expect(() => openTensorFile(large).get("a")?.values()).toThrow("first Infinity at index 1");
    expect([integers, infinite].map((file) => file.get("a")?.isFinite())).toEqual([false, false]);
    expect(openTensorFile(fileOf(good)).get("fc.bias")?.isFinite()).toBe(true);
  });
});
