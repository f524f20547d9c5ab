import { assert, unreachable } from "../failure/failure.ts";
import { type LayerNode, type Shape, volume, windowSteps } from "../model/graph.ts";
import { type Activation, type ConvLayer, LEAKY_SLOPE, type NormLayer, type PoolLayer } from "../model/layer.ts";
import type { ModelSpec } from "../model/spec.ts";
import type { ComputationWriter, Margins } from "./computation.ts";
import { recurrentSteps } from "./recurrentSteps.ts";

export function classesOf({ loss }: ModelSpec): number {
  return loss.kind === "sigmoid-cross-entropy" ? 2 : loss.classes;
}

/** The steps of one layer, as the engine computes it outside of training. */
export function layerSteps(
  writer: ComputationWriter,
  node: LayerNode,
  inputs: readonly string[],
  parameters: readonly string[],
): string {
  const { layer } = node;
  const [input = "", second = "", third = ""] = inputs;
  const [from = []] = node.inputs;
  switch (layer.kind) {
    case "dense":
      return activated(writer, layer.activation, denseSteps(writer, node, input, parameters));
    case "conv":
      return activated(
        writer,
        layer.activation,
        convSteps(writer, layer, { input, from, output: node.output }, parameters),
      );
    case "pool":
      return poolSteps(writer, layer, { input, from, output: node.output });
    case "norm":
      return normSteps(writer, layer, { input, from, output: node.output }, parameters);
    case "scale":
      return scaled(writer, input, parameters);
    case "embedding":
      return lookupSteps(writer, input, parameters, layer.vocabulary);
    case "recurrent":
      return recurrentSteps(writer, layer, { input, from }, parameters);
    case "attention":
      return attentionSteps(writer, layer.heads, node.inputs, [input, second, third]);
    case "dropout":
      return input;
    case "activation":
      return activated(writer, layer.activation, input);
    case "merge":
      if (layer.operation === "concatenate") return writer.step({ kind: "concatenate", axis: from.length }, ...inputs);
      return inputs.reduce((sum, own) => writer.step({ kind: "add" }, sum, own));
    case "pad":
      return writer.step({ kind: "pad", margins: [[0, 0], ...layer.margins] }, input);
    case "reshape":
      return writer.step({ kind: "reshape", shape: [-1, ...layer.shape] }, input);
    default:
      return unreachable(layer);
  }
}

/** A layer's one input and its shapes, without the axis of records. */
interface Flow {
  readonly input: string;
  readonly from: Shape;
  readonly output: Shape;
}

function activated(writer: ComputationWriter, activation: Activation, z: string): string {
  switch (activation) {
    case "linear":
      return z;
    case "relu":
    case "sigmoid":
    case "tanh":
      return writer.step({ kind: activation }, z);
    case "relu6":
      return writer.step({ kind: "minimum" }, writer.step({ kind: "relu" }, z), writer.number(6));
    case "leaky-relu":
      return writer.step({ kind: "maximum" }, z, writer.step({ kind: "multiply" }, z, writer.number(LEAKY_SLOPE)));
    default:
      return unreachable(activation);
  }
}

function denseSteps(
  writer: ComputationWriter,
  node: LayerNode,
  input: string,
  [kernel, bias]: readonly string[],
): string {
  assert(kernel !== undefined, "a dense layer has a kernel");
  const [from = []] = node.inputs;
  const flat = from.length === 1 ? input : writer.step({ kind: "reshape", shape: [-1, from.at(-1) ?? 1] }, input);
  const product = writer.step({ kind: "product" }, flat, kernel);
  const biased = bias === undefined ? product : writer.step({ kind: "add" }, product, bias);
  return from.length === 1 ? biased : writer.step({ kind: "reshape", shape: [-1, ...node.output] }, biased);
}

/** A line is a plane of height 1. */
function plane(shape: Shape): readonly [height: number, width: number, channels: number] {
  const [channels = 1, width = 1, height = 1] = shape.toReversed();
  return [height, width, channels];
}

/** Zeros that `same` adds along an axis: the odd one behind. */
function marginsOf(length: number, reach: number, stride: number, padding: "same" | "valid"): [number, number] {
  const steps = windowSteps(length, reach, stride, padding);
  const needed = padding === "same" ? Math.max(0, (steps - 1) * stride + reach - length) : 0;
  return [Math.floor(needed / 2), needed - Math.floor(needed / 2)];
}

function convSteps(
  writer: ComputationWriter,
  layer: ConvLayer,
  { input, from, output }: Flow,
  [kernel, bias]: readonly string[],
): string {
  assert(kernel !== undefined, "a convolution has a kernel");
  const { stride, dilation, padding, groups, outputs } = layer;
  const [height, width, channels] = plane(from);
  const [down, right] = [layer.kernel.at(-2) ?? 1, layer.kernel.at(-1) ?? 1];
  const isLine = from.length === 2;
  const own = channels / groups;
  const image = isLine ? writer.step({ kind: "reshape", shape: [-1, height, width, channels] }, input) : input;
  const kernel_HWIO = isLine ? writer.step({ kind: "reshape", shape: [down, right, own, outputs] }, kernel) : kernel;
  const reach = (size: number): number => (size - 1) * dilation + 1;
  const margins: Margins = [
    [0, 0],
    isLine ? [0, 0] : marginsOf(height, reach(down), stride, padding),
    marginsOf(width, reach(right), stride, padding),
    [0, 0],
  ];
  const isPadded = margins.some(([before, after]) => before + after > 0);
  const whole = isPadded ? writer.step({ kind: "pad", margins }, image) : image;
  const convolved = (seen: string, by: string, outputs: number, groups: number): string => {
    const kernel = [down, right, own, outputs] as const;
    return writer.step({ kind: "convolve", stride, dilation, groups, kernel }, seen, by);
  };
  const z =
    groups === 1 || own === 1
      ? convolved(whole, kernel_HWIO, outputs, groups)
      : writer.step(
          { kind: "concatenate", axis: 3 },
          ...Array.from({ length: groups }, (_, group) => {
            const channel = { begin: [0, 0, 0, group * own], size: [-1, -1, -1, own] };
            const output = { begin: [0, 0, 0, (group * outputs) / groups], size: [-1, -1, -1, outputs / groups] };
            const seen = writer.step({ kind: "slice", ...channel }, whole);
            return convolved(seen, writer.step({ kind: "slice", ...output }, kernel_HWIO), outputs / groups, 1);
          }),
        );
  const biased = bias === undefined ? z : writer.step({ kind: "add" }, z, bias);
  return isLine ? writer.step({ kind: "reshape", shape: [-1, ...output] }, biased) : biased;
}

