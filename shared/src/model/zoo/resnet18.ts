import { classifierOf } from "../classifier.ts";
import type { LayerInput } from "../layer.ts";
import { ModelSpec } from "../spec.ts";
import { frozenIf, type ImageShape, type Normalisation, normed, type Trains, zerosAround } from "./parts.ts";
import { basicBlock } from "./residual.ts";

export interface ResNet18 {
  readonly input: ImageShape;
  readonly classes: number;
  readonly norm: Normalisation;
  readonly trains: Trains;
  /** Channels of the first stage; 64 as published, fewer in tests. */
  readonly width?: number;
}

/** Shortest side that the published stem is for: it leaves a quarter, and four stages an eighth of that. */
const STEM_SIDE_MIN = 64;
const BLOCKS_PER_STAGE = 2;

/**
 * ResNet-18 (He et al. 2016, arXiv:1512.03385, table 1): 7×7 stem of stride 2 and 3×3 max pool, four stages of two
 * basic blocks, projection shortcuts. Below 64 pixels the stem is a 3×3 convolution without a pool, as in their §4.2.
 */
export function resnet18({ input, classes, norm, trains, width = 64 }: ResNet18): ModelSpec {
  const { logits, loss } = classifierOf(classes);
  const layers = stem(input, width, norm, trains !== "full");
  let [from, inputs] = [layers.at(-1)?.name ?? "", width];
  for (let stage = 1; stage <= 4; stage++) {
    const outputs = width * 2 ** (stage - 1);
    for (let index = 0; index < BLOCKS_PER_STAGE; index++) {
      const name = `layer${stage}/${index}`;
      const isLast = stage === 4 && index === BLOCKS_PER_STAGE - 1;
      const isFrozen = trains === "head" || (trains === "last-block" && !isLast);
      const stride = stage > 1 && index === 0 ? 2 : 1;
      layers.push(...basicBlock({ name, from, inputs, outputs, stride, norm, isFrozen, shortcut: "B" }));
      [from, inputs] = [`${name}/relu2`, outputs];
    }
  }
  layers.push({ kind: "pool", name: "avgpool", operation: "average", window: "global" });
  layers.push({ kind: "dense", name: "fc", outputs: logits, activation: "linear" });
  return ModelSpec.parse({ input, layers, loss });
}

function stem(input: ImageShape, width: number, norm: Normalisation, isFrozen: boolean): LayerInput[] {
  const conv = { kind: "conv", name: "conv1", outputs: width, bias: false, activation: "linear" } as const;
  const after: LayerInput[] = [normed("bn1", width, norm), { kind: "activation", name: "relu", activation: "relu" }];
  if (Math.min(input[0], input[1]) < STEM_SIDE_MIN) {
    return [{ ...conv, kernel: [3, 3], ...frozenIf(isFrozen) }, ...after];
  }
  return [
    zerosAround("conv1/zeros", 3),
    { ...conv, kernel: [7, 7], stride: 2, padding: "valid", ...frozenIf(isFrozen) },
    ...after,
    // Zeros are no larger than what leaves a rectifier, so the largest of a window is the one without them.
    zerosAround("maxpool/zeros", 1),
    { kind: "pool", name: "maxpool", operation: "max", window: [3, 3], stride: 2 },
  ];
}
