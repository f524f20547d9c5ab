import { Failure } from "../failure/failure.ts";
import { layerGraph, type Shape } from "./graph.ts";
import { type KerasPlace, type KerasResult, refuseLayer } from "./kerasConfig.ts";
import { KERAS_LAYERS, KERAS_REFUSED } from "./kerasLayers.ts";
import { type KerasCall, type KerasTopology, openTopology } from "./kerasTopology.ts";
import { INPUT, Layer, type LayerInput } from "./layer.ts";
import type { KerasNaming } from "./weightNames.ts";

export interface KerasModel {
  readonly input: number[];
  readonly layers: Layer[];
  /** Logits that it ends in: 1, or one a class. */
  readonly outputs: number;
  /** Where its numbers stand in a file of weights. */
  readonly naming: KerasNaming;
}

export interface KerasOptions {
  /** Shape of one record, where the model leaves lengths open. */
  readonly input?: readonly number[];
  /** Weights come with it: only then batch normalisation has statistics, and a layer may stay untrained. */
  readonly hasWeights: boolean;
}

/**
 * A network from a Keras or TF.js `model.json`, of Keras 2 or 3. A softmax or sigmoid at its end is left to the loss.
 * Initialisers are not read: a study's own seed gives the initial weights. Every layer that can't be trained privately,
 * or isn't known, is named with what to do; none is left out in silence.
 */
export function readKeras(text: string, options: KerasOptions): KerasModel {
  const topology = openTopology(text);
  const input = inputShape(topology, options.input);
  const building = new Building(input, topology, options.hasWeights);
  for (const call of topology.calls) building.add(call);
  return building.finish();
}

function inputShape({ input }: KerasTopology, given: readonly number[] | undefined): number[] {
  const open = "the model leaves lengths of its input open";
  const shape = input.map((length, axis) => length ?? given?.[axis]);
  const known = shape.filter((length) => length !== undefined);
  if (known.length < shape.length || shape.length === 0 || shape.length > 3) {
    throw unusable(
      `${open}: [${input.map((length) => length ?? "?")}]`,
      "Name a shape of one to three lengths: input: [64, 64, 3].",
    );
  }
  if (given !== undefined && String(given) !== String(known)) {
    throw unusable(`its input is [${known}], not [${given}]`, "Leave input out, or correct it.");
  }
  return known;
}

/** Our layers as Keras' calls come, and whatever can't be one. */
class Building {
  readonly #input: number[];
  readonly #topology: KerasTopology;
  readonly #hasWeights: boolean;
  readonly #layers: Layer[] = [];
  /** Our name and shape of each call's output, by Keras' name and the call's number. */
  readonly #outputs = new Map<string, { readonly name: string; readonly shape: Shape }>();
  readonly #faults: Failure[] = [];
  readonly #names = new Map<string, string>();
  readonly #epsilons = new Map<string, number>();
  readonly #storedShapes = new Map<string, readonly number[]>();

  constructor(input: number[], topology: KerasTopology, hasWeights: boolean) {
    this.#input = input;
    this.#topology = topology;
    this.#hasWeights = hasWeights;
    this.#outputs.set(`${topology.inputName} 0`, { name: INPUT, shape: input });
  }

