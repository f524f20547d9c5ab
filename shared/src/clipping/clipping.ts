import { z } from "zod";
import { ClippingNorm } from "../units/privacy.ts";

/**
 * How one patient's gradient is brought to a norm of C at most; ‖part‖ ≤ C holds for each, so all cost the same ε:
 * - `flat`: scaled by min(1, C / ‖g‖), over all parameters together (Abadi et al. 2016, arXiv:1607.00133, §3.1);
 * - `per-layer`: each of L layers by itself, to C / √L (McMahan et al. 2018, arXiv:1710.06963, per-layer clipping);
 * - `automatic`: scaled by C / (‖g‖ + stability), so that C is no more than a part of the learning rate (Bu et al. 2023,
 * arXiv:2206.07136, AUTO-S);
 * - `adaptive`: flat, to a norm that follows a quantile of the patients' norms (Andrew et al. 2021, arXiv:1905.03871,
 * algorithm 1). How many were below it is one more coordinate of the same noised vector: one joint event.
 */
export const Clipping = z.discriminatedUnion("mode", [
  z.strictObject({ mode: z.literal("flat") }).describe("A gradient longer than C is shortened to C."),
  z.strictObject({ mode: z.literal("per-layer") }).describe("Each of L layers is shortened by itself, to C / √L."),
  z
    .strictObject({
      mode: z.literal("automatic"),
      stability: z
        .number()
        .min(1e-9)
        .default(0.01)
        .describe("Added to each norm, so that a small gradient stays small."),
    })
    .describe("Every gradient is brought to a norm near C, short ones too: no C to search for."),
  z
    .strictObject({
      mode: z.literal("adaptive"),
      quantile: z.number().min(0).max(1).default(0.5).describe("Share of the patients whose gradient is to be below."),
      rate: z.number().positive().max(1).default(0.2).describe("Largest change of a round's norm, on a log scale."),
      countPrice: z
        .number()
        .positive()
        .max(1)
        .default(0.01)
        .describe("By how much the gradient's noise grows to pay for the noised count: 0.01 is one per cent."),
    })
    .describe("C follows a quantile of the patients' norms; clippingNorm is where it begins."),
]);
export type Clipping = z.infer<typeof Clipping>;
export type AdaptiveClipping = Extract<Clipping, { mode: "adaptive" }>;

/** How one step clips: all of it public, from the signed study and, with adaptive clipping, the announcement. */
export const ClipRule = z.strictObject({
  clipping: Clipping,
  /** C as signed: no patient's part of the sum is longer, whatever the round's norm. */
  clippingNorm: ClippingNorm,
  /** Norm that this round clips to; its sums are scaled by C / it. C itself unless clipping is adaptive. */
  roundNorm: ClippingNorm,
});
export type ClipRule = z.infer<typeof ClipRule>;

/** The rule of a round, whose announcement names its norm where that isn't the signed one. */
export function clipRuleOf(
  privacy: { readonly clipping: Clipping; readonly clippingNorm: ClippingNorm },
  roundNorm = privacy.clippingNorm,
): ClipRule {
  return { clipping: privacy.clipping, clippingNorm: privacy.clippingNorm, roundNorm };
}
