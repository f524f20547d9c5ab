import { usesGpu } from "@consilium/engine/backend";
import { type LayerNode, layerGraph, volume } from "@consilium/shared/model/graph";
import { type ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import * as tf from "@tensorflow/tfjs-core";
import { ROW_MULTIPLE } from "./pass.ts";

/** What the tensors of one physical batch may take on the device, its parameters apart. */
const PHYSICAL_BATCH_BYTES = 768 * 2 ** 20;
/** Past this a larger matrix product is no faster. */
const ROWS_MAX = 512;
/**
 * What a physical batch costs however few rows it has, in multiplications of one record's forward pass: for each
 * parameter (its order changed for a product, its sum read and added), and for each layer (calls to the device).
 * Measured on two cores, within a factor of two.
 */
const MULTIPLICATIONS = { ofParameter: 140, ofLayer: 1e7 } as const;

/**
 * Rows of a physical batch for about so many patients in a step; all by public numbers. Some more than the patients, so
 * that most steps need one physical batch: rows beyond a batch are filled up. On libtensorflow's processor, where each
 * physical batch has all its rows (`clippedSum`), fewer where that is cheaper on average: B patients take about
 * B/r + ½ batches of r rows, so rows cost B + r/2 records and B/r batches, least at r = √(2B·(cost of a batch)/(of a
 * record)).
 */
export function physicalRows(spec: ModelSpec, expectedBatch: number, bytes = PHYSICAL_BATCH_BYTES): number {
  const some = Math.max(1, expectedBatch + 2 * Math.sqrt(expectedBatch));
  // Half empty batches cost libtensorflow dearly where a batch is small; wasm always takes whole multiples.
  const multiple = tf.getBackend() === "wasm" ? ROW_MULTIPLE : Math.min(ROW_MULTIPLE, 2 ** Math.ceil(Math.log2(some)));
  const one = Math.ceil(some / multiple) * multiple;
  const most = Math.min(rowsMax(spec, bytes), one);
  if (tf.getBackend() === "wasm" || usesGpu(tf.backend())) return most;
  const { nodes } = layerGraph(spec);
  const fixed = MULTIPLICATIONS.ofParameter * parameterCount(spec) + MULTIPLICATIONS.ofLayer * nodes.length;
  const cheapest = Math.sqrt((2 * expectedBatch * fixed) / nodes.reduce((sum, node) => sum + multiplications(node), 1));
  // Near one whole batch, half a batch more than needed is worse than a few rows.
  return cheapest < one / 2 ? Math.min(most, 2 ** Math.round(Math.log2(Math.max(1, cheapest)))) : most;
}

/** Rows of a physical batch within so many bytes: what a forward and a backward pass leave of one record. */
export function rowsMax(spec: ModelSpec, bytes = PHYSICAL_BATCH_BYTES): number {
  const isWasm = tf.getBackend() === "wasm";
  const rows = Math.floor(bytes / (4 * (isWasm ? numbersOnWasm(spec) : numbersAtOnce(spec))));
  if (rows < ROW_MULTIPLE) return isWasm ? ROW_MULTIPLE : Math.max(1, rows);
  return Math.min(ROWS_MAX, rows - (rows % ROW_MULTIPLE));
}

/** Pools copy their input place by place; convolutions cut out whole rows of windows. */
function numbersOnWasm(spec: ModelSpec): number {
  return layerGraph(spec).nodes.reduce((sum, node) => sum + 2 * taken(node) + 6 * volume(node.output), 0);
}

/**
 * What all layers gave, what kernels were used with, and six times the largest for what a layer makes on its way.
 * ResNet-18 at 224×224: 74 MiB a record, as measured.
 */
function numbersAtOnce(spec: ModelSpec): number {
  const { nodes } = layerGraph(spec);
  const largest = Math.max(...nodes.map((node) => Math.max(taken(node), volume(node.output))));
  return nodes.reduce((sum, node) => sum + held(node), 0) + 6 * largest;
}

function held(node: LayerNode): number {
  switch (node.layer.kind) {
    case "conv":
    case "dense":
      return taken(node) + 2 * volume(node.output);
    case "recurrent":
    case "attention":
      return 2 * taken(node) + 6 * volume(node.output);
    default:
      return volume(node.output);
  }
}

/** Multiplications of one record's forward pass: a kernel's numbers at each position, and one for what is given. */
function multiplications({ parameters, output }: LayerNode): number {
  const positions = volume(output) / (output.at(-1) ?? 1);
  const kernels = parameters.filter(({ shape }) => shape.length > 1);
  return volume(output) + positions * kernels.reduce((sum, { shape }) => sum + volume(shape), 0);
}

function taken({ inputs }: LayerNode): number {
  return inputs.reduce((sum, input) => sum + volume(input), 0);
}
