import { canonicalJson, type Json } from "../encoding/canonicalJson.ts";
import type { Computation, Operation, OperationKind, Step } from "./computation.ts";
import { float32Bytes } from "./float32Bytes.ts";

/** The weights' file, by its name beside `model.json`. */
export const TFJS_WEIGHTS = "group1-shard1of1.bin";

interface TfjsModel {
  /** `model.json`. */
  readonly topology: Uint8Array;
  readonly weights: Uint8Array<ArrayBuffer>;
}

/**
 * A computation as a TF.js graph model: TensorFlow's operators as JSON, and all constants one after another. Keras'
 * layers lack group normalisation and attention; with operators every network is written in one way.
 */
export function tfjsModel(computation: Computation, about: Readonly<Record<string, string>>): TfjsModel {
  const written = computation.steps.map(nodesOf);
  const floats = computation.constants.map(({ name, shape, values }): Tensor => {
    return { name, shape, dtype: "float32", bytes: float32Bytes(values) };
  });
  const tensors = [...floats, ...written.flatMap(({ integers }) => integers)];
  const { input, output } = computation;
  const topology = canonicalJson({
    format: "graph-model",
    generatedBy: "consilium",
    convertedBy: null,
    userDefinedMetadata: about,
    signature: { inputs: { [input.name]: info(input) }, outputs: { [output.name]: info(output) } },
    modelTopology: {
      node: [
        { name: input.name, op: "Placeholder", attr: { dtype: FLOAT, shape: { shape: shapeOf([-1, input.width]) } } },
        ...tensors.map(constantNode),
        ...written.flatMap(({ nodes }) => nodes),
      ],
      versions: { producer: GRAPH_VERSION },
    },
    weightsManifest: [
      { paths: [TFJS_WEIGHTS], weights: tensors.map(({ name, shape, dtype }) => ({ name, shape, dtype })) },
    ],
  });
  return { topology: new TextEncoder().encode(topology), weights: joined(tensors.map(({ bytes }) => bytes)) };
}

/** TensorFlow 2.0's graphs. */
const GRAPH_VERSION = 119;

interface Tensor {
  readonly name: string;
  readonly shape: readonly number[];
  readonly dtype: "float32" | "int32";
  readonly bytes: Uint8Array;
}

type Attributes = Readonly<Record<string, Json>>;

interface Written {
  readonly nodes: readonly Json[];
  readonly integers: readonly Tensor[];
}

const FLOAT = { type: "DT_FLOAT" };
const INTEGER = { type: "DT_INT32" };

/** Operators that take nothing but their inputs. */
const PLAIN: Readonly<Partial<Record<OperationKind, string>>> = {
  add: "AddV2",
  subtract: "Sub",
  multiply: "Mul",
  divide: "RealDiv",
  maximum: "Maximum",
  minimum: "Minimum",
  relu: "Relu",
  sigmoid: "Sigmoid",
  tanh: "Tanh",
  negate: "Neg",
  root: "Sqrt",
  floor: "Floor",
  softmax: "Softmax",
  product: "BatchMatMulV2",
};

function nodesOf({ name, inputs, operation }: Step): Written {
  const plain = PLAIN[operation.kind];
  if (plain !== undefined) return { nodes: [node(plain, inputs, name)], integers: [] };
  switch (operation.kind) {
    case "reshape":
      return withIntegers("Reshape", inputs, name, { shape: operation.shape });
    case "transpose":
      return withIntegers("Transpose", inputs, name, { perm: operation.order });
    case "slice":
      return withIntegers("Slice", inputs, name, { begin: operation.begin, size: operation.size });
    case "concatenate": {
      const axis = int32s(`${name}.axis`, [operation.axis], []);
      const attributes = { N: { i: String(inputs.length) } };
      return { nodes: [node("ConcatV2", [...inputs, axis.name], name, attributes)], integers: [axis] };
    }
    case "pad":
      return padded(operation, inputs, name);
    case "mean":
      return withIntegers("Mean", inputs, name, { axes: operation.axes }, { keep_dims: { b: true } });
    case "largest":
      return withIntegers("Max", inputs, name, { axes: operation.axes }, { keep_dims: { b: true } });
    case "convolve":
      return convolve(operation, inputs, name);
    case "pool":
      return { nodes: [pool(operation, inputs, name)], integers: [] };
    case "lookup":
      return lookup(inputs, name);
    default:
      throw new TypeError(`tfjs: no operator for ${operation.kind}`);
  }
}

