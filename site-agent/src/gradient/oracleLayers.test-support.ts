/** Every layer on the tape, one record at a time, index by index: nothing shared with the tensor path. */
import type { LayerNode } from "@consilium/shared/model/graph";
import type { Activation, ConvLayer, NormLayer, PadLayer, PoolLayer } from "@consilium/shared/model/layer";
import { activate, type Block, column, required } from "./oracleBlock.test-support.ts";
import { attention, recurrent } from "./oracleSequence.test-support.ts";
import type { Tape, Value } from "./tape.test-support.ts";

export function layerOutput(
  tape: Tape,
  { layer, output }: LayerNode,
  inputs: readonly Block[],
  parameters: readonly Block[],
  mask: readonly number[] | undefined,
): Block {
  const input = required(inputs[0]);
  const made = (values: readonly Value[]): Block => ({ shape: output, values });
  switch (layer.kind) {
    case "dense":
      return made(dense(tape, input, parameters, layer.activation));
    case "conv":
      return made(conv(tape, layer, input, parameters, output));
    case "pool":
      return made(pool(tape, layer, input, output));
    case "norm":
      return made(norm(tape, layer, input, parameters));
    case "scale":
      return made(byChannel(tape, input.values, parameters));
    case "embedding": {
      const table = required(parameters[0]);
      return made(
        input.values.flatMap(({ at }) => {
          const row = Math.max(0, Math.min(layer.vocabulary - 1, Math.floor(at)));
          return table.values.slice(row * layer.width, (row + 1) * layer.width);
        }),
      );
    }
    case "recurrent":
      return made(recurrent(tape, layer, input, parameters));
    case "attention":
      return made(attention(tape, layer.heads, inputs));
    case "dropout":
      return made(mask === undefined ? input.values : input.values.map((v, i) => tape.scale(v, mask[i] ?? 0)));
    case "activation":
      return made(input.values.map((value) => activate(tape, layer.activation, value)));
    case "merge":
      return made(layer.operation === "add" ? sum(tape, inputs) : concatenate(inputs));
    case "pad":
      return made(pad(tape, layer, input, output));
    case "reshape":
      return made(input.values);
  }
}

function dense(tape: Tape, input: Block, [kernel, bias]: readonly Block[], activation: Activation): Value[] {
  const width = input.shape.at(-1) ?? 0;
  const w = required(kernel);
  const columns = Array.from({ length: w.shape[1] ?? 0 }, (_, o) => column(w, o));
  return Array.from({ length: input.values.length / width }, (_, t) => t).flatMap((t) => {
    const own = input.values.slice(t * width, (t + 1) * width);
    return columns.map((weights, o) => {
      const z = tape.dot(own, weights);
      return activate(tape, activation, bias === undefined ? z : tape.add(z, required(bias.values[o])));
    });
  });
}

/** Zeros before the first value along an axis. */
function marginOf(length: number, reach: number, stride: number, padding: "same" | "valid", steps: number): number {
  return padding === "same" ? Math.floor(Math.max(0, (steps - 1) * stride + reach - length) / 2) : 0;
}

function conv(
  tape: Tape,
  layer: ConvLayer,
  input: Block,
  [kernel, bias]: readonly Block[],
  output: readonly number[],
): Value[] {
  const isLine = layer.kernel.length === 1;
  const [height = 1, width = 1, channels = 1] = isLine ? [1, ...input.shape] : input.shape;
  const [rows = 1, columns = 1] = isLine ? [1, ...layer.kernel] : layer.kernel;
  const [down, right] = isLine ? [1, output[0] ?? 1] : [output[0] ?? 1, output[1] ?? 1];
  const [stride, dilation] = [layer.stride, layer.dilation];
  const top = isLine ? 0 : marginOf(height, (rows - 1) * dilation + 1, stride, layer.padding, down);
  const left = marginOf(width, (columns - 1) * dilation + 1, stride, layer.padding, right);
  const each = channels / layer.groups;
  const results: Value[] = [];
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < right; x++) {
      for (let o = 0; o < layer.outputs; o++) {
        const group = Math.floor(o / (layer.outputs / layer.groups));
        const [seen, weights]: [Value[], Value[]] = [[], []];
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < columns; j++) {
            const row = (isLine ? 0 : y * stride + i * dilation) - top;
            const place = x * stride + j * dilation - left;
            if (row < 0 || row >= height || place < 0 || place >= width) continue;
            for (let c = 0; c < each; c++) {
              seen.push(required(input.values[(row * width + place) * channels + group * each + c]));
              weights.push(required(kernel?.values[((i * columns + j) * each + c) * layer.outputs + o]));
            }
          }
        }
        const z = tape.dot(seen, weights);
        const shifted = bias === undefined ? z : tape.add(z, required(bias.values[o]));
        results.push(activate(tape, layer.activation, shifted));
      }
    }
  }
  return results;
}

