/**
 * The slow way that the quick one is held against, in tests alone: each patient's whole gradient by itself, in float64
 * and plain JavaScript, with nothing shared with the tensor path.
 */
import { type DenseLayer, type ModelSpec, parameterCount, parameterSlots } from "@consilium/shared/model/spec";
import type { PreparedPatients } from "../contract/preparedPatients.ts";

/** Gradient of the sum of one patient's losses, in `parameterSlots` order. */
export function oracleGradient(
  spec: ModelSpec,
  parameters: Float32Array,
  patients: PreparedPatients,
  patient: number,
): Float64Array {
  const gradient = new Float64Array(parameterCount(spec));
  const first = patients.recordStart[patient] ?? 0;
  const end = patients.recordStart[patient + 1] ?? 0;
  const width = patients.featureCount;
  for (let record = first; record < end; record++) {
    const features = Array.from(patients.features.subarray(record * width, (record + 1) * width));
    addRecord(spec, parameters, features, patients.labels[record] ?? 0, gradient);
  }
  return gradient;
}

/** Σ over patients of min(1, C / norm) · gradient; a gradient that isn't finite counts as zero. */
export function oracleClippedSum(
  spec: ModelSpec,
  parameters: Float32Array,
  patients: PreparedPatients,
  batch: Int32Array,
  clippingNorm: number,
): Float64Array {
  const sum = new Float64Array(parameterCount(spec));
  for (const patient of batch) {
    const gradient = oracleGradient(spec, parameters, patients, patient);
    const norm = l2Norm(gradient);
    if (!Number.isFinite(norm)) continue;
    const scale = Math.min(1, clippingNorm / norm);
    for (const [i, value] of gradient.entries()) sum[i] = (sum[i] ?? 0) + scale * value;
  }
  return sum;
}

export function l2Norm(values: Float32Array | Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return Math.sqrt(sum);
}

function addRecord(
  spec: ModelSpec,
  parameters: Float32Array,
  features: number[],
  label: number,
  gradient: Float64Array,
): void {
  const slots = parameterSlots(spec);
  const inputs: number[][] = [];
  const linear: number[][] = [];
  let value = features;
  for (const [index, layer] of spec.layers.entries()) {
    const kernel = slots[2 * index]?.offset ?? 0;
    const bias = slots[2 * index + 1]?.offset ?? 0;
    inputs.push(value);
    const z = Array.from({ length: layer.outputs }, (_, o) =>
      value.reduce((sum, x, i) => sum + x * at(parameters, kernel + i * layer.outputs + o), at(parameters, bias + o)),
    );
    linear.push(z);
    value = z.map((x) => activation(layer, x));
  }
  let delta = outputDelta(spec, value, label);
  for (let index = spec.layers.length - 1; index >= 0; index--) {
    const layer = spec.layers[index];
    const input = inputs[index] ?? [];
    if (layer === undefined) continue;
    delta = delta.map((d, o) => d * derivative(layer, linear[index]?.[o] ?? 0));
    const kernel = slots[2 * index]?.offset ?? 0;
    const bias = slots[2 * index + 1]?.offset ?? 0;
    for (const [o, d] of delta.entries()) {
      gradient[bias + o] = at(gradient, bias + o) + d;
      for (const [i, x] of input.entries()) {
        const k = kernel + i * layer.outputs + o;
        gradient[k] = at(gradient, k) + x * d;
      }
    }
    const own = delta;
    delta = input.map((_, i) => own.reduce((sum, d, o) => sum + d * at(parameters, kernel + i * layer.outputs + o), 0));
    if (index === spec.layers.length - 1) addCluster(spec, parameters, input, delta, gradient);
  }
}

function outputDelta(spec: ModelSpec, logits: number[], label: number): number[] {
  if (spec.loss.kind === "sigmoid-cross-entropy") return logits.map((z) => 1 / (1 + Math.exp(-z)) - label);
  const highest = Math.max(...logits);
  const powers = logits.map((z) => Math.exp(z - highest));
  const total = powers.reduce((sum, power) => sum + power, 0);
  return powers.map((power, index) => power / total - (index === label ? 1 : 0));
}

/** DeepType's term: adds to the hidden layer's delta and to the nearest centroid's gradient. */
function addCluster(
  spec: ModelSpec,
  parameters: Float32Array,
  hidden: number[],
  delta: number[],
  gradient: Float64Array,
): void {
  if (spec.loss.kind !== "deeptype") return;
  const { clusterWeight, clusters } = spec.loss;
  const start = parameterSlots(spec).at(-1)?.offset ?? 0;
  const distances = Array.from({ length: clusters }, (_, k) =>
    hidden.reduce((sum, h, i) => sum + (h - at(parameters, start + k * hidden.length + i)) ** 2, 0),
  );
  const own = start + distances.indexOf(Math.min(...distances)) * hidden.length;
  for (const [i, h] of hidden.entries()) {
    const pull = 2 * clusterWeight * (h - at(parameters, own + i));
    delta[i] = (delta[i] ?? 0) + pull;
    gradient[own + i] = at(gradient, own + i) - pull;
  }
}

function activation(layer: DenseLayer, z: number): number {
  if (layer.activation === "relu") return Math.max(0, z);
  if (layer.activation === "sigmoid") return 1 / (1 + Math.exp(-z));
  return layer.activation === "tanh" ? Math.tanh(z) : z;
}

function derivative(layer: DenseLayer, z: number): number {
  if (layer.activation === "relu") return z > 0 ? 1 : 0;
  const value = activation(layer, z);
  if (layer.activation === "sigmoid") return value * (1 - value);
  return layer.activation === "tanh" ? 1 - value * value : 1;
}

function at(values: Float32Array | Float64Array, index: number): number {
  return values[index] ?? 0;
}
