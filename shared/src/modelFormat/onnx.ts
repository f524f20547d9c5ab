import type { Computation, Constant, Operation, OperationKind, Step } from "./computation.ts";
import { float32Bytes } from "./float32Bytes.ts";
import { bytes, type Encoded, integer, message, text, wholeOf, within } from "./protobuf.ts";

/** Operator set 13, of 2020: every operation here means the same in later ones but for where its axes are written. */
const OPSET = 13;
/** ONNX 1.8's, the first with that operator set. */
const IR_VERSION = 7;

const FLOAT = 1;
const INT64 = 7;

/**
 * A computation as an ONNX model (onnx.proto3 of ONNX 1.8; field numbers are that file's). Initializers are the
 * constants under their names, bit for bit; whole numbers that operators take as tensors stand beside them.
 */
export function onnxModel(computation: Computation, about: Readonly<Record<string, string>>): Uint8Array<ArrayBuffer> {
  const written = computation.steps.map(nodesOf);
  const graph = message(
    ...written.flatMap(({ nodes }) => nodes.map((node) => within(1, node))),
    text(2, "model"),
    ...computation.constants.map((constant) => within(5, floats(constant))),
    ...written.flatMap(({ integers }) => integers.map((own) => within(5, own))),
    within(11, valueInfo(computation.input)),
    within(12, valueInfo(computation.output)),
  );
  const metadata = Object.entries(about).map(([key, value]) => within(14, message(text(1, key), text(2, value))));
  return wholeOf(
    message(
      integer(1, IR_VERSION),
      text(2, "consilium"),
      within(7, graph),
      within(8, message(text(1, ""), integer(2, OPSET))),
      ...metadata,
    ),
  );
}

interface Written {
  readonly nodes: readonly Encoded[];
  readonly integers: readonly Encoded[];
}

/** Operators that take nothing but their inputs. */
const PLAIN: Readonly<Partial<Record<OperationKind, string>>> = {
  add: "Add",
  subtract: "Sub",
  multiply: "Mul",
  divide: "Div",
  maximum: "Max",
  minimum: "Min",
  relu: "Relu",
  sigmoid: "Sigmoid",
  tanh: "Tanh",
  negate: "Neg",
  root: "Sqrt",
  floor: "Floor",
  product: "MatMul",
};

function nodesOf({ name, inputs, operation }: Step): Written {
  const plain = PLAIN[operation.kind];
  if (plain !== undefined) return { nodes: [node(plain, inputs, name)], integers: [] };
  switch (operation.kind) {
    case "softmax":
      return { nodes: [node("Softmax", inputs, name, [attribute("axis", -1)])], integers: [] };
    case "reshape":
      return withIntegers("Reshape", inputs, name, { shape: operation.shape });
    case "transpose":
      return { nodes: [node("Transpose", inputs, name, [attribute("perm", operation.order)])], integers: [] };
    case "slice":
      return withIntegers("Slice", inputs, name, { starts: operation.begin, ends: endsOf(operation) });
    case "concatenate":
      return { nodes: [node("Concat", inputs, name, [attribute("axis", operation.axis)])], integers: [] };
    case "pad":
      return withIntegers("Pad", inputs, name, { pads: [0, 1].flatMap((side) => sideOf(operation.margins, side)) });
    case "mean":
      return { nodes: [node("ReduceMean", inputs, name, [attribute("axes", operation.axes)])], integers: [] };
    case "largest":
      return { nodes: [node("ReduceMax", inputs, name, [attribute("axes", operation.axes)])], integers: [] };
    case "convolve":
      return { nodes: convolve(operation, inputs, name), integers: [] };
    case "pool":
      return { nodes: pool(operation, inputs, name), integers: [] };
    case "lookup":
      return { nodes: lookup(inputs, name), integers: [] };
    default:
      throw new TypeError(`onnx: no operator for ${operation.kind}`);
  }
}

type Of<Kind extends OperationKind> = Extract<Operation, { kind: Kind }>;

const TO_THE_END = 2n ** 63n - 1n;

function endsOf({ begin, size }: Of<"slice">): (number | bigint)[] {
  return size.map((length, axis) => (length < 0 ? TO_THE_END : (begin[axis] ?? 0) + length));
}

