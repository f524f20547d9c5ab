import { adamStep, momentumStep, type Step, sgdStep, yogiStep } from "@consilium/kernel/applyUpdate";
import { assert } from "../failure/failure.ts";
import type { Optimizer } from "../study/document.ts";
import { learningRateAt } from "./learningRate.ts";

/** What an optimizer remembers between steps; made from public aggregates alone. */
export interface OptimizerState {
  /** Steps taken. */
  readonly step: number;
  /** Momentum's velocity, or Adam's or Yogi's first moment; empty where there is none. */
  readonly first: Float32Array;
  /** Adam's or Yogi's second moment; empty where there is none. */
  readonly second: Float32Array;
  /** Adam's β₁^step and β₂^step, by repeated multiplication. */
  readonly beta1Power: number;
  readonly beta2Power: number;
}

export function initialState(optimizer: Optimizer, count: number): OptimizerState {
  const { first, second } = sizesOf(optimizer, count);
  return {
    step: 0,
    first: new Float32Array(first),
    // Reddi et al. 2021, algorithm 2: v₋₁ ≥ τ², here its least value.
    second: new Float32Array(second).fill(optimizer.name === "yogi" ? optimizer.epsilon * optimizer.epsilon : 0),
    beta1Power: 1,
    beta2Power: 1,
  };
}

/** Whether a step depends on what earlier ones left behind, their number apart. */
export function remembers(optimizer: Optimizer): boolean {
  return sizesOf(optimizer, 1).first > 0;
}

/**
 * One optimizer step on the mean gradient `aggregate · coarseStep / divisor` (divisor: the *expected* batch). The new
 * parameters go to `into`, by default where the old ones are. Returns the new state, which shares its arrays with the
 * old. Coordinator and every site run exactly this: each operation is one of + − × ÷ √ in float64, rounded to float32
 * where it is stored, so that every platform gets the same bits. Heavy ball: v ← μv + g, p ← p − ηv (Sutskever et al.
 * 2013, with the rate outside the velocity). Adam: Kingma & Ba 2015, algorithm 1. Yogi: Zaheer et al. 2018,
 * algorithm 2; as a server's optimizer Reddi et al. 2021, arXiv:2003.00295, algorithm 2.
 */
export function applyUpdate(
  optimizer: Optimizer,
  state: OptimizerState,
  parameters: Float32Array,
  aggregate: Int32Array,
  coarseStep: number,
  divisor: number,
  into: Float32Array = parameters,
): OptimizerState {
  assert(aggregate.length === parameters.length, "an aggregate has one value for each parameter");
  const update = new UpdateByParts(optimizer, state, parameters, into);
  update.push(aggregate, coarseStep / divisor);
  return update.finish();
}

/** The same step as its aggregate is read, part after part: no array of all its values. */
export class UpdateByParts {
  readonly #optimizer: Optimizer;
  readonly #before: OptimizerState;
  readonly #after: OptimizerState;
  readonly #parameters: Float32Array;
  readonly #rate: number;
  readonly #into: Float32Array;
  #at = 0;

  constructor(optimizer: Optimizer, state: OptimizerState, parameters: Float32Array, into: Float32Array = parameters) {
    assert(into.length === parameters.length, "the new parameters are as many as the old");
    const remembered = sizesOf(optimizer, parameters.length);
    assert(
      state.first.length === remembered.first && state.second.length === remembered.second,
      "the optimizer's state fits the model",
    );
    this.#optimizer = optimizer;
    this.#before = state;
    this.#after = { ...state, step: state.step + 1, ...powersAfter(optimizer, state) };
    this.#parameters = parameters;
    this.#rate = learningRateAt(optimizer.learningRate, optimizer.schedule, state.step);
    this.#into = into;
  }

  /**
   * Takes the next values of the aggregate; returns the parameters that they made. `scale` makes a mean gradient of a
   * summed integer.
   */
  push(aggregate: Int32Array, scale: number): Float32Array {
    assert(scale > 0 && scale < Infinity, "the divisor is the expected batch: positive");
    const [from, end] = [this.#at, this.#at + aggregate.length];
    assert(end <= this.#parameters.length, "an aggregate has one value for each parameter");
    this.#at = end;
    const optimizer = this.#optimizer;
    const into = this.#into.subarray(from, end);
    const parameters = this.#parameters.subarray(from, end);
    const step: Step = { parameters, into, aggregate, scale, rate: this.#rate };
    const [first, second] = [this.#before.first.subarray(from, end), this.#before.second.subarray(from, end)];
    if (optimizer.name === "adam") this.#adam(optimizer, step, first, second);
    else if (optimizer.name === "yogi") yogiStep(step, first, second, optimizer);
    else if (optimizer.momentum > 0) momentumStep(step, first, optimizer.momentum);
    else sgdStep(step);
    return into;
  }

  finish(): OptimizerState {
    assert(this.#at === this.#parameters.length, "an aggregate has one value for each parameter");
    return this.#after;
  }

  #adam({ beta1, beta2, epsilon }: Adam, step: Step, first: Float32Array, second: Float32Array): void {
    const { beta1Power, beta2Power } = this.#after;
    adamStep(step, first, second, { beta1, beta2, epsilon, firstBias: 1 - beta1Power, secondBias: 1 - beta2Power });
  }
}

type Adam = Extract<Optimizer, { name: "adam" }>;

/** Values that an optimizer remembers, of each kind. */
function sizesOf(optimizer: Optimizer, count: number): { first: number; second: number } {
  if (optimizer.name !== "sgd") return { first: count, second: count };
  return { first: optimizer.momentum > 0 ? count : 0, second: 0 };
}

function powersAfter(optimizer: Optimizer, { beta1Power, beta2Power }: OptimizerState) {
  if (optimizer.name !== "adam") return { beta1Power, beta2Power };
  return { beta1Power: beta1Power * optimizer.beta1, beta2Power: beta2Power * optimizer.beta2 };
}
