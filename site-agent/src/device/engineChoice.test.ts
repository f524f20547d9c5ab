import type { LayerInput } from "@consilium/shared/model/layer";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { ModelSpec } from "@consilium/shared/model/spec";
import { describe, expect, test } from "vitest";
import { choiceRule, chooseEngine, denseMultiplications, NATIVE_MULTIPLICATIONS } from "./engineChoice.ts";

const logistic = modelSpecOf({ preset: "logistic" }, 21, 2);
const mlp = (inputs: number, ...hidden: number[]) =>
  modelSpecOf({ preset: "mlp", hidden, activation: "relu" }, inputs, 2);
const deeptype = (inputs: number, ...hidden: number[]) =>
  modelSpecOf({ preset: "deeptype", hidden, clusters: 6, clusterWeight: 0.1 }, inputs, 6);
const cnn = modelSpecOf({ preset: "cnn", input: [28, 28, 1] }, 784, 10);
const acgan = modelSpecOf({ preset: "acgan-discriminator", input: [3, 12, 1] }, 36, 2);
const series = modelSpecOf({ preset: "cnn-series", input: [16, 2] }, 32, 2);

function network(input: number[], ...layers: LayerInput[]): ModelSpec {
  const logit: LayerInput = { kind: "dense", name: "logit", outputs: 1, activation: "linear" };
  return ModelSpec.parse({ input, layers: [...layers, logit], loss: { kind: "sigmoid-cross-entropy" } });
}
const dense = (name: string, outputs: number, more: object = {}): LayerInput => {
  return { kind: "dense", name, outputs, activation: "tanh", ...more };
};

describe("[ENG35] a study's engine follows from its model, its expected batch and the site's settings", () => {
  test.each([
    ["logistic regression, 64 records", logistic, 64, "wasm"],
    ["a small network, 64 records", mlp(21, 32, 16), 64, "wasm"],
    ["the same, ten thousand records", mlp(21, 32, 16), 10_000, "native"],
    ["DeepType 2,000-256", deeptype(2000, 256, 64), 64, "native"],
    ["DeepType, whole", deeptype(20_000, 1024, 512), 64, "native"],
    ["a convolution network, at any size", cnn, 1, "native"],
    ["AC-GAN's discriminator", acgan, 2, "native"],
    ["a network for series", series, 1, "native"],
    [
      "a table of indices",
      network(
        [3],
        { kind: "embedding", name: "table", vocabulary: 5, width: 2 },
        { kind: "reshape", name: "flat", shape: [6] },
      ),
      1,
      "native",
    ],
    ["a kernel used twice", network([4], dense("one", 4), dense("two", 4, { sharedWith: "one" })), 1, "native"],
  ] as const)("%s", (_, spec, records, engine) => {
    expect(chooseEngine("auto", true, spec, records).engine).toBe(engine);
    // Where there is no choice.
    expect(chooseEngine("auto", false, spec, records).engine).toBe("wasm");
    expect(chooseEngine("wasm", true, spec, records).engine).toBe("wasm");
    expect(chooseEngine("native", true, spec, records).engine).toBe("native");
  });

  test("at the crossover itself libtensorflow computes", () => {
    const perRecord = denseMultiplications(logistic, 1) ?? 0;
    expect(chooseEngine("auto", true, logistic, NATIVE_MULTIPLICATIONS / perRecord).engine).toBe("native");
    expect(chooseEngine("auto", true, logistic, NATIVE_MULTIPLICATIONS / perRecord - 1).engine).toBe("wasm");
  });

  test("a native engine that is asked for and isn't there is refused, never replaced", () => {
    expect(() => chooseEngine("native", false, logistic, 64)).toThrow(
      expect.objectContaining({ code: "engine/no-native" }),
    );
  });

  test("why, and the rule, in words", () => {
    expect(chooseEngine("auto", true, mlp(100, 64), 100).why).toBe("1.3 million multiplications a step, under 5");
    expect(chooseEngine("auto", true, deeptype(2000, 256, 64), 64).why).toBe(
      "69 million multiplications a step, not under 5",
    );
    expect(choiceRule("auto", "tensorflow")).toBe(
      "small ones (dense layers under 5 million multiplications a step) on wasm, others on tensorflow",
    );
    expect(choiceRule("auto", "wasm")).toBe("all on wasm");
    expect(choiceRule("wasm", "tensorflow")).toBe("all on wasm");
    expect(choiceRule("native", "tensorflow")).toBe("all on tensorflow");
  });
});

describe("multiplications of a step's dense layers", () => {
  test.each([
    ["forward, and the kernel's gradient", logistic, 2 * 21],
    ["and back to what is trained below", network([10], dense("hidden", 7)), 2 * 10 * 7 + 3 * 7],
    ["a frozen layer is passed forward alone", network([10], dense("hidden", 7, { frozen: true })), 10 * 7 + 2 * 7],
    [
      "a frozen layer above a trained one, back too",
      network([10], dense("low", 7), dense("high", 5, { frozen: true })),
      2 * 10 * 7 + 2 * 7 * 5 + 3 * 5,
    ],
    ["layers without products add none", network([10], { kind: "activation", name: "a", activation: "relu" }), 2 * 10],
  ])("%s", (_, spec, expected) => {
    expect(denseMultiplications(spec, 1)).toBe(expected);
    expect(denseMultiplications(spec, 3.5)).toBe(3.5 * expected);
  });
});