function sideOf(margins: Of<"pad">["margins"], side: number): number[] {
  return margins.map((margin) => margin[side] ?? 0);
}

/** ONNX has channels before positions, and kernels as [outputs, channels, height, width]. */
const TO_ONNX = [0, 3, 1, 2];
const FROM_ONNX = [0, 2, 3, 1];
const KERNEL_TO_ONNX = [3, 2, 0, 1];

function convolve(
  { stride, dilation, groups }: Of<"convolve">,
  [image = "", kernel = ""]: readonly string[],
  name: string,
) {
  return [
    node("Transpose", [image], `${name}.image`, [attribute("perm", TO_ONNX)]),
    node("Transpose", [kernel], `${name}.kernel`, [attribute("perm", KERNEL_TO_ONNX)]),
    node("Conv", [`${name}.image`, `${name}.kernel`], `${name}.convolved`, [
      attribute("dilations", [dilation, dilation]),
      attribute("group", groups),
      attribute("strides", [stride, stride]),
    ]),
    node("Transpose", [`${name}.convolved`], name, [attribute("perm", FROM_ONNX)]),
  ];
}

function pool(operation: Of<"pool">, inputs: readonly string[], name: string): Encoded[] {
  const operator = operation.of === "max" ? "MaxPool" : "AveragePool";
  return [
    node("Transpose", inputs, `${name}.image`, [attribute("perm", TO_ONNX)]),
    node(operator, [`${name}.image`], `${name}.pooled`, [
      attribute("kernel_shape", operation.window),
      attribute(
        "pads",
        [0, 1].flatMap((side) => sideOf(operation.margins, side)),
      ),
      attribute("strides", operation.stride),
    ]),
    node("Transpose", [`${name}.pooled`], name, [attribute("perm", FROM_ONNX)]),
  ];
}

function lookup([table = "", rows = ""]: readonly string[], name: string): Encoded[] {
  return [
    node("Cast", [rows], `${name}.rows`, [attribute("to", INT64)]),
    node("Gather", [table, `${name}.rows`], name, [attribute("axis", 0)]),
  ];
}

/** NodeProto. */
function node(
  operator: string,
  inputs: readonly string[],
  output: string,
  attributes: readonly Encoded[] = [],
): Encoded {
  return message(
    ...inputs.map((input) => text(1, input)),
    text(2, output),
    text(3, output),
    text(4, operator),
    ...attributes.map((own) => within(5, own)),
  );
}

const INT_ATTRIBUTE = 2;
const INTS_ATTRIBUTE = 7;

/** AttributeProto. */
function attribute(name: string, value: number | readonly number[]): Encoded {
  return typeof value === "number"
    ? message(text(1, name), integer(3, value), integer(20, INT_ATTRIBUTE))
    : message(text(1, name), ...value.map((one) => integer(8, one)), integer(20, INTS_ATTRIBUTE));
}

/** An operator that takes lists of whole numbers as tensors of its own. */
function withIntegers(
  operator: string,
  inputs: readonly string[],
  name: string,
  lists: Readonly<Record<string, readonly (number | bigint)[]>>,
): Written {
  const named = Object.entries(lists).map(([list, values]) => ({ name: `${name}.${list}`, values }));
  return {
    nodes: [node(operator, [...inputs, ...named.map((own) => own.name)], name)],
    integers: named.map((own) => int64s(own.name, own.values)),
  };
}

/** TensorProto. */
function floats({ name, shape, values }: Constant): Encoded {
  return message(
    ...shape.map((length) => integer(1, length)),
    integer(2, FLOAT),
    text(8, name),
    bytes(9, float32Bytes(values)),
  );
}

function int64s(name: string, values: readonly (number | bigint)[]): Encoded {
  const raw = new DataView(new ArrayBuffer(8 * values.length));
  for (const [index, value] of values.entries()) raw.setBigInt64(8 * index, BigInt(value), true);
  return message(integer(1, values.length), integer(2, INT64), text(8, name), bytes(9, new Uint8Array(raw.buffer)));
}

/** ValueInfoProto of [records, width], the number of records left open. */
function valueInfo({ name, width }: Computation["input"]): Encoded {
  const shape = message(within(1, text(2, "records")), within(1, integer(1, width)));
  return message(text(1, name), within(2, within(1, message(integer(1, FLOAT), within(2, shape)))));
}
