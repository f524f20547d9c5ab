import { classifierOf } from "../classifier.ts";
import { ModelSpec } from "../spec.ts";
import type { ImageShape } from "./parts.ts";

/**
 * Small network for images such as 28×28 (Papernot et al. 2021, arXiv:2007.14191, table 1, in the form of Tramèr &
 * Boneh 2021, arXiv:2011.11660, table 9): tanh, whose bounded activations lose less to clipping than rectifiers'.
 */
export function cnn(input: ImageShape, classes: number): ModelSpec {
  const { logits, loss } = classifierOf(classes);
  return ModelSpec.parse({
    input,
    layers: [
      { kind: "conv", name: "conv1", outputs: 16, kernel: [8, 8], stride: 2, activation: "tanh" },
      { kind: "pool", name: "pool1", operation: "max", window: [2, 2], stride: 1 },
      { kind: "conv", name: "conv2", outputs: 32, kernel: [4, 4], stride: 2, padding: "valid", activation: "tanh" },
      { kind: "pool", name: "pool2", operation: "max", window: [2, 2], stride: 1 },
      { kind: "reshape", name: "flat", shape: [flatSize(input)] },
      { kind: "dense", name: "hidden", outputs: 32, activation: "tanh" },
      { kind: "dense", name: "logits", outputs: logits, activation: "linear" },
    ],
    loss,
  });
}

/** Numbers that the second pool leaves. */
function flatSize([height, width]: ImageShape): number {
  const side = (length: number): number => Math.floor((Math.ceil(length / 2) - 1 - 4) / 2);
  return Math.max(1, side(height)) * Math.max(1, side(width)) * 32;
}
