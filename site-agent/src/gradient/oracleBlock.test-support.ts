import { type Activation, LEAKY_SLOPE } from "@consilium/shared/model/layer";
import type { Tape, Value } from "./tape.test-support.ts";

/** Values in row-major order of their shape. */
export interface Block {
  readonly shape: readonly number[];
  readonly values: readonly Value[];
}

export function activate(tape: Tape, activation: Activation, z: Value): Value {
  switch (activation) {
    case "linear":
      return z;
    case "relu":
      return tape.of(Math.max(0, z.at), [z], [z.at > 0 ? 1 : 0]);
    case "sigmoid": {
      const y = 1 / (1 + Math.exp(-z.at));
      return tape.of(y, [z], [y * (1 - y)]);
    }
    case "tanh":
      return tape.of(Math.tanh(z.at), [z], [1 - Math.tanh(z.at) ** 2]);
    case "relu6":
      return tape.of(Math.min(6, Math.max(0, z.at)), [z], [z.at > 0 && z.at < 6 ? 1 : 0]);
    case "leaky-relu":
      return tape.scale(z, z.at > 0 ? 1 : LEAKY_SLOPE);
  }
}

export function required<T>(value: T | undefined): T {
  if (value === undefined) throw new Error("the oracle lacks an operand");
  return value;
}

/** Column `column` of a matrix. */
export function column({ shape: [rows = 0, columns = 0], values }: Block, index: number): Value[] {
  return Array.from({ length: rows }, (_, row) => required(values[row * columns + index]));
}
