import { float32, int32, kernel, PIECE_VALUES, region, upTo } from "./instance.ts";

/** Of one step; arrays of one length. `into` may be `parameters`. */
export interface Step {
  readonly parameters: Float32Array;
  readonly into: Float32Array;
  /** Summed integers; times `scale` they are the mean gradient. */
  readonly aggregate: Int32Array;
  readonly scale: number;
  readonly rate: number;
}

export interface YogiRates {
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
}

export interface AdamRates extends YogiRates {
  /** 1 − β^step. */
  readonly firstBias: number;
  readonly secondBias: number;
}

/** into ← parameters − rate · (aggregate · scale). */
export function sgdStep(step: Step): void {
  byPieces(step, [], (count) => kernel.sgdStep(PARAMETERS, AGGREGATE, count, step.scale, step.rate));
}

/** v ← momentum · v + g, into ← parameters − rate · v. */
export function momentumStep(step: Step, velocity: Float32Array, momentum: number): void {
  byPieces(step, [{ memory: velocity, at: FIRST }], (count) =>
    kernel.momentumStep(PARAMETERS, AGGREGATE, FIRST, count, step.scale, step.rate, momentum),
  );
}

/** Kingma & Ba 2015, algorithm 1, on both moments. */
export function adamStep(step: Step, first: Float32Array, second: Float32Array, rates: AdamRates): void {
  const { beta1, beta2, epsilon, firstBias, secondBias } = rates;
  const numbers = [step.scale, step.rate, beta1, beta2, epsilon, firstBias, secondBias] as const;
  byPieces(step, momentsOf(first, second), (count) => kernel.adamStep(...ADDRESSES, count, ...numbers));
}

/** Zaheer et al. 2018, algorithm 2, on both moments. */
export function yogiStep(step: Step, first: Float32Array, second: Float32Array, rates: YogiRates): void {
  const { beta1, beta2, epsilon } = rates;
  const numbers = [step.scale, step.rate, beta1, beta2, epsilon] as const;
  byPieces(step, momentsOf(first, second), (count) => kernel.yogiStep(...ADDRESSES, count, ...numbers));
}

const PARAMETERS = region(0);
const AGGREGATE = region(1);
const FIRST = region(2);
const SECOND = region(3);
const ADDRESSES = [PARAMETERS, AGGREGATE, FIRST, SECOND] as const;

/** What an optimizer remembers of each parameter, and where the kernel expects a piece of it. */
interface Remembered {
  readonly memory: Float32Array;
  readonly at: number;
}

function momentsOf(first: Float32Array, second: Float32Array): readonly Remembered[] {
  return [
    { memory: first, at: FIRST },
    { memory: second, at: SECOND },
  ];
}

function byPieces(step: Step, states: readonly Remembered[], run: (count: number) => void): void {
  const { parameters, into, aggregate } = step;
  for (let from = 0; from < parameters.length; from += PIECE_VALUES) {
    const end = Math.min(parameters.length, from + PIECE_VALUES);
    float32.set(parameters.subarray(from, end), PARAMETERS / 4);
    int32.set(aggregate.subarray(from, end), AGGREGATE / 4);
    for (const { memory, at } of states) float32.set(memory.subarray(from, end), at / 4);
    run(upTo(4, end - from));
    into.set(float32.subarray(PARAMETERS / 4, PARAMETERS / 4 + end - from), from);
    for (const { memory, at } of states) memory.set(float32.subarray(at / 4, at / 4 + end - from), from);
  }
}
