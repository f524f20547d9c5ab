/** Random small networks of every kind of layer, their numbers and their patients. */
import { loadNetwork } from "@consilium/engine/network";
import { type Clipping, type ClipRule, clipRuleOf } from "@consilium/shared/clipping/clipping";
import { clipRounding } from "@consilium/shared/contribution/grid";
import { publicUniform } from "@consilium/shared/model/initial";
import type { LayerInput } from "@consilium/shared/model/layer";
import { featureCount, frozenSlots, ModelSpec, parameterCount, sizeOf } from "@consilium/shared/model/spec";
import { ClippingNorm } from "@consilium/shared/units/privacy";
import fc from "fast-check";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { clippedSum, type SumRule } from "./clippedSum.ts";
import type { OracleModel } from "./oracle.test-support.ts";
import { SumBuffer } from "./sumBuffer.ts";

export const CLASSES = 3;

/** The layers under test, then whatever leads to one logit a class. */
export function network(input: number[], layers: readonly LayerInput[], isFlat = false): ModelSpec {
  const flat: LayerInput = { kind: "pool", name: "flat", operation: "average", window: "global" };
  const last: LayerInput = { kind: "dense", name: "logits", outputs: CLASSES, activation: "linear" };
  const loss = { kind: "softmax-cross-entropy", classes: CLASSES };
  return ModelSpec.parse({ input, layers: [...layers, ...(isFlat ? [] : [flat]), last], loss });
}

/** Numbers of a model: kernels small, scales about 1. */
export function modelOf(spec: ModelSpec, seed: number): OracleModel {
  const next = publicUniform(seed);
  const numbers = (count: number): Float32Array => Float32Array.from({ length: count }, () => 1.2 * (next() - 0.5));
  return { spec, parameters: numbers(parameterCount(spec)), frozen: numbers(sizeOf(frozenSlots(spec))) };
}

export function patientsOf(spec: ModelSpec, seed: number, recordsMax: number, isIndices: boolean): PreparedPatients {
  const next = publicUniform(seed);
  const count = 6;
  const records = Array.from({ length: count }, () => 1 + Math.floor(next() * recordsMax));
  const recordStart = new Int32Array(count + 1);
  for (const [i, length] of records.entries()) recordStart[i + 1] = (recordStart[i] ?? 0) + length;
  const total = recordStart[count] ?? 0;
  const width = featureCount(spec);
  return {
    featureCount: width,
    features: Float32Array.from({ length: total * width }, () => (isIndices ? Math.floor(next() * 5) : 2 * next() - 1)),
    labels: Int32Array.from({ length: total }, () => Math.floor(next() * CLASSES)),
    recordStart,
    parts: new Uint8Array(count),
  };
}

/** The rule of a step that clips to `c`, by default all parameters together. */
export function ruleOf(c: number, clipping: Clipping = { mode: "flat" }, roundNorm = c): ClipRule {
  return clipRuleOf({ clipping, clippingNorm: ClippingNorm.parse(c) }, ClippingNorm.parse(roundNorm));
}

/** η of a study that expects few patients a step. */
export const ROUNDING = clipRounding(1, 1);

/** A copy of the engine's sum. */
export function sumOf(
  { spec, parameters, frozen }: OracleModel,
  patients: PreparedPatients,
  batch: Int32Array,
  c: number | ClipRule,
  how: Partial<Omit<SumRule, "rule">> = {},
): Float64Array {
  const rule = typeof c === "number" ? ruleOf(c) : c;
  const loaded = loadNetwork(spec, parameters, frozen);
  const buffer = new SumBuffer(parameterCount(spec) + (rule.clipping.mode === "adaptive" ? 1 : 0));
  try {
    return Float64Array.from(
      clippedSum(loaded, patients, { patients: batch }, { rule, clipRounding: ROUNDING, ...how }, buffer).values,
    );
  } finally {
    loaded.dispose();
  }
}

export const all = (patients: PreparedPatients): Int32Array => Int32Array.from(patients.parts, (_, i) => i);
export const seed = fc.integer({ min: 1, max: 1_000_000 });
const size = (max: number, min = 1): fc.Arbitrary<number> => fc.integer({ min, max });
const activation = fc.constantFrom("linear", "relu", "sigmoid", "tanh", "relu6", "leaky-relu");
const padding = fc.constantFrom("same", "valid");

