import { Failure, Refusal, toRefusal } from "@consilium/shared/failure/failure";
import { CapsInForce } from "@consilium/shared/ledger/cap";
import { capsInForce } from "@consilium/shared/ledger/capFilter";
import type { Purse } from "@consilium/shared/ledger/limit";
import type { LedgerState } from "@consilium/shared/ledger/state";
import { normalisationLines } from "@consilium/shared/normalisation/lines";
import { largestPlan } from "@consilium/shared/plan/largestPlan";
import { plannedEvents } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import { referenceRounds, referenceStudy } from "@consilium/shared/study/modelLines";
import { gridOfStudy } from "@consilium/shared/study/network";
import { headsOfStudy } from "@consilium/shared/study/siteHeads";
import { weightsLines } from "@consilium/shared/study/weightsLines";
import { DatasetId } from "@consilium/shared/units/identity";
import { z } from "zod";
import { epsilonAfter, requireAffordable } from "../ledger/affordable.ts";
import { type Policy, requireAllowed } from "./policy.ts";

/** What a steward looks at before signing. */
export const Quote = z.strictObject({
  dataset: DatasetId,
  /** Every cap that would bound it; null without one over all studies. */
  cap: CapsInForce.nullable(),
  /** ε at the cap's δ so far, and once everything that the study plans were done; null without a cap. */
  before: z.number().nullable(),
  after: z.number().nullable(),
  /** Why it can't be approved now: a rule of the policy, or a cap. */
  refusal: Refusal.nullable(),
  /** One line for each kind of message with something of the data in it. */
  leaves: z.array(z.string()),
  /** Pretrained weights that the study starts from, in words; none where it starts from its seed. */
  weights: z.array(z.string()),
});
export type Quote = z.infer<typeof Quote>;

export function quoteOf(state: LedgerState, policy: Policy, purse: Purse, day: number): Quote {
  const { site, dataset, document } = purse;
  return {
    dataset,
    cap: capsInForce(state, site, dataset, document.name) ?? null,
    before: epsilonAfter(state, purse, []),
    after: epsilonAfter(state, purse, plannedEvents(document)),
    refusal: refusalOf(state, policy, purse, day),
    leaves: leaves(document),
    weights: [...weightsLines(document)],
  };
}

function refusalOf(state: LedgerState, policy: Policy, purse: Purse, day: number): Refusal | null {
  try {
    requireAllowed(policy, purse.document);
    requireAffordable(state, purse, plannedEvents(purse.document), day);
    return null;
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    const refusal = toRefusal(error);
    if (!refusal.code.startsWith("budget/")) return refusal;
    return { ...refusal, remedy: beforeSigning(refusal.code, purse, () => hasOffer(state, purse, day)) };
  }
}

/** What a steward can do who hasn't approved yet: nothing runs that could be stopped. */
function beforeSigning(code: string, { dataset, document }: Purse, fits: () => boolean): string {
  const cap = `consilium-site budget cap ${dataset} --epsilon E --delta D`;
  if (code === "budget/no-cap") return `Set one: ${cap}`;
  const offer = `consilium-site study counter-offer ${document.name} --epsilon E`;
  if (code === "budget/study-exceeded") return `Offer what you would grant: ${offer}. Nothing was approved.`;
  const raise = `consilium-site budget raise ${dataset} ${RAISED_BY[code] ?? ""}--reason WHY`;
  if (!fits())
    return `No ε that you could offer fits. Two stewards may raise the cap (${raise}). Nothing was approved.`;
  return `Offer what fits (${offer}), or have two stewards raise the cap (${raise}). Nothing was approved.`;
}

/** Whether some noise makes the study fit: else its evaluations or its audit alone pass a limit. */
function hasOffer(state: LedgerState, purse: Purse, day: number): boolean {
  return largestPlan(state, purse, day).noiseMultiplier !== null;
}

const RAISED_BY: Readonly<Record<string, string>> = {
  "budget/cap-exceeded": "--epsilon E ",
  "budget/study-cap-exceeded": "--per-study E ",
  "budget/period-cap-exceeded": "--period PERIOD --epsilon E ",
};

/** What steps of reference models send. */
function referenceLines(document: StudyDocument): string[] {
  const { references } = document.audit;
  if (references === undefined) return [];
  const { privacy, training } = referenceStudy(document, 1);
  const { dimension, bits } = gridOfStudy(referenceStudy(document, 1));
  const bytes = Math.ceil((dimension * bits) / 8);
  return [
    `before training, ${referenceRounds(document)} contributions of ${bytes} bytes to ${references.models} reference models ` +
      `of the audit: sums of clipped gradients over a random sample of the reference part's patients ` +
      `(q = ${privacy.samplingRate}), each with Gaussian noise of σ = ${privacy.noiseMultiplier}` +
      (training.localSteps === 1 ? "" : `; ${training.localSteps} such sums in each, every one noised and charged`),
  ];
}

