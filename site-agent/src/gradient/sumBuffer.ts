/**
 * Where a step's gradient sum is gathered; reused from step to step, since fresh memory costs more than the sum.
 * While every coordinate is one sum it is kept in float32; from the first that is added to another on, all are float64.
 */
export class SumBuffer {
  readonly #dimension: number;
  #single: Float32Array | undefined;
  #double: Float64Array | undefined;
  #isDouble = false;
  #hasWidened = false;
  #isClean = true;

  constructor(dimension: number) {
    this.#dimension = dimension;
  }

  /** Empties the buffer for a step, in float64 at once where sums will surely be added. */
  start(isDouble: boolean): void {
    if (!this.#isClean) this.wipe();
    this.#isClean = false;
    // A model whose blocks take several sums in one step does so in the next.
    this.#isDouble = isDouble || this.#hasWidened;
    if (this.#isDouble) this.#double ??= new Float64Array(this.#dimension);
    else this.#single ??= new Float32Array(this.#dimension);
  }

  /** The first sum of some coordinates, or a further one. */
  write(offset: number, values: Float32Array | Float64Array, isFirst: boolean): void {
    if (isFirst) this.#put(offset, values);
    else this.#add(offset, values);
  }

  get values(): Float32Array | Float64Array {
    const values = this.#isDouble ? this.#double : this.#single;
    if (values === undefined) throw new Error("SumBuffer: start comes first");
    return values;
  }

  /** Forgets what it holds: a clipped sum lives for one step. */
  wipe(): void {
    this.#single?.fill(0);
    this.#double?.fill(0);
    this.#isClean = true;
  }

  #put(offset: number, values: Float32Array | Float64Array): void {
    this.values.set(values, offset);
  }

  #add(offset: number, values: Float32Array | Float64Array): void {
    const into = this.#widened();
    for (let i = 0; i < values.length; i++) into[offset + i] = (into[offset + i] ?? 0) + (values[i] ?? 0);
  }

  #widened(): Float64Array {
    if (this.#isDouble && this.#double !== undefined) return this.#double;
    this.#double ??= new Float64Array(this.#dimension);
    this.#double.set(this.values);
    this.#single?.fill(0);
    this.#single = undefined;
    this.#isDouble = true;
    this.#hasWidened = true;
    return this.#double;
  }
}