export interface Case {
  readonly spec: ModelSpec;
  readonly isIndices?: boolean;
}

export const KINDS: Readonly<Record<string, fc.Arbitrary<Case>>> = {
  "dense over positions": fc
    .record({ length: size(6), width: size(5), outputs: size(7), activation })
    .map(({ length, width, outputs, activation: own }) => ({
      spec: network([length, width], [{ kind: "dense", name: "a", outputs, activation: own }]),
    })),
  "convolution along a line": fc
    .record({ length: size(12, 5), width: size(4), outputs: size(5), kernel: size(4), stride: size(3), padding })
    .map(({ length, width, outputs, kernel, stride, padding: own }) => ({
      spec: network(
        [length, width],
        [{ kind: "conv", name: "a", outputs, kernel: [kernel], stride, padding: own, activation: "relu" }],
      ),
    })),
  "convolution of an image": fc
    .record({
      side: size(7, 4),
      width: size(3),
      outputs: size(4),
      rows: size(3),
      columns: size(3),
      stride: size(2),
      padding,
    })
    .map(({ side, width, outputs, rows, columns, stride, padding: own }) => ({
      spec: network(
        [side, side + 1, width],
        [
          { kind: "conv", name: "a", outputs: 3, kernel: [rows, columns], padding: own, activation: "tanh" },
          { kind: "conv", name: "b", outputs, kernel: [2, 2], stride, bias: false, activation: "linear" },
        ],
      ),
    })),
  "dilated, grouped and depthwise convolutions": fc
    .record({ groups: size(3), each: size(2), outputs: size(2), dilation: size(2), padding })
    .map(({ groups, each, outputs, dilation, padding: own }) => ({
      spec: network(
        [6, 6, groups * each],
        [
          {
            kind: "conv",
            name: "a",
            outputs: groups * outputs,
            kernel: [2, 3],
            groups,
            dilation,
            padding: own,
            activation: "linear",
          },
          {
            kind: "conv",
            name: "b",
            outputs: groups * outputs,
            kernel: [2, 2],
            groups: groups * outputs,
            activation: "linear",
          },
        ],
      ),
    })),
  pools: fc
    .record({
      side: size(8, 4),
      window: size(3),
      stride: size(3),
      padding,
      operation: fc.constantFrom("max", "average"),
    })
    .map(({ side, window, stride, padding: own, operation }) => ({
      spec: network(
        [side, side, 2],
        [
          { kind: "conv", name: "a", outputs: 3, kernel: [2, 2], activation: "linear" },
          { kind: "pool", name: "b", operation, window: [window, window], stride, padding: own },
        ],
      ),
    })),
  "a pool along a line, a global one of the largest": fc
    .record({ length: size(9, 4), window: size(3) })
    .map((shape) => ({
      spec: network(
        [shape.length, 2],
        [
          { kind: "dense", name: "a", outputs: 3, activation: "linear" },
          { kind: "pool", name: "b", operation: "max", window: [shape.window] },
          { kind: "dense", name: "c", outputs: 2, activation: "linear" },
          { kind: "pool", name: "d", operation: "max", window: "global" },
        ],
        true,
      ),
    })),
  "group, layer and instance norms": fc.record({ groups: fc.constantFrom(1, 2, 4), side: size(4, 2) }).map((shape) => ({
    spec: network(
      [shape.side, shape.side, 2],
      [
        { kind: "conv", name: "a", outputs: 4, kernel: [2, 2], activation: "linear" },
        { kind: "norm", name: "b", groups: shape.groups },
        { kind: "activation", name: "c", activation: "relu" },
      ],
    ),
  })),
  "norms at each position": fc.record({ groups: fc.constantFrom(1, 2), length: size(4, 2) }).map((shape) => ({
    spec: network(
      [shape.length, 3],
      [
        { kind: "dense", name: "a", outputs: 4, activation: "linear" },
        { kind: "norm", name: "b", groups: shape.groups, over: "channels" },
        { kind: "activation", name: "c", activation: "leaky-relu" },
      ],
    ),
  })),
  "zeros around an image and its channels": fc
    .record({ side: size(4, 2), top: size(2, 0), left: size(2, 0), below: size(2, 0) })
    .map(({ side, top, left, below }) => ({
      spec: network(
        [side, side, 2],
        [
          { kind: "conv", name: "a", outputs: 2, kernel: [2, 2], activation: "relu6" },
          {
            kind: "pad",
            name: "b",
            margins: [
              [top, 1],
              [left, 0],
              [below, 1],
            ],
          },
          { kind: "conv", name: "c", outputs: 3, kernel: [2, 2], stride: 2, padding: "valid", activation: "tanh" },
        ],
      ),
    })),
  "two heads, real or made and which class": fc.record({ width: size(4), hidden: size(5, 2) }).map((shape) => ({
    spec: ModelSpec.parse({
      input: [4, shape.width],
      layers: [
        { kind: "dense", name: "places", outputs: 3, activation: "tanh" },
        { kind: "pool", name: "flat", operation: "average", window: "global" },
        { kind: "dense", name: "hidden", outputs: shape.hidden, bias: false, activation: "tanh" },
        { kind: "dense", name: "real", outputs: 1, activation: "linear" },
        { kind: "dense", name: "class", from: ["hidden"], outputs: 2, activation: "linear" },
        { kind: "merge", name: "heads", from: ["real", "class"], operation: "concatenate" },
      ],
      loss: { kind: "acgan", classes: 2 },
    }),
  })),
  "a frozen convolution and scale below trained ones": fc.record({ side: size(5, 3) }).map(({ side }) => ({
    spec: network(
      [side, side, 2],
      [
        { kind: "conv", name: "a", outputs: 3, kernel: [2, 2], activation: "linear", frozen: true },
        { kind: "scale", name: "b", frozen: true },
        { kind: "conv", name: "c", outputs: 2, kernel: [2, 2], activation: "relu" },
        { kind: "scale", name: "d" },
      ],
    ),
  })),
  embeddings: fc.record({ length: size(6), width: size(4) }).map(({ length, width }) => ({
    spec: network(
      [length],
      [
        { kind: "embedding", name: "a", vocabulary: 5, width },
        { kind: "dense", name: "b", outputs: 3, activation: "tanh" },
      ],
    ),
    isIndices: true,
  })),
  "LSTM and GRU": fc
    .record({
      cell: fc.constantFrom("lstm", "gru"),
      returns: fc.constantFrom("sequence", "last"),
      length: size(5),
      width: size(3),
      units: size(3),
    })
    .map(({ cell, returns, length, width, units }) => ({
      spec: network([length, width], [{ kind: "recurrent", name: "a", cell, units, returns }], returns === "last"),
    })),
  "self-attention": fc.record({ heads: size(2), each: size(3), length: size(5) }).map(({ heads, each, length }) => {
    const outputs = heads * each;
    const projection = (name: string): LayerInput => {
      return { kind: "dense", name, from: ["input"], outputs, activation: "linear" };
    };
    return {
      spec: network(
        [length, 3],
        [
          projection("queries"),
          projection("keys"),
          projection("values"),
          { kind: "attention", name: "heads", from: ["queries", "keys", "values"], heads },
          { kind: "dense", name: "mixed", outputs: 3, activation: "linear" },
          { kind: "merge", name: "residual", from: ["mixed", "input"], operation: "add" },
          { kind: "norm", name: "normed", groups: 1 },
        ],
      ),
    };
  }),
  "branches, shared kernels and several shapes": fc.record({ length: size(4, 2), width: size(3) }).map((shape) => ({
    spec: network(
      [shape.length * 2, shape.width],
      [
        { kind: "dense", name: "a", outputs: 3, activation: "tanh" },
        { kind: "dense", name: "again", from: ["input"], outputs: 3, activation: "relu", sharedWith: "a" },
        { kind: "merge", name: "both", from: ["a", "again"], operation: "concatenate" },
        { kind: "reshape", name: "image", shape: [shape.length, 2, 6] },
        { kind: "conv", name: "b", outputs: 6, kernel: [2, 2], activation: "linear" },
        { kind: "conv", name: "c", outputs: 6, kernel: [2, 2], activation: "linear", sharedWith: "b" },
        { kind: "merge", name: "sum", from: ["image", "c"], operation: "add" },
      ],
    ),
  })),
};
