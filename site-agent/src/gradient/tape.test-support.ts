/** Reverse-mode differentiation of plain numbers, one node an operation: slow, and as obvious as can be. */

/** A number, what it hangs on, and ∂loss/∂it once `differentiate` has run. */
export interface Value {
  readonly at: number;
  slope: number;
  readonly back: (slope: number) => void;
}

/** Operations in the order in which they were made. */
export class Tape {
  readonly #values: Value[] = [];

  constant(at: number): Value {
    return this.#push(at, () => undefined);
  }

  /** Some operation with one derivative for each operand. */
  of(at: number, operands: readonly Value[], partials: readonly number[]): Value {
    return this.#push(at, (slope) => {
      for (const [i, operand] of operands.entries()) operand.slope += slope * (partials[i] ?? Number.NaN);
    });
  }

  add(...values: readonly Value[]): Value {
    return this.of(
      values.reduce((sum, { at }) => sum + at, 0),
      values,
      values.map(() => 1),
    );
  }

  multiply(a: Value, b: Value): Value {
    return this.of(a.at * b.at, [a, b], [b.at, a.at]);
  }

  scale(a: Value, factor: number): Value {
    return this.of(a.at * factor, [a], [factor]);
  }

  dot(a: readonly Value[], b: readonly Value[]): Value {
    let sum = 0;
    for (const [i, value] of a.entries()) sum += value.at * (b[i]?.at ?? Number.NaN);
    return this.#push(sum, (slope) => {
      for (const [i, value] of a.entries()) {
        const other = b[i];
        if (other === undefined) throw new Error("operands of a dot product are as many");
        value.slope += slope * other.at;
        other.slope += slope * value.at;
      }
    });
  }

  /** Fills in every slope from ∂loss/∂loss = 1. */
  differentiate(loss: Value): void {
    loss.slope = 1;
    for (const value of this.#values.reverse()) if (value.slope !== 0) value.back(value.slope);
  }

  #push(at: number, back: Value["back"]): Value {
    const value = { at, slope: 0, back };
    this.#values.push(value);
    return value;
  }
}
