/** Layers along positions, on the tape. */
import type { Activation, RecurrentLayer } from "@consilium/shared/model/layer";
import { activate, type Block, column, required } from "./oracleBlock.test-support.ts";
import type { Tape, Value } from "./tape.test-support.ts";

export function recurrent(tape: Tape, layer: RecurrentLayer, input: Block, parameters: readonly Block[]): Value[] {
  const { units, cell } = layer;
  const [positions = 0, width = 0] = input.shape;
  const [kernel, turned, bias] = parameters.map(required);
  const gates = (kernel?.shape[1] ?? 0) / units;
  const products = (values: readonly Value[], matrix: Block, shift: number): Value[] =>
    Array.from({ length: gates * units }, (_, o) => {
      const z = tape.dot(values, column(matrix, o));
      return shift < 0 ? z : tape.add(z, required(bias?.values[shift + o]));
    });
  let hidden: Value[] = Array.from({ length: units }, () => tape.constant(0));
  let state = hidden;
  const all: Value[][] = [];
  for (let t = 0; t < positions; t++) {
    const fromInput = products(input.values.slice(t * width, (t + 1) * width), required(kernel), 0);
    const fromHidden = products(hidden, required(turned), cell === "gru" ? gates * units : -1);
    const gate = (values: readonly Value[], g: number): Value[] => values.slice(g * units, (g + 1) * units);
    const both = (g: number, activation: Activation): Value[] =>
      gate(fromInput, g).map((value, u) =>
        activate(tape, activation, tape.add(value, required(gate(fromHidden, g)[u]))),
      );
    if (cell === "lstm") {
      const [i, f, c, o] = [both(0, "sigmoid"), both(1, "sigmoid"), both(2, "tanh"), both(3, "sigmoid")];
      state = state.map((value, u) =>
        tape.add(tape.multiply(required(f[u]), value), tape.multiply(required(i[u]), required(c[u]))),
      );
      hidden = state.map((value, u) => tape.multiply(required(o[u]), activate(tape, "tanh", value)));
    } else {
      const [z, r] = [both(0, "sigmoid"), both(1, "sigmoid")];
      const n = gate(fromInput, 2).map((value, u) => {
        const reset = tape.multiply(required(r[u]), required(gate(fromHidden, 2)[u]));
        return activate(tape, "tanh", tape.add(value, reset));
      });
      hidden = hidden.map((value, u) => {
        const kept = required(z[u]);
        const fresh = tape.add(tape.constant(1), tape.scale(kept, -1));
        return tape.add(tape.multiply(kept, value), tape.multiply(fresh, required(n[u])));
      });
    }
    all.push(hidden);
  }
  return layer.returns === "last" ? hidden : all.flat();
}

export function attention(tape: Tape, heads: number, [queries, keys, values]: readonly Block[]): Value[] {
  const row = (block: Block | undefined, t: number, head: number): Value[] => {
    const width = required(block).shape[1] ?? 0;
    const start = t * width + (head * width) / heads;
    return required(block).values.slice(start, start + width / heads);
  };
  const [steps = 0, width = 0] = required(queries).shape;
  const [places = 0] = required(keys).shape;
  const shrink = 1 / Math.sqrt(width / heads);
  return Array.from({ length: steps }, (_, t) => t).flatMap((t) =>
    Array.from({ length: heads }, (_, head) => head).flatMap((head) => {
      const scores = Array.from({ length: places }, (_, s) =>
        tape.scale(tape.dot(row(queries, t, head), row(keys, s, head)), shrink),
      );
      const weights = softmax(tape, scores);
      const columns = (required(values).shape[1] ?? 0) / heads;
      return Array.from({ length: columns }, (_, c) => {
        const own = Array.from({ length: places }, (_, s) => required(row(values, s, head)[c]));
        return tape.dot(weights, own);
      });
    }),
  );
}

function softmax(tape: Tape, scores: readonly Value[]): Value[] {
  const most = Math.max(...scores.map(({ at }) => at));
  const powers = scores.map(({ at }) => Math.exp(at - most));
  const total = powers.reduce((all, power) => all + power, 0);
  const shares = powers.map((power) => power / total);
  return shares.map((share, i) =>
    tape.of(
      share,
      scores,
      shares.map((other, j) => share * ((i === j ? 1 : 0) - other)),
    ),
  );
}
