import { classifierOf } from "../classifier.ts";
import type { LayerInput } from "../layer.ts";
import { ModelSpec } from "../spec.ts";
import { frozenIf, type ImageShape, type Normalisation, normed, type Trains } from "./parts.ts";

export interface EfficientNetLite0 {
  readonly input: ImageShape;
  readonly classes: number;
  readonly norm: Normalisation;
  readonly trains: Trains;
}

/** Stages of MBConv blocks: how many, kernel, first stride, expansion, channels in and out (Tan & Le 2019, table 1). */
const STAGES = [
  { blocks: 1, kernel: 3, stride: 1, expand: 1, inputs: 32, outputs: 16 },
  { blocks: 2, kernel: 3, stride: 2, expand: 6, inputs: 16, outputs: 24 },
  { blocks: 2, kernel: 5, stride: 2, expand: 6, inputs: 24, outputs: 40 },
  { blocks: 3, kernel: 3, stride: 2, expand: 6, inputs: 40, outputs: 80 },
  { blocks: 3, kernel: 5, stride: 1, expand: 6, inputs: 80, outputs: 112 },
  { blocks: 4, kernel: 5, stride: 2, expand: 6, inputs: 112, outputs: 192 },
  { blocks: 1, kernel: 3, stride: 1, expand: 6, inputs: 192, outputs: 320 },
] as const;
const STEM = 32;
const HEAD = 1280;

type Unnamed = Omit<Extract<LayerInput, { kind: "conv" }>, "kind" | "name" | "bias" | "activation">;

/**
 * EfficientNet-Lite0 (Tan & Le 2019, arXiv:1905.11946, without squeeze-and-excitation and with ReLU6 for swish, as its
 * authors released the Lite form). TensorFlow's padding. Names are those of its PyTorch port, `-` for `_`.
 */
export function efficientnetLite0({ input, classes, norm, trains }: EfficientNetLite0): ModelSpec {
  const { logits, loss } = classifierOf(classes);
  const isFrozen = trains !== "full";
  const convNormed = (prefix: string, conv: string, bn: string, own: Unnamed, isActive = true): LayerInput[] => [
    { kind: "conv", name: `${prefix}${conv}`, bias: false, activation: "linear", ...own },
    normed(`${prefix}${bn}`, own.outputs, norm),
    ...(isActive ? [{ kind: "activation", name: `${prefix}${bn}/relu6`, activation: "relu6" } as const] : []),
  ];
  const stem = { outputs: STEM, kernel: [3, 3], stride: 2, ...frozenIf(isFrozen) };
  const layers = convNormed("", "conv-stem", "bn0", stem);
  let from = "bn0/relu6";
  let number = 0;
  for (const stage of STAGES) {
    for (let index = 0; index < stage.blocks; index++, number++) {
      const prefix = `blocks/${number}/`;
      const [inputs, stride] = index === 0 ? [stage.inputs, stage.stride] : [stage.outputs, 1];
      const wide = inputs * stage.expand;
      const frozen = frozenIf(trains === "head" || (trains === "last-block" && number < 15));
      const kernel = [stage.kernel, stage.kernel];
      if (stage.expand > 1) {
        layers.push(...convNormed(prefix, "expand-conv", "bn0", { outputs: wide, kernel: [1, 1], ...frozen }));
      }
      const depthwise = { outputs: wide, kernel, stride, groups: wide, ...frozen };
      layers.push(...convNormed(prefix, "depthwise-conv", "bn1", depthwise));
      const projection = { outputs: stage.outputs, kernel: [1, 1], ...frozen };
      layers.push(...convNormed(prefix, "project-conv", "bn2", projection, false));
      const last = `${prefix}bn2`;
      const isResidual = stride === 1 && inputs === stage.outputs;
      if (isResidual) layers.push({ kind: "merge", name: `${prefix}sum`, from: [last, from], operation: "add" });
      from = isResidual ? `${prefix}sum` : last;
    }
  }
  const head = { outputs: HEAD, kernel: [1, 1], ...frozenIf(trains === "head") };
  layers.push(...convNormed("", "conv-head", "bn1", head));
  layers.push({ kind: "pool", name: "avgpool", operation: "average", window: "global" });
  layers.push({ kind: "dropout", name: "dropout", rate: 0.2 });
  layers.push({ kind: "dense", name: "fc", outputs: logits, activation: "linear" });
  return ModelSpec.parse({ input, layers, loss });
}
