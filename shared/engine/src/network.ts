import { assert } from "@consilium/shared/failure/failure";
import { type LayerNode, layerGraph } from "@consilium/shared/model/graph";
import { frozenSlots, type ModelSpec, type ParameterSlot, parameterSlots } from "@consilium/shared/model/spec";
import * as tf from "@tensorflow/tfjs-core";
import type { PlacedParameter } from "./layer/ops.ts";

/** A model on the device: owned by whoever loaded it, until `dispose`. */
export interface Network {
  readonly spec: ModelSpec;
  readonly nodes: readonly LayerNode[];
  /** Of each node, in its order: its own, or another's where they are shared. */
  readonly parameters: readonly (readonly PlacedParameter[])[];
  /** DeepType's centroids [clusters, hidden]. */
  readonly centroids: { readonly tensor_KH: tf.Tensor2D; readonly offset: number } | undefined;
  dispose(): void;
}

const NOTHING_FROZEN: Float32Array = new Float32Array(0);

/** Copies flat vectors of trained (`parameterSlots` order) and frozen (`frozenSlots` order) numbers to the device. */
export function loadNetwork(spec: ModelSpec, parameters: Float32Array, frozen = NOTHING_FROZEN): Network {
  const { nodes } = layerGraph(spec);
  const placed = new Map<string, PlacedParameter>([
    ...placeAll(parameterSlots(spec), parameters, true),
    ...placeAll(frozenSlots(spec), frozen, false),
  ]);
  const own = nodes.map(({ parameters: names }) =>
    names.map(({ name }) => {
      const found = placed.get(name);
      assert(found !== undefined, "every parameter of a layer has its slot");
      return found;
    }),
  );
  const centroids = placed.get("centroids");
  return {
    spec,
    nodes,
    parameters: nodes.map(({ owner }) => own[owner] ?? []),
    centroids:
      centroids === undefined
        ? undefined
        : { tensor_KH: centroids.tensor as tf.Tensor2D, offset: centroids.offset ?? 0 },
    dispose: () => tf.dispose([...placed.values()].map(({ tensor }) => tensor)),
  };
}

function placeAll(
  slots: readonly ParameterSlot[],
  numbers: Float32Array,
  isTrained: boolean,
): [string, PlacedParameter][] {
  return slots.map(({ name, shape, offset, size }) => {
    const values = numbers.subarray(offset, offset + size);
    assert(values.length === size, "the parameter vectors fit the model");
    return [name, { tensor: tf.tensor(values, [...shape], "float32"), offset: isTrained ? offset : null }];
  });
}
