import { z } from "zod";
import { AttackName } from "../study/document.ts";
import { NoisedHistogram } from "./histogram.ts";

/**
 * What a site contributes to an evaluation or an audit: its bytes are the canonical JSON of this. Shapes follow from
 * the signed study (`evaluationShape`, and `auditShape` for each attack), so the size says nothing.
 */
export const EvaluationContribution = z.strictObject({
  purpose: z.literal("evaluate"),
  histogram: NoisedHistogram,
});
export type EvaluationContribution = z.infer<typeof EvaluationContribution>;

export const AuditContribution = z.strictObject({
  purpose: z.literal("audit"),
  /** In the study's order of attacks. */
  attacks: z
    .array(z.strictObject({ attack: AttackName, members: NoisedHistogram, nonMembers: NoisedHistogram }))
    .min(1),
});
export type AuditContribution = z.infer<typeof AuditContribution>;