type Of<Kind extends OperationKind> = Extract<Operation, { kind: Kind }>;

function padded({ margins }: Of<"pad">, inputs: readonly string[], name: string): Written {
  const around = int32s(`${name}.margins`, margins.flat(), [margins.length, 2]);
  return { nodes: [node("Pad", [...inputs, around.name], name)], integers: [around] };
}

/** In as many groups as channels a kernel is [height, width, channels, outputs of each]: the same numbers in order. */
function convolve(operation: Of<"convolve">, [image = "", kernel = ""]: readonly string[], name: string): Written {
  const { groups, stride, dilation } = operation;
  const [down, right, , outputs] = operation.kernel;
  const attributes = {
    strides: list([1, stride, stride, 1]),
    dilations: list([1, dilation, dilation, 1]),
    padding: word("VALID"),
    data_format: word("NHWC"),
  };
  if (groups === 1) return { nodes: [node("Conv2D", [image, kernel], name, attributes)], integers: [] };
  const turned = withIntegers("Reshape", [kernel], `${name}.kernel`, {
    shape: [down, right, groups, outputs / groups],
  });
  const own = node("DepthwiseConv2dNative", [image, `${name}.kernel`], name, attributes);
  return { nodes: [...turned.nodes, own], integers: turned.integers };
}

function pool(operation: Of<"pool">, inputs: readonly string[], name: string): Json {
  return node(operation.of === "max" ? "MaxPool" : "AvgPool", inputs, name, {
    ksize: list([1, ...operation.window, 1]),
    strides: list([1, ...operation.stride, 1]),
    padding: word(operation.padding.toUpperCase()),
    data_format: word("NHWC"),
  });
}

function lookup([table = "", rows = ""]: readonly string[], name: string): Written {
  const axis = int32s(`${name}.axis`, [0], []);
  const cast = { name: `${name}.rows`, op: "Cast", input: [rows], attr: { SrcT: FLOAT, DstT: INTEGER } };
  const attr = { Tparams: FLOAT, Tindices: INTEGER, Taxis: INTEGER };
  return {
    nodes: [cast, { name, op: "GatherV2", input: [table, cast.name, axis.name], attr }],
    integers: [axis],
  };
}

function node(operator: string, inputs: readonly string[], name: string, attributes: Attributes = {}): Json {
  return { name, op: operator, input: [...inputs], attr: { T: FLOAT, ...attributes } };
}

function withIntegers(
  operator: string,
  inputs: readonly string[],
  name: string,
  lists: Readonly<Record<string, readonly number[]>>,
  attributes: Attributes = {},
): Written {
  const integers = Object.entries(lists).map(([own, values]) => int32s(`${name}.${own}`, values, [values.length]));
  return { nodes: [node(operator, [...inputs, ...integers.map((own) => own.name)], name, attributes)], integers };
}

function int32s(name: string, values: readonly number[], shape: readonly number[]): Tensor {
  const raw = new DataView(new ArrayBuffer(4 * values.length));
  for (const [index, value] of values.entries()) raw.setInt32(4 * index, value, true);
  return { name, shape, dtype: "int32", bytes: new Uint8Array(raw.buffer) };
}

function constantNode({ name, shape, dtype }: Tensor): Json {
  const type = dtype === "float32" ? FLOAT : INTEGER;
  return {
    name,
    op: "Const",
    attr: { dtype: type, value: { tensor: { dtype: type.type, tensorShape: shapeOf(shape) } } },
  };
}

function shapeOf(shape: readonly number[]): Json {
  return { dim: shape.map((length) => ({ size: String(length) })) };
}

function info({ name, width }: Computation["input"]): Json {
  return { name: `${name}:0`, dtype: "DT_FLOAT", tensorShape: shapeOf([-1, width]) };
}

function list(values: readonly number[]): Json {
  return { list: { i: values.map(String) } };
}

/** Text in a graph's JSON is base64. */
function word(value: string): Json {
  return { s: Buffer.from(value).toString("base64") };
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let position = 0;
  for (const part of parts) {
    whole.set(part, position);
    position += part.length;
  }
  return whole;
}
