import { type LayerNode, layerGraph, volume } from "@consilium/shared/model/graph";
import type { Layer } from "@consilium/shared/model/layer";
import { headLayerOf, siteHeadsOf } from "@consilium/shared/model/siteHeads";
import { frozenSlots, type ModelSpec, parameterCount, parameterSlots, sizeOf } from "@consilium/shared/model/spec";
import { isFormed } from "../gradient/formedGradients.ts";

/**
 * One line for each layer with parameters, or with those of another: how a patient's part of them is clipped. None
 * couples patients. After them a line for what is beside the layers: centroids, a loss over two heads, what is frozen.
 */
export function layerLines(spec: ModelSpec, recordsMax: number): readonly string[] {
  const several = recordsMax > 1 ? ", crossed over the patient's records" : "";
  const { nodes } = layerGraph(spec);
  const lines = nodes.flatMap((node, index) => {
    const owner = nodes[node.owner];
    if (node.owner !== index && owner !== undefined) {
      return [`${described(node)}, parameters of ${owner.layer.name}; norm over all of their uses${several}`];
    }
    const count = node.parameters.reduce((sum, { shape }) => sum + volume(shape), 0);
    if (count === 0) return [];
    return [`${described(node)}, ${count} parameters; ${clippedBy(node)}${isFrozen(node) ? "" : several}`];
  });
  return [...lines, ...beside(spec)];
}

function beside(spec: ModelSpec): string[] {
  const lines: string[] = [];
  const centroids = parameterSlots(spec).find(({ name }) => name === "centroids")?.size ?? 0;
  if (centroids > 0) {
    lines.push(`centroids: ${centroids} parameters, trained; norm from each record's distance to its nearest one`);
  }
  if (spec.loss.kind === "acgan") {
    lines.push("loss: real or made, plus which class; a sum over each patient's own records, clipped as one gradient");
  }
  const frozen = sizeOf(frozenSlots(spec));
  if (frozen > 0) lines.push(`trained: ${parameterCount(spec)} parameters; frozen, so never sent: ${frozen}`);
  return lines;
}

/** Of a study whose sites have a last layer each. */
export function headLine(spec: ModelSpec, sites: number): string {
  const size = siteHeadsOf(spec, sites)?.size ?? 0;
  return `${headLayerOf(spec)}: ${size} parameters of this site's own, clipped and noised with the rest; the other sites see them`;
}

function isFrozen({ layer }: LayerNode): boolean {
  return "frozen" in layer && layer.frozen === true;
}

function described({ layer, inputs, output }: LayerNode): string {
  const size = (shape: readonly number[] | undefined): string => (shape ?? []).join(" × ");
  const kind = kindOf(layer);
  return `${layer.name}: ${kind} ${size(inputs[0])} → ${size(output)}`;
}

/** What the field calls a layer where our word for it covers several. */
function kindOf(layer: Layer): string {
  if (layer.kind === "recurrent") return layer.cell;
  if (layer.kind === "conv" && layer.groups > 1) return `conv in ${layer.groups} groups`;
  if (layer.kind === "norm")
    return layer.over === "channels" ? "norm at each position" : `norm in ${layer.groups} groups`;
  if (layer.kind === "scale") return layer.frozen ? "batch norm, its statistics fixed" : "scale";
  return layer.kind;
}

function clippedBy(node: LayerNode): string {
  const { layer, inputs, output } = node;
  if (isFrozen(node)) return "frozen: nothing to clip";
  const input = inputs[0] ?? [];
  const channels = input.at(-1) ?? 1;
  switch (layer.kind) {
    case "dense":
      return productNorm(volume(input) / channels, channels, layer.outputs);
    case "conv":
      return productNorm(
        volume(output) / layer.outputs,
        (volume(layer.kernel) * channels) / layer.groups,
        layer.outputs / layer.groups,
      );
    case "recurrent":
      return productNorm(input[0] ?? 1, channels, layer.units * (layer.cell === "lstm" ? 4 : 3));
    case "embedding":
      return "norm from the rows that a record names, equal ones added first";
    default:
      return "norm from each record's own gradient";
  }
}

function productNorm(positions: number, inputs: number, outputs: number): string {
  if (positions === 1) return "norm from its inputs and output gradients, no patient's gradient is formed";
  return isFormed(positions, inputs, outputs)
    ? `norm from gradients formed a few records at a time, over ${positions} positions`
    : `norm from pairs of its ${positions} positions`;
}
