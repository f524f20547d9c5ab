import { assert, Failure } from "../failure/failure.ts";
import { layerGraph } from "./graph.ts";
import { initialParameters } from "./initial.ts";
import type { Layer } from "./layer.ts";
import { frozenSlots, type ModelSpec, type ParameterSlot, parameterCount, parameterSlots, sizeOf } from "./spec.ts";
import { openTensorFile, type StoredTensor } from "./tensorFile.ts";
import type { WeightNames } from "./weightNames.ts";

/** A model's numbers, in the order of `parameterSlots` and of `frozenSlots`. */
export interface Weights {
  readonly parameters: Float32Array;
  readonly frozen: Float32Array;
}

export interface WeightsWanted {
  readonly names: WeightNames;
  /** Layers that start anew, such as a head for other classes; their tensors in the file are left out. */
  readonly fresh?: readonly string[];
  /** Seed of what starts anew. */
  readonly seed: number;
}

type Tensors = ReadonlyMap<string, StoredTensor>;

/**
 * Whether a file holds this layer: it has the tensor of its first slot, in its very shape. One that isn't there, or has
 * other outputs alone, is a layer for other classes; any other shape is refused, lest a transposed one be taken for it.
 */
export function holdsLayer(spec: ModelSpec, tensors: Tensors, names: WeightNames, layer: string): boolean {
  const slot = [...parameterSlots(spec), ...frozenSlots(spec)].find(({ name }) => name.startsWith(`${layer}/`));
  if (slot === undefined) throw withoutTensor(layer);
  const { name, shape, isTurned } = placeOf(names, layer, slot);
  const tensor = tensors.get(name);
  if (tensor === undefined) return false;
  if (String(tensor.shape) === String(shape)) return true;
  const ofInputs = (lengths: readonly number[]) => String(isTurned ? lengths.slice(1) : lengths.slice(0, -1));
  if (ofInputs(tensor.shape) === ofInputs(shape)) return false;
  const turned = [...tensor.shape].reverse();
  throw ofInputs(turned) === ofInputs(shape)
    ? transposed(name, tensor, turned)
    : misshapen(name, tensor.shape, shape, slot);
}

/** Tensors of layers that start anew: the file's are left out. */
export function tensorsOf(tensors: Tensors, names: WeightNames, layers: readonly string[]): readonly string[] {
  const prefixes = layers.map((layer) => names.prefix(layer));
  return [...tensors.keys()].filter((name) => prefixes.some((prefix) => name.startsWith(prefix)));
}

/**
 * Numbers of `spec` from somebody else's safetensors file. Each slot takes exactly the tensors that `names` says, in
 * exactly its shape; a tensor that no layer takes is refused, so that a network one layer short can't pass for another.
 */
export function readWeights(spec: ModelSpec, file: Uint8Array, wanted: WeightsWanted): Weights {
  const source = new WeightSource(openTensorFile(file), wanted);
  const parameters = initialParameters(spec, wanted.seed);
  assert(parameters.length === parameterCount(spec), "initial parameters are a model's");
  const frozen = new Float32Array(sizeOf(frozenSlots(spec)));
  const layers = layerOfSlot(spec);
  const fill = (slots: readonly ParameterSlot[], numbers: Float32Array): void => {
    for (const slot of slots) {
      const layer = layers.get(slot.name);
      if (layer === undefined) throw withoutTensor(slot.name);
      const values = source.take(layer, slot);
      if (values === null) continue;
      numbers.set(values, slot.offset);
      if (!numbers.subarray(slot.offset, slot.offset + slot.size).every(Number.isFinite)) throw tooLarge(slot);
    }
  };
  fill(parameterSlots(spec), parameters);
  fill(frozenSlots(spec), frozen);
  source.refuseRest();
  return { parameters, frozen };
}

class WeightSource {
  readonly #tensors: Tensors;
  readonly #wanted: WeightsWanted;
  readonly #taken = new Set<string>();

  constructor(tensors: Tensors, wanted: WeightsWanted) {
    this.#tensors = tensors;
    this.#wanted = wanted;
  }

