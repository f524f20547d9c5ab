import { unreachable } from "../failure/failure.ts";
import { type ConvLayer, INPUT, type Layer, type PoolLayer, type RecurrentLayer } from "./layer.ts";

/** Shape of one record's values, without the axis of records. */
export type Shape = readonly number[];

/** What a parameter is before training: random by its size, or the number that does nothing. */
export type ParameterStart = "glorot" | "zeros" | "ones";

export interface LayerParameter {
  readonly name: string;
  readonly shape: Shape;
  readonly start: ParameterStart;
}

/** A layer in its place: where its inputs come from, and what shapes everything has. */
export interface LayerNode {
  readonly layer: Layer;
  /** Indices of the nodes that it takes from; −1 is the model's input. */
  readonly from: readonly number[];
  readonly inputs: readonly Shape[];
  readonly output: Shape;
  /** Its own parameters, in order; none where they are another layer's. */
  readonly parameters: readonly LayerParameter[];
  /** Index of the node whose parameters it uses: its own, but where `sharedWith` names another. */
  readonly owner: number;
}

export interface LayerGraph {
  readonly nodes: readonly LayerNode[];
  readonly faults: readonly { readonly layer: number; readonly why: string }[];
}

/** What a layer needs to be placed: a `ModelSpec`, checked or not. */
interface Unplaced {
  readonly input: Shape;
  readonly layers: readonly Layer[];
}

const known = new WeakMap<object, LayerGraph>();

/** Places every layer. A fault is a sentence about one layer; the nodes after it are guesses. */
export function layerGraph(spec: Unplaced): LayerGraph {
  const placed = known.get(spec) ?? place(spec);
  known.set(spec, placed);
  return placed;
}

function place({ input, layers }: Unplaced): LayerGraph {
  const nodes: LayerNode[] = [];
  const faults: { layer: number; why: string }[] = [];
  const indexOf = new Map<string, number>([[INPUT, -1]]);
  for (const [index, layer] of layers.entries()) {
    const fault = (why: string): void => void faults.push({ layer: index, why: `${layer.name}: ${why}` });
    if (indexOf.has(layer.name)) fault("another layer, or the input, has this name");
    const from = (layer.from ?? [index === 0 ? INPUT : (layers[index - 1]?.name ?? INPUT)]).map((name) => {
      const found = indexOf.get(name);
      if (found === undefined) fault(`takes from ${name}, which is no layer before it`);
      return found ?? -1;
    });
    const inputs = from.map((node) => (node < 0 ? input : (nodes[node]?.output ?? input)));
    const output = outputShape(layer, inputs, fault);
    const own = ownParameters(layer, inputs[0] ?? input);
    const owner = ownerOf(layer, index, own, nodes, indexOf, fault);
    nodes.push({ layer, from, inputs, output, parameters: owner === index ? own : [], owner });
    indexOf.set(layer.name, index);
  }
  return { nodes, faults };
}

type Fault = (why: string) => void;

function ownerOf(
  layer: Layer,
  index: number,
  own: LayerNode["parameters"],
  nodes: readonly LayerNode[],
  indexOf: ReadonlyMap<string, number>,
  fault: Fault,
): number {
  if (!("sharedWith" in layer) || layer.sharedWith === undefined) return index;
  const owner = nodes[indexOf.get(layer.sharedWith) ?? -1];
  const shapes = (parameters: LayerNode["parameters"]): string => JSON.stringify(parameters.map(({ shape }) => shape));
  const groupsOf = (of: Layer): number => (of.kind === "conv" ? of.groups : 1);
  if (owner === undefined) fault(`shares parameters with ${layer.sharedWith}, which is no layer before it`);
  else if (
    owner.layer.kind !== layer.kind ||
    groupsOf(owner.layer) !== groupsOf(layer) ||
    shapes(owner.parameters) !== shapes(own)
  ) {
    fault(`can't share parameters with ${layer.sharedWith}: kind, sizes, groups or owner differ`);
  }
  return owner === undefined ? index : owner.owner;
}

function outputShape(layer: Layer, inputs: readonly Shape[], fault: Fault): Shape {
  const input = inputs[0] ?? [];
  const wanted = layer.kind === "attention" ? 3 : layer.kind === "merge" ? inputs.length : 1;
  if (inputs.length !== wanted) fault(`takes ${wanted} input${wanted === 1 ? "" : "s"}, not ${inputs.length}`);
  switch (layer.kind) {
    case "dense":
      return [...input.slice(0, -1), layer.outputs];
    case "conv":
      return convShape(layer, input, fault);
    case "pool":
      return poolShape(layer, input, fault);
    case "norm":
      if ((input.at(-1) ?? 0) % layer.groups !== 0) fault(`${input.at(-1)} channels don't make ${layer.groups} groups`);
      return input;
    case "scale":
    case "dropout":
    case "activation":
      return input;
    case "embedding":
      if (input.length !== 1) fault(`takes [length] indices, not [${input}]`);
      return [...input, layer.width];
    case "recurrent":
      if (input.length !== 2) fault(`takes [length, inputs], not [${input}]`);
      return layer.returns === "sequence" ? [input[0] ?? 1, layer.units] : [layer.units];
    case "attention":
      return attentionShape(layer.heads, inputs, fault);
    case "merge":
      return mergeShape(layer.operation, inputs, fault);
    case "pad":
      if (layer.margins.length !== input.length) fault(`has margins for ${layer.margins.length} axes, not [${input}]`);
      return input.map((length, axis) => (layer.margins[axis] ?? [0, 0]).reduce((sum, zeros) => sum + zeros, length));
    case "reshape":
      if (volume(layer.shape) !== volume(input)) fault(`[${input}] doesn't fill [${layer.shape}]`);
      return layer.shape;
    default:
      return unreachable(layer);
  }
}

