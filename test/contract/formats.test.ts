import { readFileSync } from "node:fs";
import { startBackend } from "@consilium/engine/backend";
import { predict } from "@consilium/engine/predict";
import { readKeras } from "@consilium/shared/model/keras";
import type { LayerInput } from "@consilium/shared/model/layer";
import { modelSpecOf } from "@consilium/shared/model/preset";
import {
  featureCount,
  frozenSlots,
  ModelSpec,
  type ParameterSlot,
  parameterSlots,
  sizeOf,
} from "@consilium/shared/model/spec";
import { acganDiscriminator } from "@consilium/shared/model/zoo/acganDiscriminator";
import { cnn } from "@consilium/shared/model/zoo/cnn";
import { resnet18 } from "@consilium/shared/model/zoo/resnet18";
import { resnet20 } from "@consilium/shared/model/zoo/resnet20";
import { seriesCnn } from "@consilium/shared/model/zoo/seriesCnn";
import { squeezenet } from "@consilium/shared/model/zoo/squeezenet";
import { computationOf, type InputMap } from "@consilium/shared/modelFormat/computationOf";
import { onnxModel } from "@consilium/shared/modelFormat/onnx";
import { tfjsModel } from "@consilium/shared/modelFormat/tfjs";
import { beforeAll, describe, expect, test } from "vitest";
import { answersOfOnnx, answersOfTfjs } from "../support/otherRuntimes.ts";

beforeAll(async () => {
  await startBackend("wasm");
});

const RECORDS = 3;
const DIFFERENCE_MAX = 1e-5;

/** Knuth's multiplicative hash of the index, in [−1, 1). */
function formula(count: number, from = 0): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (Math.imul(i + from, 2654435761) >>> 0) / 2 ** 31 - 1);
}

function brought(model: string): ModelSpec {
  const file = readFileSync(new URL(`../vectors/keras-${model}.json`, import.meta.url), "utf8");
  const { input, layers, outputs } = readKeras(file, { hasWeights: true });
  return ModelSpec.parse({ input, layers, loss: lossOf(outputs) });
}

function lossOf(outputs: number): ModelSpec["loss"] {
  return outputs === 1 ? { kind: "sigmoid-cross-entropy" } : { kind: "softmax-cross-entropy", classes: outputs };
}

function layered(input: number[], ...layers: LayerInput[]): ModelSpec {
  const head: LayerInput = { kind: "dense", name: "head", outputs: 3, activation: "linear" };
  return ModelSpec.parse({ input, layers: [...layers, head], loss: lossOf(3) });
}

const pooled: LayerInput = { kind: "pool", name: "all", operation: "max", window: "global" };
type Conv = Extract<LayerInput, { kind: "conv" }>;
const spread: Conv = { kind: "conv", name: "c", outputs: 6, kernel: [3, 2], activation: "relu6" };
const alongside: Conv = { kind: "conv", name: "c", outputs: 6, kernel: [4], activation: "tanh" };

/** Every model that a study can name, small where it can be, and every layer that a brought one can have. */
const KINDS: Readonly<Record<string, ModelSpec>> = {
  logistic: modelSpecOf({ preset: "logistic" }, 7, 2),
  "logistic of four classes": modelSpecOf({ preset: "logistic" }, 7, 4),
  mlp: modelSpecOf({ preset: "mlp", hidden: [9, 5], activation: "relu" }, 7, 2),
  "mlp with tanh": modelSpecOf({ preset: "mlp", hidden: [9], activation: "tanh" }, 7, 3),
  deeptype: modelSpecOf({ preset: "deeptype", hidden: [12, 6], clusters: 4, clusterWeight: 0.1 }, 7, 3),
  cnn: cnn([28, 28, 1], 4),
  "cnn-series": seriesCnn([20, 3], 2),
  "acgan-discriminator": acganDiscriminator(2),
  resnet18: resnet18({ input: [32, 32, 3], classes: 3, norm: "group", trains: "full", width: 16 }),
  "resnet18, pretrained": resnet18({ input: [33, 32, 3], classes: 3, norm: "frozen-batch", trains: "head", width: 8 }),
  resnet20: resnet20({ input: [32, 32, 1], classes: 2, norm: "group", trains: "full", width: 8 }),
  "resnet20, pretrained": resnet20({ input: [32, 32, 1], classes: 2, norm: "frozen-batch", trains: "full", width: 8 }),
  squeezenet: squeezenet({ input: [64, 64, 3], classes: 3, trains: "last-block", narrowing: 4 }),
  "keras image": brought("image"),
  "keras series": brought("series"),
  "keras codes": brought("codes"),
  "strides, even images": layered([8, 6, 4], { ...spread, stride: 2 }, pooled),
  "strides, odd images": layered([7, 9, 4], { ...spread, stride: 2, bias: false }, pooled),
  dilation: layered([9, 8, 4], { ...spread, dilation: 2 }, pooled),
  "two groups": layered([8, 7, 4], { ...spread, groups: 2, stride: 2 }, pooled),
  depthwise: layered([8, 7, 3], { ...spread, groups: 3, stride: 2 }, pooled),
  "a line in groups": layered([11, 3], { ...alongside, groups: 3, stride: 2 }, pooled),
  "a line, dilated": layered([11, 3], { ...alongside, dilation: 2, padding: "valid" }, pooled),
  "largest of windows": layered(
    [7, 8, 2],
    { kind: "pool", name: "p", operation: "max", window: [3, 2], stride: 2, padding: "same" },
    { ...pooled, operation: "average" },
  ),
  "means of windows": layered(
    [7, 8, 2],
    { kind: "pool", name: "p", operation: "average", window: [3, 3], stride: 2, padding: "same" },
    { ...pooled, operation: "average" },
  ),
  "windows along a line": layered(
    [9, 2],
    { kind: "pool", name: "p", operation: "average", window: [2] },
    { kind: "pool", name: "q", operation: "max", window: [3], stride: 1, padding: "same" },
    pooled,
  ),
  "norm by position": layered([5, 6], { kind: "norm", name: "n", groups: 2, over: "channels" }, pooled),
  "lstm, every step": layered(
    [6, 3],
    { kind: "recurrent", name: "r", cell: "lstm", units: 4, returns: "sequence" },
    pooled,
  ),
  "lstm, last step": layered([6, 3], { kind: "recurrent", name: "r", cell: "lstm", units: 4, returns: "last" }),
  "gru, every step": layered(
    [6, 3],
    { kind: "recurrent", name: "r", cell: "gru", units: 4, returns: "sequence" },
    pooled,
  ),
  "gru, last step": layered([6, 3], { kind: "recurrent", name: "r", cell: "gru", units: 4, returns: "last" }),
  attention: layered(
    [5, 6],
    { kind: "dense", name: "q", outputs: 6, activation: "linear" },
    { kind: "dense", name: "v", from: ["input"], outputs: 4, activation: "leaky-relu" },
    { kind: "attention", name: "a", from: ["q", "input", "v"], heads: 2 },
    pooled,
  ),
  "shared layers, added and side by side": layered(
    [4, 6],
    { kind: "dense", name: "one", outputs: 6, activation: "sigmoid" },
    { kind: "dropout", name: "off", rate: 0.5 },
    { kind: "dense", name: "two", outputs: 6, activation: "tanh", sharedWith: "one" },
    { kind: "merge", name: "sum", from: ["one", "two", "input"], operation: "add" },
    { kind: "merge", name: "both", from: ["sum", "input"], operation: "concatenate" },
    {
      kind: "pad",
      name: "around",
      margins: [
        [1, 0],
        [0, 2],
      ],
    },
    { kind: "scale", name: "scaled" },
    { kind: "reshape", name: "flat", shape: [70] },
  ),
};