  /** A slot's numbers, or null where it starts anew. */
  take(layer: Layer, slot: ParameterSlot): ArrayLike<number> | null {
    const { names, fresh = [] } = this.#wanted;
    const part = slot.name.slice(layer.name.length + 1);
    const prefix = names.prefix(layer.name);
    if (fresh.includes(layer.name)) {
      for (const name of tensorsOf(this.#tensors, names, [layer.name])) this.#taken.add(name);
      return null;
    }
    if (layer.kind === "scale") return this.#folded(layer.name, prefix, part, slot);
    const { name, shape, isTurned } = placeOf(names, layer.name, slot);
    const values = this.#values(name, shape, slot);
    return isTurned ? outputsLast(values, shape) : values;
  }

  /** Batch normalisation with its statistics fixed: γ(x − μ)/√(v + ε) + β = x·scale + shift (Ioffe & Szegedy 2015). */
  #folded(layer: string, prefix: string, part: string, slot: ParameterSlot): Float64Array {
    const { scale, shift, mean, variance, epsilonOf } = this.#wanted.names.batchNorm;
    const read = (suffix: string): Float32Array => this.#values(`${prefix}${suffix}`, slot.shape, slot);
    const epsilon = epsilonOf(layer);
    const negative = read(variance).findIndex((value) => value < 0);
    if (negative >= 0) throw negativeVariance(`${prefix}${variance}`, read(variance)[negative], negative);
    const [gamma, beta, centre, spread] = [read(scale), read(shift), read(mean), read(variance)];
    const factors = Float64Array.from(gamma, (value, i) => value / Math.sqrt((spread[i] ?? Number.NaN) + epsilon));
    if (part === "scale") return factors;
    return factors.map((factor, i) => (beta[i] ?? Number.NaN) - (centre[i] ?? Number.NaN) * factor);
  }

  #values(name: string, shape: readonly number[], slot: ParameterSlot): Float32Array {
    const tensor = this.#tensors.get(name);
    if (tensor === undefined) throw missing(name, slot, [...this.#tensors.keys()]);
    if (String(tensor.shape) !== String(shape)) throw misshapen(name, tensor.shape, shape, slot);
    this.#taken.add(name);
    return tensor.values();
  }

  refuseRest(): void {
    const { ignored } = this.#wanted.names;
    for (const [name, { shape }] of this.#tensors) {
      if (this.#taken.has(name) || ignored.some((suffix) => name.endsWith(suffix))) continue;
      throw differs(`Tensor ${name} [${shape}] is taken by no layer`);
    }
  }
}

interface Place {
  readonly name: string;
  readonly shape: readonly number[];
  /** Outputs come first. */
  readonly isTurned: boolean;
}

/** Tensor in which a slot's numbers are stored, but for folded batch normalisation, which takes four. */
function placeOf(names: WeightNames, layer: string, slot: ParameterSlot): Place {
  const part = slot.name.slice(layer.length + 1);
  const suffix = names.parts[part];
  if (suffix === undefined) throw withoutTensor(slot.name);
  const stored = names.storedShapes.get(slot.name) ?? slot.shape;
  const isTurned = part === "kernel" && names.outputsFirst;
  return { name: `${names.prefix(layer)}${suffix}`, shape: isTurned ? outputsFirst(stored) : stored, isTurned };
}

function layerOfSlot(spec: ModelSpec): ReadonlyMap<string, Layer> {
  const { nodes } = layerGraph(spec);
  return new Map(nodes.flatMap(({ layer, parameters }) => parameters.map(({ name }) => [name, layer] as const)));
}

/** HWIO → OIHW, IO → OI: PyTorch's order. */
function outputsFirst(shape: readonly number[]): readonly number[] {
  const [outputs = 1, inputs = 1, ...axes] = [shape.at(-1) ?? 1, shape.at(-2) ?? 1, ...shape.slice(0, -2)];
  return [outputs, inputs, ...axes];
}

/** Numbers stored as [outputs, inputs, ...kernel], as [...kernel, inputs, outputs]. */
function outputsLast(values: Float32Array, [outputs = 1, inputs = 1, ...axes]: readonly number[]): Float32Array {
  const places = axes.reduce((product, length) => product * length, 1);
  const turned = new Float32Array(values.length);
  for (let o = 0; o < outputs; o++) {
    for (let i = 0; i < inputs; i++) {
      const from = (o * inputs + i) * places;
      for (let p = 0; p < places; p++) turned[(p * inputs + i) * outputs + o] = values[from + p] ?? Number.NaN;
    }
  }
  return turned;
}

function missing(name: string, slot: ParameterSlot, there: readonly string[]): Failure {
  const what = `There is no tensor ${name} for ${slot.name} [${slot.shape}]`;
  // A wrapper's state dictionary: `module.conv1.weight` of a DataParallel.
  const wrapped = there.find((own) => own.endsWith(`.${name}`));
  if (wrapped === undefined) return differs(what);
  const extra = wrapped.slice(0, -name.length);
  return differs(
    `${what}, but there is ${wrapped}`,
    `Save it without '${extra}' before its names: of the model itself.`,
  );
}

function misshapen(name: string, is: readonly number[], wanted: readonly number[], slot: ParameterSlot): Failure {
  const what = `Tensor ${name} is [${is}], and ${slot.name} [${slot.shape}] takes [${wanted}]`;
  const sorted = (lengths: readonly number[]) => String([...lengths].sort((a, b) => a - b));
  if (sorted(is) !== sorted(wanted)) return differs(what);
  const remedy = `Transpose it to [${wanted}], or save the file from the framework that these names belong to.`;
  return differs(`${what}: the same lengths in another order`, remedy);
}

/** A head for other classes, but for the order of its lengths. */
function transposed(name: string, { shape }: StoredTensor, turned: readonly number[]): Failure {
  const what = `Tensor ${name} is [${shape}]: transposed, for its inputs stand where its outputs are looked for`;
  return differs(what, `Transpose it to [${turned}], or save the file from the framework that these names belong to.`);
}

function negativeVariance(name: string, value: number | undefined, index: number): Failure {
  const what = `Tensor ${name} holds ${value} at index ${index}, and a variance is never below 0`;
  return differs(what, "Save the trained network's own statistics again; something else was written under this name.");
}

/** Numbers that float64 holds, or that folding makes. */
function tooLarge({ name, shape }: ParameterSlot): Failure {
  const what = `${name} [${shape}] comes to a number beyond float32`;
  return differs(what, "Take the file of a training run that went well: with such numbers no gradient is finite.");
}

function withoutTensor(slot: string): Failure {
  return differs(`For ${slot} these names know no tensor`);
}

const OTHER_NETWORK = "Give the file of this very network; only a head for other classes starts anew.";

function differs(what: string, remedy = OTHER_NETWORK): Failure {
  const whole = `The weights are not this network's. ${what}.`;
  return new Failure({ code: "model/weights-differ", kind: "refused", what: whole, remedy });
}
