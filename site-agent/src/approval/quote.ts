import type { LedgerState } from "@consilium/shared/ledger/state";
import { plannedEvents } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import { gridOfStudy } from "@consilium/shared/study/network";
import { DatasetId, type SiteName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { epsilonAfter } from "../ledger/affordable.ts";
import { capOn } from "../ledger/budget.ts";
import { Cap } from "../steward/statement.ts";

/** What a steward looks at before signing. */
export const Quote = z.strictObject({
  dataset: DatasetId,
  cap: Cap.nullable(),
  /** ε at the cap's δ so far, and once everything that the study plans were done; null without a cap. */
  before: z.number().nullable(),
  after: z.number().nullable(),
  /** One line for each kind of message with something of the data in it. */
  leaves: z.array(z.string()),
});
export type Quote = z.infer<typeof Quote>;

export function quoteOf(state: LedgerState, site: SiteName, dataset: DatasetId, document: StudyDocument): Quote {
  const purse = { site, dataset };
  return {
    dataset,
    cap: capOn(state, site, dataset),
    before: epsilonAfter(state, purse, []),
    after: epsilonAfter(state, purse, plannedEvents(document)),
    leaves: leaves(document),
  };
}

/** What the study sends of the data, in words. */
export function leaves(document: StudyDocument): string[] {
  const { training, evaluation, audit, privacy } = document;
  const { dimension, bits } = gridOfStudy(document);
  const bytes = Math.ceil((dimension * bits) / 8);
  const evaluations = Math.floor(training.rounds / evaluation.everyRounds);
  const { members, nonMembers } = audit.epsilon;
  return [
    `${training.rounds} contributions of ${bytes} bytes: sums of clipped gradients over a random sample of patients ` +
      `(q = ${privacy.samplingRate}), each with Gaussian noise of σ = ${privacy.noiseMultiplier}`,
    `${evaluations} noised histograms of the model's scores on validation patients, ε = ${evaluation.epsilon} each`,
    `1 audit: ${audit.attacks.length} noised histograms of attack scores, ε = ${members} each on training patients ` +
      `and ${nonMembers} each on audit patients`,
    "no record, no count, no un-noised value",
  ];
}
