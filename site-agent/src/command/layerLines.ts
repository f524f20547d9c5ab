import { type LayerNode, layerGraph } from "@consilium/shared/model/graph";
import { type ModelSpec, parameterSlots } from "@consilium/shared/model/spec";
import { isMaterialised } from "../gradient/materialised.ts";

/** One line for each layer with parameters: how a patient's part of them is clipped. None couples patients. */
export function layerLines(spec: ModelSpec, recordsMax: number): readonly string[] {
  const several = recordsMax > 1 ? ", crossed over the patient's records" : "";
  const lines = layerGraph(spec).nodes.flatMap((node) => {
    const count = node.parameters.reduce((sum, { shape }) => sum + volume(shape), 0);
    return count === 0 ? [] : [`${described(node)}, ${count} parameters; ${clippedBy(node)}${several}`];
  });
  const centroids = parameterSlots(spec).find(({ name }) => name === "centroids")?.size ?? 0;
  return centroids === 0
    ? lines
    : [...lines, `centroids: ${centroids} parameters, trained; norm from each record's distance to its nearest one`];
}

function described({ layer, inputs, output }: LayerNode): string {
  const size = (shape: readonly number[] | undefined): string => (shape ?? []).join(" × ");
  const kind = layer.kind === "recurrent" ? layer.cell : layer.kind;
  return `${layer.name}: ${kind} ${size(inputs[0])} → ${size(output)}`;
}

function clippedBy({ layer, inputs, output }: LayerNode): string {
  if ("frozen" in layer && layer.frozen === true) return "frozen: nothing to clip";
  const input = inputs[0] ?? [];
  const channels = input.at(-1) ?? 1;
  switch (layer.kind) {
    case "dense":
      return productNorm(volume(input) / channels, channels, layer.outputs);
    case "conv":
      return productNorm(volume(output) / layer.outputs, channels / layer.groups, layer.outputs / layer.groups);
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
  return isMaterialised(positions, inputs, outputs)
    ? `norm from gradients formed a few records at a time, over ${positions} positions`
    : `norm from pairs of its ${positions} positions, no patient's gradient is formed`;
}

function volume(shape: readonly number[]): number {
  return shape.reduce((product, length) => product * length, 1);
}
