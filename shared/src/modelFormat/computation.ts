import { assert } from "../failure/failure.ts";

/**
 * A model as a list of small operations on tensors, in an order in which each comes after those it takes from: what
 * runtimes of other makers understand. The first axis of every value but a constant's is that of records, −1.
 */
export interface Computation {
  readonly input: { readonly name: string; readonly width: number };
  readonly output: { readonly name: string; readonly width: number };
  readonly constants: readonly Constant[];
  readonly steps: readonly Step[];
}

/** Numbers that the model carries: a parameter under its own name, or one that a formula takes. */
export interface Constant {
  readonly name: string;
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

export interface Step {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly operation: Operation;
}

export type Margins = readonly (readonly [before: number, after: number])[];

/** Images are [records, height, width, channels], kernels [height, width, channels / groups, outputs]. */
export type Operation =
  /** Of two values, one stretched along the other's axes where it lacks them. */
  | { readonly kind: "add" | "subtract" | "multiply" | "divide" | "maximum" | "minimum" }
  | { readonly kind: "relu" | "sigmoid" | "tanh" | "negate" | "root" | "floor" }
  /** Along the last axis. */
  | { readonly kind: "softmax" }
  | { readonly kind: "product" }
  | { readonly kind: "reshape"; readonly shape: readonly number[] }
  | { readonly kind: "transpose"; readonly order: readonly number[] }
  /** From `begin`, `size` of each axis; −1 is all that follows. */
  | { readonly kind: "slice"; readonly begin: readonly number[]; readonly size: readonly number[] }
  | { readonly kind: "concatenate"; readonly axis: number }
  /** Zeros around; of every axis, that of records too. */
  | { readonly kind: "pad"; readonly margins: Margins }
  /** Mean or largest along the axes, which stay with length 1. */
  | { readonly kind: "mean" | "largest"; readonly axes: readonly number[] }
  /** Without padding; in one group, or in as many as there are channels. `kernel` is the second input's shape. */
  | {
      readonly kind: "convolve";
      readonly stride: number;
      readonly dilation: number;
      readonly groups: number;
      readonly kernel: readonly [down: number, right: number, channels: number, outputs: number];
    }
  /** `margins` is what `same` comes to; they count neither as value nor in a mean's divisor. */
  | {
      readonly kind: "pool";
      readonly of: "max" | "average";
      readonly window: readonly [number, number];
      readonly stride: readonly [number, number];
      readonly padding: "same" | "valid";
      readonly margins: Margins;
    }
  /** Rows of the first input, by whole numbers in the second. */
  | { readonly kind: "lookup" };

export type OperationKind = Operation["kind"];

/** Collects steps and constants under names that no two share: a layer's name has no dot and no capital letter. */
export class ComputationWriter {
  readonly #steps: Step[] = [];
  readonly #constants = new Map<string, Constant>();
  #scope = "Model";
  #count = 0;

  /** Whose steps follow. */
  begin(layer: string): void {
    this.#scope = layer;
    this.#count = 0;
  }

  /** A step's value, by name. */
  step(operation: Operation, ...inputs: readonly string[]): string {
    this.#count += 1;
    return this.named(`${this.#scope}.${this.#count}`, operation, ...inputs);
  }

  named(name: string, operation: Operation, ...inputs: readonly string[]): string {
    this.#steps.push({ name, inputs, operation });
    return name;
  }

  constant(name: string, shape: readonly number[], values: Float32Array): string {
    assert(shape.reduce((product, length) => product * length, 1) === values.length, "a constant fills its shape");
    if (!this.#constants.has(name)) this.#constants.set(name, { name, shape, values });
    return name;
  }

  /** One number. */
  number(value: number): string {
    return this.constant(`number.${value}`, [1], Float32Array.of(value));
  }

  finish(input: Computation["input"], output: Computation["output"]): Computation {
    return { input, output, constants: [...this.#constants.values()], steps: this.#steps };
  }
}
