/** What each kernel stands for, as plain as it can be said; the kernels' results are the same bit for bit. */
import type { AdamRates, Step, YogiRates } from "./applyUpdate.ts";
import type { DrawTable } from "./drawFromTable.ts";
import type { Rounding } from "./roundAndAdd.ts";

export function plainRoundAndAdd(sum: Float32Array | Float64Array, noise: Int32Array, rounding: Rounding): void {
  const { perStep, clamp, shift, limit } = rounding;
  const half = shift === 0 ? 0 : 2 ** (shift - 1);
  for (let i = 0; i < noise.length; i++) {
    const scaled = (sum[i] ?? 0) * perStep;
    const clamped = Number.isNaN(scaled) ? 0 : Math.max(-clamp, Math.min(clamp, scaled));
    const below = Math.floor(clamped);
    const rest = clamped - below;
    const fine = rest > 0.5 || (rest === 0.5 && below % 2 !== 0) ? below + 1 : below;
    const coarse = (fine + (noise[i] ?? 0) + half) >> shift;
    noise[i] = Math.max(-limit, Math.min(limit, coarse));
  }
}

/** Bit by bit. */
export function plainPack(values: Int32Array, bits: number): Uint8Array {
  const packed = new Uint8Array(Math.ceil((values.length * bits) / 8));
  for (const [i, value] of values.entries()) {
    for (let bit = 0; bit < bits; bit++) {
      const at = i * bits + bit;
      packed[at >> 3] = (packed[at >> 3] ?? 0) | (((value >> bit) & 1) << (at & 7));
    }
  }
  return packed;
}

export function plainAddPacked(packed: Uint8Array, sum: Int32Array, bits: number): boolean {
  let isInRange = true;
  for (const [i, before] of sum.entries()) {
    let value = 0;
    for (let bit = 0; bit < bits; bit++) {
      const at = i * bits + bit;
      value |= (((packed[at >> 3] ?? 0) >> (at & 7)) & 1) << bit;
    }
    value = (value << (32 - bits)) >> (32 - bits);
    if (value === -(2 ** (bits - 1))) isInRange = false;
    sum[i] = before + value;
  }
  return isInRange;
}

export function plainSgd({ parameters, into, aggregate, scale, rate }: Step): void {
  for (let i = 0; i < parameters.length; i++) {
    into[i] = (parameters[i] ?? 0) - rate * ((aggregate[i] ?? 0) * scale);
  }
}

export function plainMomentum(step: Step, velocity: Float32Array, momentum: number): void {
  const { parameters, into, aggregate, scale, rate } = step;
  for (let i = 0; i < parameters.length; i++) {
    velocity[i] = momentum * (velocity[i] ?? 0) + (aggregate[i] ?? 0) * scale;
    into[i] = (parameters[i] ?? 0) - rate * (velocity[i] ?? 0);
  }
}

export function plainAdam(step: Step, first: Float32Array, second: Float32Array, rates: AdamRates): void {
  const { parameters, into, aggregate, scale, rate } = step;
  const { beta1, beta2, epsilon, firstBias, secondBias } = rates;
  for (let i = 0; i < parameters.length; i++) {
    const value = (aggregate[i] ?? 0) * scale;
    first[i] = beta1 * (first[i] ?? 0) + (1 - beta1) * value;
    second[i] = beta2 * (second[i] ?? 0) + (1 - beta2) * (value * value);
    const rise = (first[i] ?? 0) / firstBias;
    const spread = Math.sqrt((second[i] ?? 0) / secondBias) + epsilon;
    into[i] = (parameters[i] ?? 0) - (rate * rise) / spread;
  }
}

export function plainYogi(step: Step, first: Float32Array, second: Float32Array, rates: YogiRates): void {
  const { parameters, into, aggregate, scale, rate } = step;
  const { beta1, beta2, epsilon } = rates;
  for (let i = 0; i < parameters.length; i++) {
    const value = (aggregate[i] ?? 0) * scale;
    const [square, before] = [value * value, second[i] ?? 0];
    const sign = (before > square ? 1 : 0) - (before < square ? 1 : 0);
    first[i] = beta1 * (first[i] ?? 0) + (1 - beta1) * value;
    second[i] = before - sign * ((1 - beta2) * square);
    into[i] = (parameters[i] ?? 0) - (rate * (first[i] ?? 0)) / (Math.sqrt(second[i] ?? 0) + epsilon);
  }
}

/** What a word draws; where the threshold's top bits are the word's, `tie` decides. */
export function plainDraw({ packed, indexBits, radius }: DrawTable, word: number, tie: (word: number) => number) {
  const slot = word & (2 ** indexBits - 1);
  const entry = packed[slot] ?? 0;
  const [mine, threshold] = [word >>> indexBits, entry >>> indexBits];
  if (mine === threshold) return tie(word);
  return (mine < threshold ? slot : entry & (2 ** indexBits - 1)) - radius;
}
