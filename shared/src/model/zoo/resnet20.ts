import { classifierOf } from "../classifier.ts";
import type { LayerInput } from "../layer.ts";
import { ModelSpec } from "../spec.ts";
import { frozenIf, type ImageShape, type Normalisation, normed, type Trains } from "./parts.ts";
import { basicBlock } from "./residual.ts";

export interface ResNet20 {
  readonly input: ImageShape;
  readonly classes: number;
  readonly norm: Normalisation;
  readonly trains: Trains;
  /** Channels of the first stage; 16 as published, fewer in tests. */
  readonly width?: number;
}

const BLOCKS_PER_STAGE = 3;

/** ResNet-20 for 32×32 images (He et al. 2016, arXiv:1512.03385, §4.2, n = 3): shortcuts without parameters. */
export function resnet20({ input, classes, norm, trains, width = 16 }: ResNet20): ModelSpec {
  const { logits, loss } = classifierOf(classes);
  const frozen = frozenIf(trains !== "full");
  const layers: LayerInput[] = [
    { kind: "conv", name: "conv1", outputs: width, kernel: [3, 3], bias: false, activation: "linear", ...frozen },
    normed("bn1", width, norm),
    { kind: "activation", name: "relu", activation: "relu" },
  ];
  let [from, inputs] = ["relu", width];
  for (let stage = 1; stage <= 3; stage++) {
    const outputs = width * 2 ** (stage - 1);
    for (let index = 0; index < BLOCKS_PER_STAGE; index++) {
      const name = `layer${stage}/${index}`;
      const isLast = stage === 3 && index === BLOCKS_PER_STAGE - 1;
      const isFrozen = trains === "head" || (trains === "last-block" && !isLast);
      const stride = stage > 1 && index === 0 ? 2 : 1;
      layers.push(...basicBlock({ name, from, inputs, outputs, stride, norm, isFrozen, shortcut: "A" }));
      [from, inputs] = [`${name}/relu2`, outputs];
    }
  }
  layers.push({ kind: "pool", name: "avgpool", operation: "average", window: "global" });
  layers.push({ kind: "dense", name: "linear", outputs: logits, activation: "linear" });
  return ModelSpec.parse({ input, layers, loss });
}
