import { describe, expect, test } from "vitest";
import { Failure } from "../failure/failure.ts";
import { readKeras } from "./keras.ts";
import { ModelSpec, parameterCount } from "./spec.ts";

type Stored = Record<string, unknown>;

function layer(class_name: string, config: Stored = {}, name = class_name.toLowerCase()): Stored {
  return { class_name, config: { name, ...config } };
}

const input = (...shape: (number | null)[]): Stored => layer("InputLayer", { batch_input_shape: [null, ...shape] });
const dense = (units: number, config: Stored = {}): Stored => layer("Dense", { units, ...config });

function sequential(...layers: Stored[]): string {
  return JSON.stringify({ modelTopology: { class_name: "Sequential", config: { name: "model", layers } } });
}

function failureOf(act: () => unknown): Failure {
  try {
    act();
  } catch (error) {
    if (error instanceof Failure) return error;
    throw error;
  }
  throw new Error("nothing was refused");
}

const refused = (text: string): Failure => failureOf(() => readKeras(text, { hasWeights: false }));

/** A functional model as Keras 2 and TF.js write it: inputs by call, attention's value by name. */
const KERAS_2 = {
  class_name: "Model",
  keras_version: "2.11.0",
  config: {
    name: "model_1",
    layers: [
      { ...input(4, 6), name: "inputlayer", inbound_nodes: [] },
      {
        ...layer("Add", {}, "sum"),
        name: "sum",
        inbound_nodes: [
          [
            ["mixed", 0, 0, {}],
            ["inputlayer", 0, 0, {}],
          ],
        ],
      },
      {
        ...layer("MultiHeadAttention", { num_heads: 2, key_dim: 3, attention_axes: [1] }, "mixed"),
        name: "mixed",
        inbound_nodes: [[["wide", 0, 0, { value: ["wide", 1, 0], use_causal_mask: false }]]],
      },
      {
        ...dense(6),
        name: "wide",
        inbound_nodes: [[["inputlayer", 0, 0, {}]], [["wide", 0, 0, {}]]],
      },
      { ...layer("Flatten"), name: "flatten", inbound_nodes: [[["sum", 0, 0, {}]]] },
      {
        ...layer("Dense", { units: 3, activation: "softmax" }, "out"),
        name: "out",
        inbound_nodes: [[["flatten", 0, 0]]],
      },
    ],
    input_layers: [["inputlayer", 0, 0]],
    output_layers: [["out", 0, 0]],
  },
};

describe("[ENG17] topologies", () => {
  test("a sequence of layers, its last softmax left to the loss", () => {
    const text = sequential(
      input(5),
      dense(4, { activation: "relu" }),
      layer("Dense", { units: 3, activation: "softmax" }, "Out_2"),
    );
    const { layers, outputs, input: shape } = readKeras(text, { hasWeights: false });
    expect(shape).toEqual([5]);
    expect(outputs).toBe(3);
    expect(layers.map(({ name, kind }) => [name, kind])).toEqual([
      ["dense", "dense"],
      ["out-2", "dense"],
    ]);
    expect(layers.at(-1)).toMatchObject({ activation: "linear" });
  });

  test("a graph of Keras 2: calls in any order, a layer called twice shares its weights", () => {
    const { layers, input: shape } = readKeras(JSON.stringify(KERAS_2), { hasWeights: false });
    const spec = ModelSpec.parse({ input: shape, layers, loss: { kind: "softmax-cross-entropy", classes: 3 } });
    expect(layers.find(({ name }) => name === "wide/call-1")).toMatchObject({ sharedWith: "wide", from: ["wide"] });
    expect(layers.find(({ name }) => name === "mixed/value")).toMatchObject({ from: ["wide/call-1"] });
    // Dense 42 once; attention 4 · 42; the last one 24 · 3 + 3.
    expect(parameterCount(spec)).toBe(42 + 4 * 42 + 75);
  });

  test("lengths that the model leaves open come from the study", () => {
    const text = sequential(input(null, 2), layer("GlobalAveragePooling1D"), dense(1));
    expect(readKeras(text, { input: [9, 2], hasWeights: false }).input).toEqual([9, 2]);
    expect(refused(text).message).toContain("leaves lengths of its input open: [?,2]");
    expect(failureOf(() => readKeras(text, { input: [9, 3], hasWeights: false })).message).toContain(
      "its input is [9,2]",
    );
  });
});