/** Steps of a window of `size` along `length`; what `same` and `valid` mean in TensorFlow. */
export function windowSteps(length: number, size: number, stride: number, padding: "same" | "valid"): number {
  return padding === "same" ? Math.ceil(length / stride) : Math.floor((length - size) / stride) + 1;
}

function convShape(layer: ConvLayer, input: Shape, fault: Fault): Shape {
  const channels = input.at(-1) ?? 0;
  const axes = input.slice(0, -1);
  if (axes.length !== layer.kernel.length) fault(`a kernel over ${layer.kernel.length} axes doesn't fit [${input}]`);
  if (channels % layer.groups !== 0 || layer.outputs % layer.groups !== 0) {
    fault(`${channels} channels and ${layer.outputs} outputs don't make ${layer.groups} groups`);
  }
  if (layer.stride > 1 && layer.dilation > 1) fault("has a stride and a dilation at once");
  const steps = axes.map((length, axis) => {
    const reach = ((layer.kernel[axis] ?? 1) - 1) * layer.dilation + 1;
    return windowSteps(length, reach, layer.stride, layer.padding);
  });
  if (steps.some((count) => count < 1)) fault(`its kernel is larger than [${input}]`);
  return [...steps, layer.outputs];
}

function poolShape(layer: PoolLayer, input: Shape, fault: Fault): Shape {
  const axes = input.slice(0, -1);
  const channels = input.at(-1) ?? 0;
  if (layer.window === "global") return [channels];
  const { window, stride, padding } = layer;
  if (axes.length !== window.length) fault(`a window over ${window.length} axes doesn't fit [${input}]`);
  const steps = axes.map((length, axis) => {
    const size = window[axis] ?? 1;
    return windowSteps(length, size, stride ?? size, padding);
  });
  if (steps.some((count) => count < 1)) fault(`its window is larger than [${input}]`);
  return [...steps, channels];
}

function attentionShape(heads: number, inputs: readonly Shape[], fault: Fault): Shape {
  const [queries = [], keys = [], values = []] = inputs;
  const isFit =
    inputs.every((shape) => shape.length === 2 && (shape[1] ?? 0) % heads === 0) &&
    queries[1] === keys[1] &&
    keys[0] === values[0];
  if (!isFit) fault(`queries [${queries}], keys [${keys}] and values [${values}] don't make ${heads} heads`);
  return [queries[0] ?? 1, values[1] ?? 1];
}

function mergeShape(operation: "add" | "concatenate", inputs: readonly Shape[], fault: Fault): Shape {
  const [first = []] = inputs;
  const compared = (shape: Shape): string => String(operation === "add" ? shape : shape.slice(0, -1));
  if (inputs.some((shape) => shape.length !== first.length || compared(shape) !== compared(first))) {
    fault(`inputs of shapes ${inputs.map((shape) => `[${shape}]`).join(", ")} don't ${operation}`);
  }
  if (operation === "add") return first;
  return [...first.slice(0, -1), inputs.reduce((sum, shape) => sum + (shape.at(-1) ?? 0), 0)];
}

const STARTS = {
  kernel: "glorot",
  recurrent: "glorot",
  table: "glorot",
  bias: "zeros",
  shift: "zeros",
  scale: "ones",
} as const satisfies Record<string, ParameterStart>;

type Named = (name: keyof typeof STARTS, ...shape: number[]) => LayerParameter;

/** A layer's parameters, were they its own. */
function ownParameters(layer: Layer, input: Shape): LayerNode["parameters"] {
  const channels = input.at(-1) ?? 0;
  const named: Named = (name, ...shape) => ({ name: `${layer.name}/${name}`, shape, start: STARTS[name] });
  switch (layer.kind) {
    case "dense": {
      const kernel = named("kernel", channels, layer.outputs);
      return layer.bias === false ? [kernel] : [kernel, named("bias", layer.outputs)];
    }
    case "conv": {
      const kernel = named("kernel", ...layer.kernel, channels / layer.groups, layer.outputs);
      return layer.bias ? [kernel, named("bias", layer.outputs)] : [kernel];
    }
    case "norm":
    case "scale":
      return [named("scale", channels), named("shift", channels)];
    case "embedding":
      return [named("table", layer.vocabulary, layer.width)];
    case "recurrent":
      return recurrentParameters(layer, channels, named);
    case "pool":
    case "dropout":
    case "activation":
    case "attention":
    case "merge":
    case "pad":
    case "reshape":
      return [];
    default:
      return unreachable(layer);
  }
}

function recurrentParameters({ cell, units }: RecurrentLayer, inputs: number, named: Named): LayerNode["parameters"] {
  const width = units * (cell === "lstm" ? 4 : 3);
  const bias = cell === "lstm" ? [width] : [2, width];
  return [named("kernel", inputs, width), named("recurrent", units, width), named("bias", ...bias)];
}

/** Numbers in a tensor of this shape. */
export function volume(shape: Shape): number {
  return shape.reduce((product, length) => product * length, 1);
}