/** Kernels spread by their inputs (He et al. 2015), so that differences reach the end; no bias is 0, no scale 1. */
function someWeights(spec: ModelSpec) {
  const filled = (slots: readonly ParameterSlot[], seed: number): Float32Array => {
    const numbers = formula(sizeOf(slots), seed);
    for (const { shape, start, offset, size } of slots) {
      const spread = start === "glorot" ? Math.sqrt(6 / (size / (shape.at(-1) ?? 1))) : 0.2;
      const level = start === "ones" ? 1 : 0;
      for (let i = offset; i < offset + size; i++) numbers[i] = level + spread * (numbers[i] ?? 0);
    }
    return numbers;
  };
  return { parameters: filled(parameterSlots(spec), 17), frozen: filled(frozenSlots(spec), 5) };
}

/** Ranges that differ by feature; codes stand as they are. */
function someMap(width: number, isCodes: boolean): InputMap {
  const each = (value: (i: number) => number): Float32Array => Float32Array.from({ length: width }, (_, i) => value(i));
  if (isCodes) return { low: each(() => 0), high: each(() => 9), centre: each(() => 0), spread: each(() => 1) };
  return {
    low: each((i) => (i % 5) - 2),
    high: each((i) => (i % 5) + 8),
    centre: each((i) => (i % 5) + 3),
    spread: each((i) => 5 + (i % 3)),
  };
}

function encoded(raw: Float32Array, { low, high, centre, spread }: InputMap, width: number): Float32Array {
  return raw.map((value, index) => {
    const i = index % width;
    const clipped = Math.min(high[i] ?? 0, Math.max(low[i] ?? 0, value));
    return (clipped - (centre[i] ?? 0)) / (spread[i] ?? 1);
  });
}

function furthest(a: Float32Array, b: Float32Array): number {
  expect(a).toHaveLength(b.length);
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - (b[i] ?? Number.NaN))), 0);
}

describe("[REL9] a model answers in ONNX Runtime and TF.js as it predicts here", () => {
  test.each(Object.entries(KINDS))("%s", async (kind, spec) => {
    const width = featureCount(spec);
    const isCodes = kind === "keras codes";
    const map = someMap(width, isCodes);
    const weights = someWeights(spec);
    const raw = formula(RECORDS * width, 29).map((value) => (isCodes ? Math.floor(value * 2 + 2) : value * 7 + 3));
    const expected = predict(spec, weights, encoded(raw, map, width));
    const computation = computationOf(spec, weights, map);
    const tfjs = tfjsModel(computation, {});
    const onnx = await answersOfOnnx(onnxModel(computation, {}), raw, width);
    const graph = await answersOfTfjs(tfjs.topology, tfjs.weights, raw, width);
    const classes = expected.length / RECORDS;
    expect(furthest(expected.slice(0, classes), expected.slice(classes, 2 * classes))).toBeGreaterThan(1e-3);
    expect(furthest(onnx, expected)).toBeLessThan(DIFFERENCE_MAX);
    expect(furthest(graph, expected)).toBeLessThan(DIFFERENCE_MAX);
  });
});
