import { assert, unreachable } from "../failure/failure.ts";
import { type LayerNode, layerGraph } from "../model/graph.ts";
import { featureCount, frozenSlots, type ModelSpec, type ParameterSlot, parameterSlots } from "../model/spec.ts";
import type { Weights } from "../model/weights.ts";
import { type Computation, ComputationWriter } from "./computation.ts";
import { classesOf, layerSteps } from "./layerSteps.ts";

/** By feature: a value is clipped to [low, high], and (value − centre) / spread goes in. */
export interface InputMap {
  readonly low: Float32Array;
  readonly high: Float32Array;
  readonly centre: Float32Array;
  readonly spread: Float32Array;
}

export const INPUT_NAME = "features";
export const OUTPUT_NAME = "probabilities";

/**
 * From features in the units of the study's columns, [records, features], to each class' probability, [records,
 * classes]: input map, network and the loss' own function, as `predict` does it. DeepType's centroids take no part.
 */
export function computationOf(spec: ModelSpec, weights: Weights, map: InputMap): Computation {
  const writer = new ComputationWriter();
  const { nodes } = layerGraph(spec);
  const parameters = parametersOf(spec, weights);
  const width = featureCount(spec);
  writer.begin("Input");
  const values: string[] = [];
  const first = writer.step({ kind: "reshape", shape: [-1, ...spec.input] }, mapped(writer, width, map));
  for (const node of nodes) {
    writer.begin(node.layer.name);
    const inputs = node.from.map((from) => (from < 0 ? first : known(values[from])));
    const own = ownerOf(nodes, node).parameters.map(({ name }) => {
      const slot = parameters.get(name);
      assert(slot !== undefined, "every parameter of a layer has its slot");
      return writer.constant(name, slot.shape, slot.values);
    });
    values.push(layerSteps(writer, node, inputs, own));
  }
  writer.begin("Output");
  probabilities(writer, spec, known(values.at(-1)));
  return writer.finish({ name: INPUT_NAME, width }, { name: OUTPUT_NAME, width: classesOf(spec) });
}

function mapped(writer: ComputationWriter, width: number, map: InputMap): string {
  const vector = (name: keyof InputMap): string => writer.constant(`input.${name}`, [width], map[name]);
  const above = writer.step({ kind: "maximum" }, INPUT_NAME, vector("low"));
  const clipped = writer.step({ kind: "minimum" }, above, vector("high"));
  const centred = writer.step({ kind: "subtract" }, clipped, vector("centre"));
  return writer.step({ kind: "divide" }, centred, vector("spread"));
}

function probabilities(writer: ComputationWriter, { loss }: ModelSpec, logits: string): void {
  switch (loss.kind) {
    case "sigmoid-cross-entropy": {
      // Both tails from their own logit: 1 − p would lose the small one.
      const first = writer.step({ kind: "sigmoid" }, writer.step({ kind: "negate" }, logits));
      const second = writer.step({ kind: "sigmoid" }, logits);
      writer.named(OUTPUT_NAME, { kind: "concatenate", axis: 1 }, first, second);
      return;
    }
    case "acgan": {
      const classes = writer.step({ kind: "slice", begin: [0, 1], size: [-1, loss.classes] }, logits);
      writer.named(OUTPUT_NAME, { kind: "softmax" }, classes);
      return;
    }
    case "softmax-cross-entropy":
    case "deeptype":
      writer.named(OUTPUT_NAME, { kind: "softmax" }, logits);
      return;
    default:
      unreachable(loss);
  }
}

function parametersOf(spec: ModelSpec, { parameters, frozen }: Weights) {
  const placed = (slots: readonly ParameterSlot[], numbers: Float32Array) =>
    slots.map(({ name, shape, offset, size }) => {
      return [name, { shape, values: numbers.subarray(offset, offset + size) }] as const;
    });
  return new Map([...placed(parameterSlots(spec), parameters), ...placed(frozenSlots(spec), frozen)]);
}

function ownerOf(nodes: readonly LayerNode[], node: LayerNode): LayerNode {
  return nodes[node.owner] ?? node;
}

function known(value: string | undefined): string {
  assert(value !== undefined, "a layer comes after those it takes from");
  return value;
}