/** Whom a part of a contribution reaches by itself, where else there are sums of all sites' alone. */
function headLines(document: StudyDocument): string[] {
  const heads = headsOfStudy(document);
  if (heads === undefined) return [];
  return [
    `of each of them the ${heads.size} numbers of this site's own last layer reach the other sites and the release by themselves, ` +
      "under that same noise, and not in a sum over sites",
  ];
}

/** What the study sends of the data, in words. */
export function leaves(document: StudyDocument): string[] {
  const { training, evaluation, audit, privacy } = document;
  const { dimension, bits } = gridOfStudy(document);
  const bytes = Math.ceil((dimension * bits) / 8);
  const evaluations = Math.floor(training.rounds / evaluation.everyRounds);
  const { members, nonMembers } = audit.epsilon;
  const contributions = `${training.rounds} contributions of ${bytes} bytes: sums of clipped gradients over a random sample of`;
  const { normalisation, again } = document;
  if (again !== undefined) return [...againLines(document), ...NEVER_LEAVES];
  return [
    ...(normalisation === undefined
      ? []
      : [
          "before training, noised statistics of the training patients, each of whom counts once " +
            `(Gaussian noise of σ = ${normalisation.noiseMultiplier}): ${normalisationLines(document)[0]}`,
        ]),
    ...referenceLines(document),
    privacy.mechanism === "dp-sgd"
      ? `${contributions} patients (q = ${privacy.samplingRate}), each with Gaussian noise of σ = ${privacy.noiseMultiplier}` +
        (training.localSteps === 1 ? "" : `; ${training.localSteps} such sums in each, every one noised and charged`)
      : `${contributions} sanitized patients (q = ${privacy.samplingRate}), without further noise and for nothing more: ` +
        "the sanitized records were charged when they were made",
    ...headLines(document),
    ...(privacy.clipping.mode === "adaptive"
      ? ["in each of them, under the same noise and charge, how many sampled patients' gradients were below the norm"]
      : []),
    `${evaluations} noised histograms of the model's scores on validation patients` +
      `${document.data.survival === undefined ? "" : ", by the last interval and whether the event came"}` +
      `, ε = ${evaluation.epsilon} each`,
    `1 audit: ${audit.attacks.length} noised histograms of attack scores, ε = ${members} each on training patients ` +
      `and ${nonMembers} each on audit patients`,
    ...(audit.canaries === undefined
      ? []
      : [
          `with the audit, how many of ${audit.canaries.guesses} guesses about ${audit.canaries.count} made-up records of ` +
            "this site were right: made of the released model, those records and this site's coins, of no patient",
        ]),
    ...(training.earlyStop === undefined
      ? []
      : ["fewer rounds where the noised metric stops rising; the release promises no less than all of them cost"]),
    ...madeLines(document),
    ...(privacy.mechanism === "dp-sgd"
      ? NEVER_LEAVES
      : [NOT_COVERED, "no record, no un-noised count, no un-noised value of an original record"]),
  ];
}

const NOT_COVERED =
  "not covered by noise, and signed for with the approval: that an attempt failed here, without why, and at which " +
  "eighth of the study's answer time an answer came; both may hang on records";
const NEVER_LEAVES: readonly string[] = [NOT_COVERED, "no record, no un-noised count, no un-noised value"];

/** Of a study that only looks at a released model once more. */
function againLines({ again, audit: { attacks, epsilon } }: StudyDocument): string[] {
  return [
    `nothing is trained: a second audit of ${again?.study}, whose model was released, because: ${again?.reason}`,
    `1 audit: ${attacks.length} noised histograms of attack scores, ε = ${epsilon.members} each on training patients ` +
      `and ${epsilon.nonMembers} each on audit patients, on top of all that was charged before`,
  ];
}

/** What a generator, a shadow and gradient canaries have a site send. */
function madeLines({ generator, audit: { shadow, gradientCanaries, epsilon } }: StudyDocument): string[] {
  return [
    ...(shadow === undefined
      ? []
      : [
          "before training, 2 noised histograms of the last reference model's outputs: " +
            `ε = ${shadow.epsilon.members} on reference patients, ${shadow.epsilon.nonMembers} on validation patients`,
        ]),
    ...(generator === undefined
      ? []
      : [
          `which ${generator.best} of the kept generators teach most about validation patients, by the exponential ` +
            `mechanism (ε = ${generator.epsilon} a pick), and no count`,
          `with the audit, 1 noised histogram of what synthetic records teach, ε = ${epsilon.nonMembers} on audit patients`,
        ]),
    ...(gradientCanaries === undefined
      ? []
      : [`in the sums, ${gradientCanaries.count} public directions that join them by chance, of no patient`]),
  ];
}
