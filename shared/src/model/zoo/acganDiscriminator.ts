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
      { kind: "dense", name: "generation", outputs: 1, activation: "linear" },
      { kind: "dense", name: "auxiliary", from: ["dense2"], outputs: classes, activation: "linear" },
      { kind: "merge", name: "heads", from: ["generation", "auxiliary"], operation: "concatenate" },
    ],
    loss: { kind: "acgan", classes },
  });
}
