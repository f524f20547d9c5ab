import { z } from "zod";
import { PositiveEpsilon } from "../units/privacy.ts";

export const AttackName = z.enum(["loss", "confidence", "modified-entropy", "entropy", "correctness"]);
export type AttackName = z.infer<typeof AttackName>;

/** The audit that a study plans: what every site scores, how it is noised, and what a release must pass. */
export const Audit = z.strictObject({
  attacks: z.array(AttackName).min(1).describe("Membership attacks that every site scores before release."),
  epsilon: z
    .strictObject({ members: PositiveEpsilon, nonMembers: PositiveEpsilon })
    .describe("Pure ε of each attack's histogram: members on the train part, non-members on the audit part."),
  bins: z.number().int().min(2).max(200).describe("Public bins of each score histogram."),
  classes: z
    .enum(["pooled", "apart"])
    .default("pooled")
    .describe(
      "Count all classes together, or each apart: apart shows which class is the most exposed, and the same ε puts as " +
        "much noise on each class's bins as on all together, so every interval is wider.",
    ),
  gates: z
    .strictObject({
      maxAttackAucUpper: z
        .number()
        .min(0.5)
        .max(1)
        .describe("A release needs the upper confidence bound of the best attack's AUC at or below this."),
      maxTprAtFpr: z
        .strictObject({
          fpr: z.number().positive().lt(1),
          tpr: z.number().min(0).max(1),
          ifUnresolvable: z
            .enum(["pass", "fail"])
            .default("fail")
            .describe("What too few patients to resolve this rate mean for the gate."),
        })
        .optional(),
    })
    .describe("Declared before training, signed with the study, held against the audit's figures."),
});
export type Audit = z.infer<typeof Audit>;
