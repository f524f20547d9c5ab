import { classifierOf } from "../classifier.ts";
import type { LayerInput } from "../layer.ts";
import { ModelSpec } from "../spec.ts";
import { normed } from "./parts.ts";

/** Channels and kernel of each convolution. */
const CONVOLUTIONS = [
  [128, 8],
  [256, 5],
  [128, 3],
] as const;

/**
 * Fully convolutional network for series [length, channels] (Wang, Yan & Oates 2017, arXiv:1611.06455, §II-B).
 * Deviation: group normalisation where they have batch normalisation, which couples patients.
 */
export function seriesCnn(input: readonly [number, number], classes: number): ModelSpec {
  const { logits, loss } = classifierOf(classes);
  const layers: LayerInput[] = [];
  for (const [index, [outputs, kernel]] of CONVOLUTIONS.entries()) {
    const name = `conv${index + 1}`;
    layers.push(
      { kind: "conv", name, outputs, kernel: [kernel], activation: "linear" },
      normed(`${name}/norm`, outputs, "group"),
      { kind: "activation", name: `${name}/relu`, activation: "relu" },
    );
  }
  layers.push({ kind: "pool", name: "avgpool", operation: "average", window: "global" });
  layers.push({ kind: "dense", name: "logits", outputs: logits, activation: "linear" });
  return ModelSpec.parse({ input, layers, loss });
}