  add(call: KerasCall): void {
    const sources = call.from.map(({ layer, call: number }) => this.#outputs.get(`${layer} ${number}`));
    const known = sources.filter((source) => source !== undefined);
    const place: KerasPlace = {
      kind: call.kind,
      kerasName: call.layer,
      name: call.number === 0 ? ownName(call.layer) : `${ownName(call.layer)}/call-${call.number}`,
      from: known.map(({ name }) => name),
      inputs: known.map(({ shape }) => shape),
      named: call.named,
      config: call.config,
      isLast: call.layer === this.#topology.outputName,
      hasWeights: this.#hasWeights,
    };
    const layers = this.#converted(place, call);
    const shape = this.#placed(layers) ?? place.inputs[0] ?? this.#input;
    this.#outputs.set(`${call.layer} ${call.number}`, { name: place.name, shape });
  }

  finish(): KerasModel {
    if (this.#faults.length > 0) throw together(this.#faults);
    const graph = layerGraph({ input: this.#input, layers: this.#layers });
    const last = graph.nodes.at(-1)?.output ?? [];
    const [fault] = graph.faults;
    if (fault !== undefined) throw unusable(fault.why, "Correct the model in Keras and save it again.");
    const [outputs] = last;
    if (last.length !== 1 || outputs === undefined) {
      throw unusable(`it ends in [${last}], not in one number a class`, "End it in Dense with one unit a class.");
    }
    return {
      input: this.#input,
      layers: this.#layers,
      outputs,
      naming: { names: this.#names, epsilons: this.#epsilons, storedShapes: this.#storedShapes },
    };
  }

  /** What stands in for the layer; for one that is refused a layer that does nothing, so that others are seen too. */
  #converted(place: KerasPlace, call: KerasCall): LayerInput[] {
    try {
      const result = convert(place);
      const first = convert({ ...place, name: ownName(call.layer) });
      this.#remember(first, place);
      const layers = result.layers.map((layer, index) =>
        call.number > 0 && isParametrised(layer) ? { ...layer, sharedWith: first.layers[index]?.name } : layer,
      );
      return layers.map((layer) =>
        layer.from === undefined ? { ...layer, from: fromOf(layer, place, layers) } : layer,
      );
    } catch (error) {
      if (!(error instanceof Failure)) throw error;
      this.#faults.push(error);
      return [{ kind: "activation", name: place.name, activation: "linear", from: place.from.slice(0, 1) }];
    }
  }

  #remember({ layers, parts = {}, epsilon, storedShapes = {} }: KerasResult, place: KerasPlace): void {
    for (const { name } of layers) {
      const part = parts[name];
      this.#names.set(name, part === undefined ? place.kerasName : `${place.kerasName}/${part}`);
      if (epsilon !== undefined) this.#epsilons.set(name, epsilon);
    }
    for (const [slot, shape] of Object.entries(storedShapes)) this.#storedShapes.set(slot, shape);
  }

  #placed(layers: readonly LayerInput[]): Shape | undefined {
    for (const layer of layers) this.#layers.push(Layer.parse(layer));
    return layerGraph({ input: this.#input, layers: [...this.#layers] }).nodes.at(-1)?.output;
  }
}

function convert(place: KerasPlace): KerasResult {
  const converter = Object.hasOwn(KERAS_LAYERS, place.kind) ? KERAS_LAYERS[place.kind] : undefined;
  if (converter !== undefined) return converter(place);
  const why = Object.hasOwn(KERAS_REFUSED, place.kind) ? KERAS_REFUSED[place.kind] : undefined;
  return refuseLayer(
    place,
    why ?? "this version doesn't know it",
    `Use what it knows: ${Object.keys(KERAS_LAYERS).join(", ")}.`,
  );
}

/** The first of a layer's parts takes what the layer takes, all others what is before them. */
function fromOf(layer: LayerInput, place: KerasPlace, layers: readonly LayerInput[]): string[] {
  const index = layers.indexOf(layer);
  return index === 0 ? [...place.from] : [layers[index - 1]?.name ?? INPUT];
}

function isParametrised(layer: LayerInput): boolean {
  return ["dense", "conv", "norm", "scale", "embedding", "recurrent"].includes(layer.kind);
}

/** `Conv2D_1` → `conv2d-1`: our names are lower-case words. */
function ownName(kerasName: string): string {
  const words = kerasName.toLowerCase().replaceAll(/[^a-z0-9]+/g, "-");
  const trimmed = words.replaceAll(/^-+|-+$/g, "");
  return /^[a-z]/.test(trimmed) && trimmed !== INPUT ? trimmed : `layer-${trimmed}`;
}

function together(faults: readonly Failure[]): Failure {
  const [first] = faults;
  const remedies = new Set(faults.map(({ remedy }) => remedy));
  return new Failure({
    code: "model/keras-unsupported",
    kind: "config",
    what: faults.map(({ message }) => message).join("\n"),
    remedy: remedies.size === 1 ? (first?.remedy ?? "") : [...remedies].join(" "),
  });
}

function unusable(why: string, remedy: string): Failure {
  return new Failure({
    code: "model/keras-unsupported",
    kind: "config",
    what: `The model can't be used: ${why}.`,
    remedy,
  });
}