describe("[ENG17] refusals by name, with why and what to do", () => {
  test("batch normalisation in training mode couples patients", () => {
    const { message, remedy, code } = refused(sequential(input(5), layer("BatchNormalization", {}, "bn_3"), dense(1)));
    expect(code).toBe("model/keras-unsupported");
    expect(message).toContain(
      "BatchNormalization 'bn_3': in training mode its means and variances over a batch couple",
    );
    expect(remedy).toContain("Use GroupNormalization");
  });

  test("with weights its statistics are fixed: a frozen scale", () => {
    const text = sequential(input(5), layer("BatchNormalization", { axis: [1] }, "bn"), dense(1));
    expect(readKeras(text, { hasWeights: true }).layers[0]).toMatchObject({ kind: "scale", frozen: true });
  });

  test("every layer that can't be used is told at once", () => {
    const text = sequential(
      input(5),
      layer("Lambda", {}, "magic"),
      dense(4, { activation: "gelu" }),
      layer("Whatever"),
      dense(1),
    );
    const lines = refused(text).message.split("\n");
    expect(lines).toEqual([
      "Lambda 'magic': it is arbitrary code, whose gradient by patient nobody can vouch for.",
      "Dense 'dense': the activation gelu is not known here.",
      "Whatever 'whatever': this version doesn't know it.",
    ]);
  });

  test.each([
    ["weight decay", dense(4, { kernel_regularizer: { class_name: "L2" } }), "kernel_regularizer"],
    ["channels first", layer("Flatten", { data_format: "channels_first" }), "data_format"],
    ["an untrained layer without weights", dense(4, { trainable: false }), "is not trainable"],
    ["another slope", layer("LeakyReLU", { negative_slope: 0.1 }), "only 0.3 is known"],
    ["several labels at once", dense(4, { activation: "relu" }), "4 sigmoids"],
    ["a state kept between batches", layer("LSTM", { units: 3, stateful: true }), "stateful"],
    ["a GRU that resets before the product", layer("GRU", { units: 3, reset_after: false }), "reset_after"],
    ["a model within a model", layer("Sequential", { layers: [] }), "a model within a model"],
  ])("%s", (what, stored, expected) => {
    const isSeveral = what === "several labels at once";
    const isSequence = ["LSTM", "GRU"].includes(String(stored.class_name));
    const last = isSeveral
      ? layer("Dense", { units: 4, activation: "sigmoid" }, "last")
      : layer("Dense", { units: 1 }, "last");
    expect(refused(sequential(isSequence ? input(5, 2) : input(5), stored, last)).message).toContain(expected);
  });

  test.each([
    ["no JSON", "{", "no JSON"],
    ["no model", "{}", "no Sequential or functional model"],
    ["an end that isn't one number a class", sequential(input(4, 2), dense(3)), "it ends in [4,3]"],
    [
      "sizes that don't fit",
      sequential(input(5), layer("Reshape", { target_shape: [2, 2] }), dense(1)),
      "doesn't fill",
    ],
    [
      "a call with training = true",
      JSON.stringify(KERAS_2).replace('"use_causal_mask":false', '"training":true'),
      "training = true",
    ],
    [
      "two outputs",
      JSON.stringify(KERAS_2).replace('"output_layers":[', '"output_layers":[["sum",0,0],'),
      "several inputs or outputs",
    ],
    [
      "a circle",
      JSON.stringify(KERAS_2).replace('["wide",0,0,{}]', '["sum",0,0,{}]'),
      "takes from one that isn't there",
    ],
  ])("%s", (_, text, expected) => {
    expect(refused(text).message).toContain(expected);
  });
});
