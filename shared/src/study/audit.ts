import { z } from "zod";
import { ShadowAttackName, ShadowRule } from "../audit/shadowRule.ts";
import { GradientCanaryRule } from "../canary/gradientCanaryRule.ts";
import { PositiveEpsilon } from "../units/privacy.ts";
import { ReferenceRule } from "./references.ts";

/** Attacks on a model's outputs alone. */
export const OutputAttack = z.enum(["loss", "confidence", "modified-entropy", "entropy", "correctness"]);
export type OutputAttack = z.infer<typeof OutputAttack>;

/** Attacks that compare them with reference models', which never saw the record. */
export const ReferenceAttack = z.enum(["relative-membership", "likelihood-ratio"]);
export type ReferenceAttack = z.infer<typeof ReferenceAttack>;

/** Attacks on the synthetic records of a study with a generator, not on its discriminator. */
export const SyntheticAttack = z.enum(["closest-record"]);
export type SyntheticAttack = z.infer<typeof SyntheticAttack>;

export const AttackName = z.enum([
  ...OutputAttack.options,
  ...ReferenceAttack.options,
  ...SyntheticAttack.options,
  ...ShadowAttackName.options,
]);
export type AttackName = z.infer<typeof AttackName>;

export function isOutputAttack(attack: AttackName): attack is OutputAttack {
  return OutputAttack.safeParse(attack).success;
}

export function isReferenceAttack(attack: AttackName): attack is ReferenceAttack {
  return ReferenceAttack.safeParse(attack).success;
}

export function isSyntheticAttack(attack: AttackName): attack is SyntheticAttack {
  return SyntheticAttack.safeParse(attack).success;
}

export function isShadowAttack(attack: AttackName): attack is ShadowAttackName {
  return ShadowAttackName.safeParse(attack).success;
}

export const CanaryRule = z
  .strictObject({
    count: z
      .number()
      .int()
      .min(2)
      .max(10_000)
      .describe(
        "Made-up records of each site, each a patient of its own, half of which train by fair coins: they cost the " +
          "model some accuracy, and no patient anything.",
      ),
    guesses: z
      .number()
      .int()
      .min(1)
      .max(10_000)
      .describe("Of how many the audit guesses whether they trained: the surest half each way. All of them: count."),
  })
  .refine(({ count, guesses }) => guesses <= count, { message: "must be ≤ count", path: ["guesses"] });
export type CanaryRule = z.infer<typeof CanaryRule>;

/** Numbers that a site's canaries may hold: 400 MB of them are read and kept beside its patients. */
const CANARY_NUMBERS_MAX = 100_000_000;

/** Why a study can't have these canaries; null where it can. */
export function canaryFault(count: number, features: number, isOnSanitized: boolean): string | null {
  if (isOnSanitized) return "can't be had with mechanism sanitized: no made-up record passes the sanitizer";
  if (count * features <= CANARY_NUMBERS_MAX) return null;
  const most = Math.floor(CANARY_NUMBERS_MAX / features);
  return `may hold ${CANARY_NUMBERS_MAX} numbers at each site: with ${features} features at most ${most} canaries (got ${count})`;
}

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
  references: ReferenceRule.optional().describe(
    "Reference models, trained with noise before the study's own on patients of the reference part alone: what " +
      "relative-membership and likelihood-ratio compare with.",
  ),
  shadow: ShadowRule.optional().describe(
    "The last reference model as a shadow: what class-threshold and learned are learnt from, by noised histograms.",
  ),
  canaries: CanaryRule.optional().describe(
    "A lower bound on ε from this one training run: made-up records, of which the audit guesses who trained.",
  ),
  gradientCanaries: GradientCanaryRule.optional().describe(
    "An estimate of ε from this one run, no bound: made-up patients whose clipped gradient is a public direction.",
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
