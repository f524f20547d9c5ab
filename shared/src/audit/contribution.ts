import { z } from "zod";
import { CanaryGuesses } from "../canary/guesses.ts";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import type { PrivacyEvent } from "../event/event.ts";
import { assert } from "../failure/failure.ts";
import { type Charged, charged } from "../mechanism/charged.ts";
import type { NoisyHistogram } from "../mechanism/discreteLaplace.ts";
import { AttackName } from "../study/audit.ts";
import { NoisedHistogram } from "./histogram.ts";
import { ShadowContribution } from "./shadow.ts";

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
  /** Where the study has canaries: made of the released model, made-up records and coins alone. */
  canaries: CanaryGuesses.optional(),
  /** Where the study has a generator: what a classifier of its records alone makes of non-members. */
  utility: NoisedHistogram.optional(),
});
export type AuditContribution = z.infer<typeof AuditContribution>;

/** Post-processing: noised counts in the study's public shape. */
export function inShape(
  { value: { counts, scale }, events }: Charged<NoisyHistogram>,
  shape: { readonly classes: number; readonly bins: number },
): Charged<NoisedHistogram> {
  return charged({ ...shape, counts: [...counts], scale }, events);
}

/** An evaluation's bytes. */
export function encodeEvaluation({ value: histogram, events }: Charged<NoisedHistogram>): Charged<Uint8Array> {
  const contribution = EvaluationContribution.parse({ purpose: "evaluate", histogram });
  return charged(Buffer.from(canonicalJson(contribution)), events);
}

/** Both looks at a shadow model: an event for each part. */
export function encodeShadow(
  members: Charged<NoisedHistogram>,
  nonMembers: Charged<NoisedHistogram>,
): Charged<Uint8Array> {
  const contribution = ShadowContribution.parse({
    ...{ purpose: "shadow", members: members.value, nonMembers: nonMembers.value },
  });
  return charged(Buffer.from(canonicalJson(contribution)), [...members.events, ...nonMembers.events]);
}

/** One attack's two histograms, each over a part of its own. */
export interface NoisedAttack {
  readonly attack: AttackName;
  readonly members: Charged<NoisedHistogram>;
  readonly nonMembers: Charged<NoisedHistogram>;
}

/**
 * An audit's bytes: all attacks' looks at the members are one event, and those at the others another. Guesses about
 * canaries are post-processing of the model that is released, so they are no event. What the classifier of synthetic
 * records says is one look more at the others.
 */
export function encodeAudit(
  attacks: readonly NoisedAttack[],
  { canaries, utility }: { readonly canaries?: CanaryGuesses; readonly utility?: Charged<NoisedHistogram> } = {},
): Charged<Uint8Array> {
  const contribution = AuditContribution.parse({
    purpose: "audit",
    attacks: attacks.map(({ attack, members, nonMembers }) => {
      return { attack, members: members.value, nonMembers: nonMembers.value };
    }),
    ...(canaries === undefined ? {} : { canaries }),
    ...(utility === undefined ? {} : { utility: utility.value }),
  });
  return charged(Buffer.from(canonicalJson(contribution)), [
    joined(attacks.flatMap(({ members }) => members.events)),
    joined([...attacks.flatMap(({ nonMembers }) => nonMembers.events), ...(utility?.events ?? [])]),
  ]);
}

/** Equal events, one after another, as one. */
function joined(events: readonly PrivacyEvent[]): PrivacyEvent {
  const [first] = events;
  assert(first !== undefined, "something was done to each part");
  const count = events.reduce((sum, event) => sum + event.count, 0);
  const isSame = (event: PrivacyEvent): boolean => canonicalJson(event) === canonicalJson(first);
  assert(events.every(isSame), "looks at one part cost the same");
  return { ...first, count };
}
