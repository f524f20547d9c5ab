import type { LayerInput } from "../layer.ts";
import { frozenIf, type Normalisation, normed, zerosAround } from "./parts.ts";

export interface BasicBlock {
  readonly name: string;
  /** Name of the layer whose output it takes. */
  readonly from: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly stride: number;
  readonly norm: Normalisation;
  readonly isFrozen: boolean;
  /** He et al. 2016, §3.3: A subsamples and fills up with zero channels, B projects by a 1×1 convolution. */
  readonly shortcut: "A" | "B";
}

/**
 * Two 3×3 convolutions beside a shortcut (He et al. 2016, arXiv:1512.03385, fig. 2 and eq. 1–2). Layers bear PyTorch's
 * names, `/` for `.`; the last one is `${name}/relu2`.
 */
export function basicBlock(block: BasicBlock): LayerInput[] {
  const { name, from, outputs, stride, norm } = block;
  const frozen = frozenIf(block.isFrozen);
  const [shortcut, shortcutLayers] = shortcutOf(block);
  return [
    ...conv3x3(`${name}/conv1`, from, outputs, stride, frozen),
    normed(`${name}/bn1`, outputs, norm),
    { kind: "activation", name: `${name}/relu1`, activation: "relu" },
    ...conv3x3(`${name}/conv2`, `${name}/relu1`, outputs, 1, frozen),
    normed(`${name}/bn2`, outputs, norm),
    ...shortcutLayers,
    { kind: "merge", name: `${name}/sum`, from: [`${name}/bn2`, shortcut], operation: "add" },
    { kind: "activation", name: `${name}/relu2`, activation: "relu" },
  ];
}

function conv3x3(name: string, from: string, outputs: number, stride: number, frozen: { frozen?: true }): LayerInput[] {
  const conv = { kind: "conv", name, outputs, kernel: [3, 3], bias: false, activation: "linear", ...frozen } as const;
  if (stride === 1) return [{ ...conv, kernel: [3, 3], from: [from] }];
  return [
    { ...zerosAround(`${name}/zeros`, 1), from: [from] },
    { ...conv, kernel: [3, 3], stride, padding: "valid" },
  ];
}

/** Name of the layer at its end, and its layers. */
function shortcutOf({ name, from, inputs, outputs, stride, norm, ...block }: BasicBlock): [string, LayerInput[]] {
  if (stride === 1 && inputs === outputs) return [from, []];
  if (block.shortcut === "B") {
    const projection: LayerInput = {
      kind: "conv",
      name: `${name}/downsample/0`,
      from: [from],
      outputs,
      kernel: [1, 1],
      stride,
      padding: "valid",
      bias: false,
      activation: "linear",
      ...frozenIf(block.isFrozen),
    };
    return [`${name}/downsample/1`, [projection, normed(`${name}/downsample/1`, outputs, norm)]];
  }
  const missing = outputs - inputs;
  const before = Math.floor(missing / 2);
  return [
    `${name}/channels`,
    [
      { kind: "pool", name: `${name}/every`, from: [from], operation: "max", window: [1, 1], stride },
      {
        kind: "pad",
        name: `${name}/channels`,
        margins: [
          [0, 0],
          [0, 0],
          [before, missing - before],
        ],
      },
    ],
  ];
}
