/**
 * Where a step's gradient sum is gathered; reused from step to step, since fresh memory costs more than the sum.
 * One float32 product a coordinate is kept as it is; several are added in float64.
 */
export class SumBuffer {
  readonly #dimension: number;
  #single: Float32Array | undefined;
  #double: Float64Array | undefined;
  #exact = false;
  #clean = true;

  constructor(dimension: number) {
    this.#dimension = dimension;
  }

  /** Empties the buffer for a step of `products` products a coordinate. */
  start(products: number): void {
    this.#exact = products > 1;
    if (this.#exact) this.#double ??= new Float64Array(this.#dimension);
    else this.#single ??= new Float32Array(this.#dimension);
    if (!this.#clean) this.wipe();
    this.#clean = false;
  }

  add(offset: number, values: Float32Array | Float64Array): void {
    const into = this.values;
    if (into instanceof Float64Array) {
      for (let i = 0; i < values.length; i++) into[offset + i] = (into[offset + i] ?? 0) + (values[i] ?? 0);
    } else {
      into.set(values, offset);
    }
  }

  get values(): Float32Array | Float64Array {
    const values = this.#exact ? this.#double : this.#single;
    if (values === undefined) throw new Error("SumBuffer: start comes first");
    return values;
  }

  /** Forgets what it holds: a clipped sum lives for one step. */
  wipe(): void {
    this.#single?.fill(0);
    this.#double?.fill(0);
    this.#clean = true;
  }
}
