/** What Adam remembers, of as many numbers as there are parameters. */
export interface AdamMemory {
  readonly step: number;
  readonly first: Float32Array;
  readonly second: Float32Array;
}

const BETA1 = 0.5;
const BETA2 = 0.999;
const EPSILON = 1e-8;

export function adamAtStart(count: number): AdamMemory {
  return { step: 0, first: new Float32Array(count), second: new Float32Array(count) };
}

/**
 * One step of Adam (Kingma & Ba 2015, arXiv:1412.6980, algorithm 1) with β₁ = 0.5, as generators are trained since
 * Radford et al. 2016 (arXiv:1511.06434, section 4). Returns new arrays.
 */
export function adamStep(
  parameters: Float32Array,
  gradient: ArrayLike<number>,
  memory: AdamMemory,
  learningRate: number,
): { readonly parameters: Float32Array; readonly memory: AdamMemory } {
  const step = memory.step + 1;
  const first = memory.first.map((value, i) => BETA1 * value + (1 - BETA1) * (gradient[i] ?? 0));
  const second = memory.second.map((value, i) => BETA2 * value + (1 - BETA2) * (gradient[i] ?? 0) ** 2);
  const rate = (learningRate * Math.sqrt(1 - BETA2 ** step)) / (1 - BETA1 ** step);
  const next = parameters.map((value, i) => value - (rate * (first[i] ?? 0)) / (Math.sqrt(second[i] ?? 0) + EPSILON));
  return { parameters: next, memory: { step, first, second } };
}
