import type { LayerInput } from "../layer.ts";
import { ModelSpec } from "../spec.ts";
import type { ImageShape } from "./parts.ts";

/** SPRINT's patients: three measures at twelve visits. */
export const SPRINT_INPUT: ImageShape = [3, 12, 1];

const DROPPED = 0.3;

/**
 * Discriminator of SPRINT_gan (Beaulieu-Jones et al. 2019, doi:10.1161/CIRCOUTCOMES.118.005122): two convolutions, two
 * dense layers of 1,024, a head that tells real from made and one that tells the class (Odena et al. 2017).
 */
export function acganDiscriminator(classes: number, input: ImageShape = SPRINT_INPUT): ModelSpec {
  const [height, width] = input;
  const drop = (name: string): LayerInput => ({ kind: "dropout", name, rate: DROPPED });
  return ModelSpec.parse({
    input,
    layers: [
      { kind: "conv", name: "conv1", outputs: 32, kernel: [3, 3], stride: 2, activation: "leaky-relu" },
      drop("drop1"),
      { kind: "conv", name: "conv2", outputs: 64, kernel: [3, 3], activation: "leaky-relu" },
      drop("drop2"),
      { kind: "reshape", name: "flat", shape: [Math.ceil(height / 2) * Math.ceil(width / 2) * 64] },
      { kind: "dense", name: "dense1", outputs: 1024, activation: "relu" },
      drop("drop3"),
      { kind: "dense", name: "dense2", outputs: 1024, activation: "relu" },
      ...heads("dense2", classes),
    ],
    loss: { kind: "acgan", classes },
  });
}

/** The same two heads on fully connected layers, for records that are no series: leaky, so that no unit dies. */
export function acganOfTable(input: readonly number[], hidden: readonly number[], classes: number): ModelSpec {
  const last = `dense${hidden.length}`;
  return ModelSpec.parse({
    input,
    layers: [
      ...hidden.map((outputs, index): LayerInput => {
        return { kind: "dense", name: `dense${index + 1}`, outputs, activation: "leaky-relu" };
      }),
      ...heads(last, classes),
    ],
    loss: { kind: "acgan", classes },
  });
}

/** Real or made, and which class, from one layer. */
function heads(from: string, classes: number): LayerInput[] {
  return [
    { kind: "dense", name: "generation", from: [from], outputs: 1, activation: "linear" },
    { kind: "dense", name: "auxiliary", from: [from], outputs: classes, activation: "linear" },
    { kind: "merge", name: "heads", from: ["generation", "auxiliary"], operation: "concatenate" },
  ];
}
