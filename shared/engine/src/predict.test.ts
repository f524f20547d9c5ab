import { initialParameters, publicUniform } from "@consilium/shared/model/initial";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { featureCount, type ModelSpec } from "@consilium/shared/model/spec";
import { beforeAll, describe, expect, test } from "vitest";
import { startBackend } from "./backend.ts";
import { predict, rowsOfPass } from "./predict.ts";

beforeAll(() => startBackend("wasm"));

const SPECS: readonly [string, ModelSpec][] = [
  ["logistic", modelSpecOf({ preset: "logistic" }, 21, 2)],
  ["mlp", modelSpecOf({ preset: "mlp", hidden: [33, 7], activation: "tanh" }, 19, 3)],
  ["cnn", modelSpecOf({ preset: "cnn", input: [28, 28, 1] }, 784, 2)],
];

describe("[ENG26] what a record comes to", () => {
  test.each(SPECS)("of %s hangs on no other record, nor on their number: bit by bit", (_, spec) => {
    const next = publicUniform(4);
    const width = featureCount(spec);
    const weights = { parameters: initialParameters(spec, 2), frozen: new Float32Array(0) };
    const features = Float32Array.from({ length: 37 * width }, () => 2 * next() - 1);
    const all = predict(spec, weights, features);
    const classes = all.length / 37;
    for (const count of [1, 2, 15, 16, 17, 36]) {
      expect(predict(spec, weights, features.subarray(0, count * width))).toEqual(all.subarray(0, count * classes));
      const last = features.subarray((37 - count) * width);
      expect(predict(spec, weights, last)).toEqual(all.subarray((37 - count) * classes));
    }
  });

  test("is had in passes that fit the device, however large the network", () => {
    const films = modelSpecOf({ preset: "resnet20", input: [64, 64, 1] }, 4096, 2);
    // Its layers give some two million numbers a film: 256 of them are beyond WebAssembly's memory.
    expect(rowsOfPass(films)).toBeLessThan(64);
    expect(rowsOfPass(films) % 16).toBe(0);
    expect(rowsOfPass(modelSpecOf({ preset: "resnet18", input: [224, 224, 3] }, 150_528, 2))).toBe(16);
    expect(rowsOfPass(modelSpecOf({ preset: "logistic" }, 21, 2))).toBe(256);
  });
});
