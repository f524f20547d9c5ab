import { z } from "zod";
import { PositiveEpsilon } from "../units/privacy.ts";

/** How the last reference model serves as a shadow of the released one, for attacks that are learnt from it. */
export const ShadowRule = z.strictObject({
  epsilon: z
    .strictObject({ members: PositiveEpsilon, nonMembers: PositiveEpsilon })
    .describe(
      "Pure ε of the shadow's two histograms: of the reference part, who trained it, and of the validation part.",
    ),
  bins: z
    .number()
    .int()
    .min(2)
    .max(30)
    .default(6)
    .describe("Public bins of the confidence, and of the entropy: a class has as many cells as their product."),
  hidden: z.number().int().min(0).max(64).default(8).describe("Hidden units of the learned attack's network."),
  steps: z.number().int().min(1).max(2000).default(300).describe("Full-batch steps that it is fitted by."),
});
export type ShadowRule = z.infer<typeof ShadowRule>;

/** Attacks that are learnt from a shadow model's noised histograms. */
export const ShadowAttackName = z.enum(["class-threshold", "learned"]);
export type ShadowAttackName = z.infer<typeof ShadowAttackName>;