function poolSteps(writer: ComputationWriter, layer: PoolLayer, { input, from, output }: Flow): string {
  const [height, width, channels] = plane(from);
  if (layer.window === "global") {
    const flat = writer.step({ kind: "reshape", shape: [-1, volume(from) / channels, channels] }, input);
    const kind = layer.operation === "max" ? "largest" : "mean";
    return writer.step({ kind: "reshape", shape: [-1, channels] }, writer.step({ kind, axes: [1] }, flat));
  }
  const { padding } = layer;
  const window = [layer.window.at(-2) ?? 1, layer.window.at(-1) ?? 1] as const;
  const stride = [layer.window.length === 1 ? 1 : (layer.stride ?? window[0]), layer.stride ?? window[1]] as const;
  const margins = [marginsOf(height, window[0], stride[0], padding), marginsOf(width, window[1], stride[1], padding)];
  const image =
    from.length === 2 ? writer.step({ kind: "reshape", shape: [-1, height, width, channels] }, input) : input;
  const pooled = writer.step({ kind: "pool", of: layer.operation, window, stride, padding, margins }, image);
  return from.length === 2 ? writer.step({ kind: "reshape", shape: [-1, ...output] }, pooled) : pooled;
}

/** x̂·scale + shift, x̂ = (x − μ)/√(v + ε) over a group of one record, or of one of its positions. */
function normSteps(
  writer: ComputationWriter,
  layer: NormLayer,
  { input, from, output }: Flow,
  parameters: readonly string[],
): string {
  const channels = from.at(-1) ?? 1;
  const positions = layer.over === "channels" ? 1 : volume(from) / channels;
  const groups = [-1, positions, layer.groups, channels / layer.groups];
  const axes = [1, 3];
  const apart = writer.step({ kind: "reshape", shape: groups }, input);
  const centred = writer.step({ kind: "subtract" }, apart, writer.step({ kind: "mean", axes }, apart));
  const variance = writer.step({ kind: "mean", axes }, writer.step({ kind: "multiply" }, centred, centred));
  const spread = writer.step({ kind: "root" }, writer.step({ kind: "add" }, variance, writer.number(layer.epsilon)));
  const normalised = writer.step({ kind: "divide" }, centred, spread);
  const together = writer.step({ kind: "reshape", shape: [-1, positions, channels] }, normalised);
  return writer.step({ kind: "reshape", shape: [-1, ...output] }, scaled(writer, together, parameters));
}

function scaled(writer: ComputationWriter, input: string, [factor, shift]: readonly string[]): string {
  assert(factor !== undefined && shift !== undefined, "a scale has factor and shift");
  return writer.step({ kind: "add" }, writer.step({ kind: "multiply" }, input, factor), shift);
}

function lookupSteps(writer: ComputationWriter, input: string, [table]: readonly string[], vocabulary: number): string {
  assert(table !== undefined, "an embedding has a table");
  const whole = writer.step({ kind: "floor" }, input);
  const least = writer.step({ kind: "maximum" }, whole, writer.number(0));
  return writer.step({ kind: "lookup" }, table, writer.step({ kind: "minimum" }, least, writer.number(vocabulary - 1)));
}

/** softmax(QKᵀ/√w)V for each head. */
function attentionSteps(
  writer: ComputationWriter,
  heads: number,
  shapes: readonly Shape[],
  inputs: readonly [string, string, string],
): string {
  const apart = (index: 0 | 1 | 2, order: readonly number[]): string => {
    const [positions = 1, width = 1] = shapes[index] ?? [];
    const shape = [-1, positions, heads, width / heads];
    return writer.step({ kind: "transpose", order }, writer.step({ kind: "reshape", shape }, inputs[index]));
  };
  const [queries = [], , values = []] = shapes;
  const [positions = 1, width = 1] = queries;
  const products = writer.step({ kind: "product" }, apart(0, [0, 2, 1, 3]), apart(1, [0, 2, 3, 1]));
  const shrunk = writer.step({ kind: "multiply" }, products, writer.number(1 / Math.sqrt(width / heads)));
  const seen = writer.step({ kind: "product" }, writer.step({ kind: "softmax" }, shrunk), apart(2, [0, 2, 1, 3]));
  const together = writer.step({ kind: "transpose", order: [0, 2, 1, 3] }, seen);
  return writer.step({ kind: "reshape", shape: [-1, positions, values[1] ?? 1] }, together);
}
