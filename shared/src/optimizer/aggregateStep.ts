import type { UpdateByParts } from "./applyUpdate.ts";

/** So many values of an aggregate: their sum over `divisor` is a mean gradient; null: they move no parameter. */
export interface Stretch {
  readonly values: number;
  readonly divisor: number | null;
}

/** One optimizer step on an aggregate as it is read, part after part, each stretch over its own divisor. */
export class AggregateStep {
  readonly #update: UpdateByParts;
  readonly #coarseStep: number;
  readonly #stretches: readonly Stretch[];
  #stretch = 0;
  /** Values of the stretch that were taken. */
  #taken = 0;

  constructor(update: UpdateByParts, stretches: readonly Stretch[], coarseStep: number) {
    this.#update = update;
    this.#stretches = stretches;
    this.#coarseStep = coarseStep;
  }

  /** Takes the next values; yields the parameters that they made, which are to be read before the next. */
  *push(part: Int32Array): Generator<Float32Array> {
    for (let at = 0; at < part.length; ) {
      const stretch = this.#stretches[this.#stretch];
      if (stretch === undefined) throw new RangeError("an aggregate is no longer than its stretches");
      const end = Math.min(part.length, at + stretch.values - this.#taken);
      const values = part.subarray(at, end);
      if (stretch.divisor !== null) yield this.#update.push(values, this.#coarseStep / stretch.divisor);
      this.#taken += values.length;
      at = end;
      if (this.#taken < stretch.values) continue;
      this.#stretch += 1;
      this.#taken = 0;
    }
  }
}
