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
 * where it is stored, so that every platform gets the same bits.
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
  const gradient = { aggregate, scale: coarseStep / divisor };
  const from = { parameters, into };
  switch (optimizer.name) {
    case "sgd":
      return optimizer.momentum > 0
        ? momentumStep(optimizer, state, from, gradient)
        : sgdStep(optimizer, state, from, gradient);
    case "adam":
      return adamStep(optimizer, state, from, gradient);
    default:
      return unreachable(optimizer);
  }
}

/** Old parameters, and where the new ones go; may be the same memory. */
interface Parameters {
  readonly parameters: Float32Array;
  readonly into: Float32Array;
}

interface MeanGradient {
  readonly aggregate: Int32Array;
  readonly scale: number;
}
type Sgd = Extract<Optimizer, { name: "sgd" }>;
type Adam = Extract<Optimizer, { name: "adam" }>;

function sgdStep(optimizer: Sgd, state: OptimizerState, { parameters, into }: Parameters, gradient: MeanGradient) {
  const { aggregate, scale } = gradient;
  const rate = optimizer.learningRate;
  for (let i = 0; i < parameters.length; i++) {
    into[i] = (parameters[i] ?? 0) - rate * ((aggregate[i] ?? 0) * scale);
  }
  return { ...state, step: state.step + 1 };
}

/** Heavy ball: v ← μv + g, p ← p − ηv (Sutskever et al. 2013, with the rate outside the velocity). */
function momentumStep(optimizer: Sgd, state: OptimizerState, { parameters, into }: Parameters, gradient: MeanGradient) {
  const { aggregate, scale } = gradient;
  const { learningRate: rate, momentum } = optimizer;
  const velocity = state.first;
  assert(velocity.length === parameters.length, "the optimizer's state fits the model");
  for (let i = 0; i < parameters.length; i++) {
    velocity[i] = momentum * (velocity[i] ?? 0) + (aggregate[i] ?? 0) * scale;
    into[i] = (parameters[i] ?? 0) - rate * (velocity[i] ?? 0);
  }
  return { ...state, step: state.step + 1 };
}

/** Kingma & Ba 2015, algorithm 1. */
function adamStep(optimizer: Adam, state: OptimizerState, { parameters, into }: Parameters, gradient: MeanGradient) {
  const { aggregate, scale } = gradient;
  const { learningRate: rate, beta1, beta2, epsilon } = optimizer;
  const { first, second } = state;
  assert(first.length === parameters.length && second.length === parameters.length, "the state fits the model");
  const beta1Power = state.beta1Power * beta1;
  const beta2Power = state.beta2Power * beta2;
  const firstBias = 1 - beta1Power;
  const secondBias = 1 - beta2Power;
  for (let i = 0; i < parameters.length; i++) {
    const value = (aggregate[i] ?? 0) * scale;
    first[i] = beta1 * (first[i] ?? 0) + (1 - beta1) * value;
    second[i] = beta2 * (second[i] ?? 0) + (1 - beta2) * (value * value);
    const rise = (first[i] ?? 0) / firstBias;
    const spread = Math.sqrt((second[i] ?? 0) / secondBias) + epsilon;
    into[i] = (parameters[i] ?? 0) - (rate * rise) / spread;
  }
  return { ...state, step: state.step + 1, beta1Power, beta2Power };
}
