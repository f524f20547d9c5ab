import { z } from "zod";
import type { LayerInput } from "../layer.ts";

/** Which parameters of a pretrained network are trained; the others stay frozen. */
export const Trains = z.enum(["head", "last-block", "full"]);
export type Trains = z.infer<typeof Trains>;

/**
 * What stands where the paper has batch normalisation, which couples a batch's patients while it trains:
 * - `group`: group normalisation of 32 groups, or the most that divide the channels (Wu & He 2018, arXiv:1803.08494);
 * - `frozen-batch`: the pretrained network's own, with its statistics fixed and folded into a frozen `scale`.
 */
export type Normalisation = "group" | "frozen-batch";

/** [height, width, channels]. */
export type ImageShape = readonly [number, number, number];

const GROUPS = 32;

export function normed(name: string, channels: number, by: Normalisation): LayerInput {
  return by === "frozen-batch"
    ? { kind: "scale", name, frozen: true }
    : { kind: "norm", name, groups: divisorUpTo(GROUPS, channels) };
}

/** `frozen: true` or nothing, as a layer writes it. */
export function frozenIf(isFrozen: boolean): { frozen?: true } {
  return isFrozen ? { frozen: true } : {};
}

/** As many zeros before as after both axes of an image: PyTorch's padding, which for a stride isn't TensorFlow's. */
export function zerosAround(name: string, margin: number): LayerInput {
  return {
    kind: "pad",
    name,
    margins: [
      [margin, margin],
      [margin, margin],
      [0, 0],
    ],
  };
}

function divisorUpTo(most: number, of: number): number {
  for (let divisor = Math.min(most, of); divisor > 1; divisor--) if (of % divisor === 0) return divisor;
  return 1;
}
