import { assert } from "../failure/failure.ts";
import type { Shape } from "../model/graph.ts";
import type { RecurrentLayer } from "../model/layer.ts";
import type { ComputationWriter } from "./computation.ts";

interface State {
  readonly hidden: string;
  readonly cell: string;
}

/**
 * LSTM and GRU position by position. Runtimes' own recurrent layers differ in the order of gates and in where a GRU
 * resets; sums and products mean the same everywhere. The state before the first position is zero, so its products
 * are left out.
 */
export function recurrentSteps(
  writer: ComputationWriter,
  layer: RecurrentLayer,
  { input, from }: { readonly input: string; readonly from: Shape },
  [kernel, recurrent, bias]: readonly string[],
): string {
  assert(
    kernel !== undefined && recurrent !== undefined && bias !== undefined,
    "a recurrent layer has three parameters",
  );
  const [positions = 1, inputs = 1] = from;
  const { units, cell } = layer;
  const width = units * (cell === "lstm" ? 4 : 3);
  const biases = (row: number): string => {
    return cell === "lstm" ? bias : writer.step({ kind: "slice", begin: [row, 0], size: [1, width] }, bias);
  };
  const [inputBias, hiddenBias] = [biases(0), cell === "lstm" ? null : biases(1)];
  const flat = writer.step({ kind: "reshape", shape: [-1, inputs] }, input);
  const products = writer.step({ kind: "add" }, writer.step({ kind: "product" }, flat, kernel), inputBias);
  const whole = writer.step({ kind: "reshape", shape: [-1, positions, width] }, products);
  const hidden: string[] = [];
  let state: State | null = null;
  for (let t = 0; t < positions; t++) {
    const here = writer.step({ kind: "slice", begin: [0, t, 0], size: [-1, 1, width] }, whole);
    const own = writer.step({ kind: "reshape", shape: [-1, width] }, here);
    const through: string | null = state === null ? null : writer.step({ kind: "product" }, state.hidden, recurrent);
    state =
      hiddenBias === null
        ? lstmStep(writer, units, through === null ? own : writer.step({ kind: "add" }, own, through), state)
        : gruStep(writer, units, own, through === null ? hiddenBias : added(writer, through, hiddenBias), state);
    hidden.push(state.hidden);
  }
  const last = hidden.at(-1);
  assert(last !== undefined, "a sequence has a position");
  if (layer.returns === "last") return last;
  const rows = hidden.map((own) => writer.step({ kind: "reshape", shape: [-1, 1, units] }, own));
  return writer.step({ kind: "concatenate", axis: 1 }, ...rows);
}

function gate(writer: ComputationWriter, units: number, values: string, index: number): string {
  return writer.step({ kind: "slice", begin: [0, index * units], size: [-1, units] }, values);
}

function added(writer: ComputationWriter, a: string, b: string): string {
  return writer.step({ kind: "add" }, a, b);
}

function times(writer: ComputationWriter, a: string, b: string): string {
  return writer.step({ kind: "multiply" }, a, b);
}

/** i, f, g, o = σ, σ, tanh, σ of z; c′ = f∘c + i∘g; h = o∘tanh(c′). */
function lstmStep(writer: ComputationWriter, units: number, z: string, before: State | null): State {
  const open = (index: number, kind: "sigmoid" | "tanh"): string =>
    writer.step({ kind }, gate(writer, units, z, index));
  const fresh = times(writer, open(0, "sigmoid"), open(2, "tanh"));
  const cell = before === null ? fresh : added(writer, times(writer, open(1, "sigmoid"), before.cell), fresh);
  return { cell, hidden: times(writer, open(3, "sigmoid"), writer.step({ kind: "tanh" }, cell)) };
}

/** z, r = σ of both products' sum; n = tanh(xₙ + r∘hₙ); h′ = z∘h + (1 − z)∘n. */
function gruStep(writer: ComputationWriter, units: number, x: string, h: string, before: State | null): State {
  const both = (index: number): string => added(writer, gate(writer, units, x, index), gate(writer, units, h, index));
  const update = writer.step({ kind: "sigmoid" }, both(0));
  const reset = times(writer, writer.step({ kind: "sigmoid" }, both(1)), gate(writer, units, h, 2));
  const candidate = writer.step({ kind: "tanh" }, added(writer, gate(writer, units, x, 2), reset));
  const fresh = times(writer, writer.step({ kind: "subtract" }, writer.number(1), update), candidate);
  const hidden = before === null ? fresh : added(writer, times(writer, update, before.hidden), fresh);
  return { hidden, cell: hidden };
}
