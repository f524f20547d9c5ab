import { adamStep, momentumStep, type Step, sgdStep } from "@consilium/kernel/applyUpdate";
import { assert, unreachable } from "../failure/failure.ts";
import type { Optimizer } from "../study/document.ts";

/** What an optimizer remembers between steps; made from public aggregates alone. */
export interface OptimizerState {
  /** Steps taken. */
  readonly step: number;
  /** Momentum's velocity, or Adam's first moment; empty where there is none. */
  readonly first: Float32Array;
  /** Adam's second moment; empty where there is none. */
  readonly second: Float32Array;
  /** β₁^step and β₂^step, by repeated multiplication. */
  readonly beta1Power: number;
  readonly beta2Power: number;
}

export function initialState(optimizer: Optimizer, count: number): OptimizerState {
  const adam = optimizer.name === "adam";
  const first = adam || optimizer.momentum > 0 ? count : 0;
  return {
    step: 0,
    first: new Float32Array(first),
    second: new Float32Array(adam ? count : 0),
    beta1Power: 1,
    beta2Power: 1,
  };
}

/**
 * One optimizer step on the mean gradient `aggregate · coarseStep / divisor` (divisor: the *expected* batch). The new
 * parameters go to `into`, by default where the old ones are. Returns the new state, which shares its arrays with the
 * old. Coordinator and every site run exactly this: each operation is one of + − × ÷ √ in float64, rounded to float32
 * where it is stored, so that every platform gets the same bits. Heavy ball: v ← μv + g, p ← p − ηv (Sutskever et al.
 * 2013, with the rate outside the velocity). Adam: Kingma & Ba 2015, algorithm 1.
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
  assert(into.length === parameters.length, "the new parameters are as many as the old");
  assert(divisor > 0, "the divisor is the expected batch: positive");
  const step: Step = { parameters, into, aggregate, scale: coarseStep / divisor, rate: optimizer.learningRate };
  switch (optimizer.name) {
    case "sgd":
      if (optimizer.momentum > 0) momentumStep(step, remembered(state.first, parameters), optimizer.momentum);
      else sgdStep(step);
      return { ...state, step: state.step + 1 };
    case "adam":
      return takeAdamStep(optimizer, state, step);
    default:
      return unreachable(optimizer);
  }
}

type Adam = Extract<Optimizer, { name: "adam" }>;

function takeAdamStep({ beta1, beta2, epsilon }: Adam, state: OptimizerState, step: Step): OptimizerState {
  const beta1Power = state.beta1Power * beta1;
  const beta2Power = state.beta2Power * beta2;
  const rates = { beta1, beta2, epsilon, firstBias: 1 - beta1Power, secondBias: 1 - beta2Power };
  adamStep(step, remembered(state.first, step.parameters), remembered(state.second, step.parameters), rates);
  return { ...state, step: state.step + 1, beta1Power, beta2Power };
}

function remembered(values: Float32Array, parameters: Float32Array): Float32Array {
  assert(values.length === parameters.length, "the optimizer's state fits the model");
  return values;
}
