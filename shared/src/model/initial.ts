import { createHash } from "node:crypto";
import { type ModelSpec, type ParameterSlot, parameterCount, parameterSlots } from "./spec.ts";

/**
 * Weights before training, from a study's public seed: Glorot uniform kernels and centroids (Glorot & Bengio 2010,
 * eq. 16), zero biases; a model of one layer starts at zero, its loss being convex. The same bits on every platform.
 */
export function initialParameters(spec: ModelSpec, seed: number): Float32Array {
  const parameters = new Float32Array(parameterCount(spec));
  if (spec.layers.length === 1 && spec.loss.kind !== "deeptype") return parameters;
  const next = publicUniform(seed);
  for (const slot of parameterSlots(spec)) {
    if (slot.start === "glorot") fillGlorot(parameters, slot, next);
    if (slot.start === "ones") parameters.fill(1, slot.offset, slot.offset + slot.size);
  }
  return parameters;
}

function fillGlorot(parameters: Float32Array, slot: ParameterSlot, next: () => number): void {
  const [inputs = 1, outputs = 1] = slot.shape.slice(-2);
  // Of a convolution's kernel, each place of it has its inputs and outputs.
  const places = slot.size / (inputs * outputs);
  const limit = Math.sqrt(6 / (places * (inputs + outputs)));
  const end = slot.offset + slot.size;
  for (let i = slot.offset; i < end; i++) parameters[i] = (2 * next() - 1) * limit;
}

/**
 * Uniforms in [0, 1) from a public seed: xoshiro128** (Blackman & Vigna 2021) started from SHA-256.
 * For initial weights, an audit's made-up records and what a generator makes records from: whatever protects a patient
 * comes from a `RandomSource`.
 */
export function publicUniform(
  seed: number | string,
  use:
    | "initial-weights"
    | "audit-population"
    | "made-records"
    | "gradient-canary"
    | "shadow-attack" = "initial-weights",
): () => number {
  const start = createHash("sha256").update(`consilium/v1 ${use} ${seed}`).digest();
  let a = start.readInt32LE(0);
  let b = start.readInt32LE(4);
  let c = start.readInt32LE(8);
  let d = start.readInt32LE(12);
  return () => {
    const product = Math.imul(b, 5);
    const output = Math.imul((product << 7) | (product >>> 25), 9);
    const shifted = b << 9;
    c ^= a;
    d ^= b;
    b ^= c;
    a ^= d;
    c ^= shifted;
    d = (d << 11) | (d >>> 21);
    return (output >>> 0) / 2 ** 32;
  };
}
