/**
 * The slow way that the quick one is held against: each patient's whole gradient by itself, in float64 on a tape of
 * single numbers, with nothing shared with the tensor path.
 */
import { layerGraph } from "@consilium/shared/model/graph";
import { frozenSlots, type ModelSpec, parameterCount, parameterSlots } from "@consilium/shared/model/spec";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import type { Block } from "./oracleBlock.test-support.ts";
import { layerOutput } from "./oracleLayers.test-support.ts";
import { Tape, type Value } from "./tape.test-support.ts";

/** A model's numbers. */
export interface OracleModel {
  readonly spec: ModelSpec;
  readonly parameters: Float32Array;
  readonly frozen?: Float32Array;
}

/** Gradient of the sum of one patient's losses, in `parameterSlots` order. */
export function oracleGradient(model: OracleModel, patients: PreparedPatients, patient: number): Float64Array {
  const gradient = new Float64Array(parameterCount(model.spec));
  const width = patients.featureCount;
  for (let record = patients.recordStart[patient] ?? 0; record < (patients.recordStart[patient + 1] ?? 0); record++) {
    const features = Array.from(patients.features.subarray(record * width, (record + 1) * width));
    addRecord(model, features, patients.labels[record] ?? 0, gradient);
  }
  return gradient;
}

/** Σ over patients of min(1, C / norm) · gradient; a gradient that isn't finite counts as zero. */
export function oracleClippedSum(
  model: OracleModel,
  patients: PreparedPatients,
  batch: Int32Array,
  clippingNorm: number,
): Float64Array {
  const sum = new Float64Array(parameterCount(model.spec));
  for (const patient of batch) {
    const gradient = oracleGradient(model, patients, patient);
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

function addRecord(model: OracleModel, features: number[], label: number, gradient: Float64Array): void {
  const { spec } = model;
  const tape = new Tape();
  const parameters = blocksOf(tape, model);
  const input: Block = { shape: spec.input, values: features.map((feature) => tape.constant(feature)) };
  const outputs: Block[] = [];
  const { nodes } = layerGraph(spec);
  let hidden = input;
  for (const node of nodes) {
    const inputs = node.from.map((from) => (from < 0 ? input : (outputs[from] ?? input)));
    const own = (nodes[node.owner]?.parameters ?? []).map(({ name }) => parameters.get(name));
    hidden = inputs[0] ?? input;
    outputs.push(
      layerOutput(
        tape,
        node,
        inputs,
        own.filter((block) => block !== undefined),
        undefined,
      ),
    );
  }
  const logits = outputs.at(-1)?.values ?? [];
  tape.differentiate(lossOf(tape, spec, logits, label, hidden, parameters.get("centroids")));
  for (const { name, offset } of parameterSlots(spec)) {
    for (const [i, { slope }] of (parameters.get(name)?.values ?? []).entries()) {
      gradient[offset + i] = (gradient[offset + i] ?? 0) + slope;
    }
  }
}

function blocksOf(tape: Tape, { spec, parameters, frozen }: OracleModel): Map<string, Block> {
  const blocks = (slots: ReturnType<typeof parameterSlots>, numbers: Float32Array): [string, Block][] =>
    slots.map(({ name, shape, offset, size }) => {
      const values = Array.from(numbers.subarray(offset, offset + size), (value) => tape.constant(value));
      return [name, { shape, values }];
    });
  return new Map([
    ...blocks(parameterSlots(spec), parameters),
    ...blocks(frozenSlots(spec), frozen ?? new Float32Array(0)),
  ]);
}

function lossOf(
  tape: Tape,
  { loss }: ModelSpec,
  logits: readonly Value[],
  label: number,
  hidden: Block,
  centroids: Block | undefined,
): Value {
  if (loss.kind === "acgan") {
    const isMade = label >= loss.classes;
    const real = crossEntropy(tape, true, logits.slice(0, 1), isMade ? 0 : 1);
    return tape.add(real, crossEntropy(tape, false, logits.slice(1), isMade ? label - loss.classes : label));
  }
  const plain = crossEntropy(tape, loss.kind === "sigmoid-cross-entropy", logits, label);
  const cost = tape.scale(plain, loss.classWeights?.[label] ?? 1);
  if (loss.kind !== "deeptype" || centroids === undefined) return cost;
  const width = hidden.values.length;
  const distances = Array.from({ length: loss.clusters }, (_, k) => {
    const parts = hidden.values.map((h, i) => {
      const centroid = centroids.values[k * width + i];
      if (centroid === undefined) throw new Error("a centroid is as wide as the hidden layer");
      const apart = tape.add(h, tape.scale(centroid, -1));
      return tape.multiply(apart, apart);
    });
    return tape.add(...parts);
  });
  const nearest = distances.reduce((best, distance) => (distance.at < best.at ? distance : best));
  return tape.add(cost, tape.scale(nearest, loss.clusterWeight));
}

/** −log of the label's probability. */
function crossEntropy(tape: Tape, isOneLogit: boolean, logits: readonly Value[], label: number): Value {
  if (isOneLogit) {
    const [z] = logits;
    if (z === undefined) throw new Error("there is a logit");
    const sign = label === 1 ? -1 : 1;
    return tape.of(Math.log1p(Math.exp(sign * z.at)), [z], [sign / (1 + Math.exp(-sign * z.at))]);
  }
  const most = Math.max(...logits.map(({ at }) => at));
  const total = logits.reduce((sum, { at }) => sum + Math.exp(at - most), 0);
  return tape.of(
    Math.log(total) + most - (logits[label]?.at ?? Number.NaN),
    logits,
    logits.map(({ at }, i) => Math.exp(at - most) / total - (i === label ? 1 : 0)),
  );
}