function pool(tape: Tape, layer: PoolLayer, input: Block, output: readonly number[]): Value[] {
  const isLine = input.shape.length === 2;
  const [height = 1, width = 1, channels = 1] = isLine ? [1, ...input.shape] : input.shape;
  const isGlobal = layer.window === "global";
  const window = layer.window === "global" ? [height, width] : isLine ? [1, ...layer.window] : layer.window;
  const [rows = 1, columns = 1] = window;
  const [down, right] = isGlobal ? [1, 1] : isLine ? [1, output[0] ?? 1] : [output[0] ?? 1, output[1] ?? 1];
  const strides = [isLine ? 1 : (layer.stride ?? rows), layer.stride ?? columns];
  const top = isGlobal || isLine ? 0 : marginOf(height, rows, strides[0] ?? 1, layer.padding, down);
  const left = isGlobal ? 0 : marginOf(width, columns, strides[1] ?? 1, layer.padding, right);
  const results: Value[] = [];
  for (let y = 0; y < down; y++) {
    for (let x = 0; x < right; x++) {
      for (let c = 0; c < channels; c++) {
        const seen: Value[] = [];
        for (let i = 0; i < rows; i++) {
          for (let j = 0; j < columns; j++) {
            const [row, place] = [y * (strides[0] ?? 1) + i - top, x * (strides[1] ?? 1) + j - left];
            if (row < 0 || row >= height || place < 0 || place >= width) continue;
            seen.push(required(input.values[(row * width + place) * channels + c]));
          }
        }
        results.push(layer.operation === "average" ? mean(tape, seen) : largest(tape, seen));
      }
    }
  }
  return results;
}

function mean(tape: Tape, values: readonly Value[]): Value {
  return tape.scale(tape.add(...values), 1 / values.length);
}

function largest(tape: Tape, values: readonly Value[]): Value {
  const most = Math.max(...values.map(({ at }) => at));
  const count = values.filter(({ at }) => at === most).length;
  return tape.of(
    most,
    values,
    values.map(({ at }) => (at === most ? 1 / count : 0)),
  );
}

function byChannel(tape: Tape, values: readonly Value[], [factor, shift]: readonly Block[]): Value[] {
  const channels = required(factor).values.length;
  return values.map((value, i) => {
    const channel = i % channels;
    const scaled = tape.multiply(value, required(factor?.values[channel]));
    return tape.add(scaled, required(shift?.values[channel]));
  });
}

function norm(tape: Tape, layer: NormLayer, input: Block, parameters: readonly Block[]): Value[] {
  const channels = input.shape.at(-1) ?? 1;
  const groupOf = (i: number): number => {
    const position = layer.over === "channels" ? Math.floor(i / channels) : 0;
    return position * layer.groups + Math.floor((i % channels) / (channels / layer.groups));
  };
  const normalised: Value[] = [...input.values];
  for (const group of new Set(input.values.map((_, i) => groupOf(i)))) {
    const own = input.values.filter((_, i) => groupOf(i) === group);
    const centre = mean(tape, own);
    const centred = own.map((value) => tape.add(value, tape.scale(centre, -1)));
    const variance = mean(
      tape,
      centred.map((value) => tape.multiply(value, value)),
    );
    const inverse = (variance.at + layer.epsilon) ** -0.5;
    const factor = tape.of(inverse, [variance], [-0.5 * inverse ** 3]);
    let at = 0;
    for (const i of input.values.keys()) {
      if (groupOf(i) === group) normalised[i] = tape.multiply(required(centred[at++]), factor);
    }
  }
  return byChannel(tape, normalised, parameters);
}

/** Each place of the output looks for its own in the input. */
function pad(tape: Tape, { margins }: PadLayer, input: Block, output: readonly number[]): Value[] {
  const count = output.reduce((product, length) => product * length, 1);
  return Array.from({ length: count }, (_, place) => {
    let [rest, index, step] = [place, 0, 1];
    for (let axis = output.length - 1; axis >= 0; axis--) {
      const [length = 1, own = 1] = [output[axis], input.shape[axis]];
      const at = (rest % length) - (margins[axis]?.[0] ?? 0);
      if (at < 0 || at >= own) return tape.constant(0);
      index += at * step;
      step *= own;
      rest = Math.floor(rest / length);
    }
    return required(input.values[index]);
  });
}

function sum(tape: Tape, inputs: readonly Block[]): Value[] {
  return required(inputs[0]).values.map((_, i) => tape.add(...inputs.map(({ values }) => required(values[i]))));
}

/** Along the last axis. */
function concatenate(inputs: readonly Block[]): Value[] {
  const width = required(inputs[0]).shape.at(-1) ?? 1;
  const rows = required(inputs[0]).values.length / width;
  return Array.from({ length: rows }, (_, row) => row).flatMap((row) =>
    inputs.flatMap(({ shape, values }) => values.slice(row * (shape.at(-1) ?? 1), (row + 1) * (shape.at(-1) ?? 1))),
  );
}
