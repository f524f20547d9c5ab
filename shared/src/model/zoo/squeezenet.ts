import { classifierOf } from "../classifier.ts";
import type { LayerInput } from "../layer.ts";
import { ModelSpec } from "../spec.ts";
import { frozenIf, type ImageShape, type Trains } from "./parts.ts";

export interface SqueezeNet {
  readonly input: ImageShape;
  readonly classes: number;
  readonly trains: Trains;
  /** Divides every layer's channels; 1 as published, more in tests. */
  readonly narrowing?: number;
}

/** Channels of the squeeze and of each half of the expansion, for fire2 to fire9. */
const FIRES = [
  [16, 64],
  [16, 64],
  [32, 128],
  [32, 128],
  [48, 192],
  [48, 192],
  [64, 256],
  [64, 256],
] as const;
/** Fires after which a 3×3 max pool of stride 2 stands, in version 1.1. */
const POOL_AFTER: ReadonlySet<number> = new Set([3, 5]);
/** The last two fires of one width count as the last block. */
const LAST_BLOCK: ReadonlySet<number> = new Set([8, 9]);

/**
 * SqueezeNet 1.1 (Iandola et al. 2016, arXiv:1602.07360, and its authors' release 1.1): no batch normalisation at all.
 * Deviation: no rectifier on the class maps before they are averaged, since one logit must take both signs.
 */
export function squeezenet({ input, classes, trains, narrowing = 1 }: SqueezeNet): ModelSpec {
  const { logits, loss } = classifierOf(classes);
  const pool = (name: string): LayerInput => ({ kind: "pool", name, operation: "max", window: [3, 3], stride: 2 });
  const layers: LayerInput[] = [
    {
      kind: "conv",
      name: "conv1",
      outputs: 64 / narrowing,
      kernel: [3, 3],
      stride: 2,
      padding: "valid",
      activation: "relu",
      ...frozenIf(trains !== "full"),
    },
    pool("pool1"),
  ];
  for (const [index, [squeeze, expand]] of FIRES.entries()) {
    const number = index + 2;
    const isFrozen = trains === "head" || (trains === "last-block" && !LAST_BLOCK.has(number));
    layers.push(...fire(`fire${number}`, squeeze / narrowing, expand / narrowing, frozenIf(isFrozen)));
    if (POOL_AFTER.has(number)) layers.push(pool(`pool${number}`));
  }
  layers.push(
    { kind: "dropout", name: "drop9", rate: 0.5 },
    { kind: "conv", name: "conv10", outputs: logits, kernel: [1, 1], activation: "linear" },
    { kind: "pool", name: "avgpool", operation: "average", window: "global" },
  );
  return ModelSpec.parse({ input, layers, loss });
}

function fire(name: string, squeeze: number, expand: number, frozen: { frozen?: true }): LayerInput[] {
  const conv = (part: string, outputs: number, side: number): LayerInput => {
    return { kind: "conv", name: `${name}/${part}`, outputs, kernel: [side, side], activation: "relu", ...frozen };
  };
  return [
    conv("squeeze1x1", squeeze, 1),
    conv("expand1x1", expand, 1),
    { ...conv("expand3x3", expand, 3), from: [`${name}/squeeze1x1`] },
    { kind: "merge", name, from: [`${name}/expand1x1`, `${name}/expand3x3`], operation: "concatenate" },
  ];
}
