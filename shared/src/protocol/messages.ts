/**
 * Bodies of all control messages. Every body travels in a signed envelope (`envelope.ts`); contributions, aggregates
 * and
 * models are bytes beside it: an attachment up to `INLINE_BYTES_MAX`, else an HTTPS transfer, each named by its digest.
 */
import { z } from "zod";
import { ShadowAttacks } from "../audit/shadow.ts";
import { PrivacyEvent } from "../event/event.ts";
import { RecordEvent } from "../event/recordEvent.ts";
import { Refusal } from "../failure/failure.ts";
import { ChargeId, ConsistencyProof, LedgerHead, REASON_LENGTH_MAX, UnprotectedDisclosure } from "../ledger/entry.ts";
import { ColumnScale } from "../normalisation/columnScales.ts";
import { Approval } from "../study/approval.ts";
import { CounterOffer } from "../study/counterOffer.ts";
import { StudyDocument } from "../study/document.ts";
import { StopReason } from "../study/earlyStop.ts";
import { REFERENCE_MODELS_MAX } from "../study/references.ts";
import { DatasetId, Digest, Signature, SiteName, StudyName } from "../units/identity.ts";
import { ClippingNorm } from "../units/privacy.ts";
import { LEDGER_PARTS_MAX, MANIFEST_TEXT_MAX } from "./limits.ts";

/** Bytes that a message speaks of. */
export const BlobReference = z.strictObject({ digest: Digest, bytes: z.number().int().nonnegative() });
export type BlobReference = z.infer<typeof BlobReference>;

/** Code by which a site declines an attempt that it can't finish. It may act in the next round all the same. */
export const ATTEMPT_LOST_CODE = "round/attempt-lost";

export const SignedHead = z.strictObject({ head: LedgerHead, signature: Signature });
export type SignedHead = z.infer<typeof SignedHead>;

/**
 * Both ledgers as a message shows them to one site: the coordinator's head, as the growth of the one shown before, and
 * the newest head of the site's own that the coordinator has in its chain.
 */
export const ShownLedgers = z.strictObject({
  head: SignedHead,
  consistency: ConsistencyProof,
  witnessed: LedgerHead.nullable(),
});
export type ShownLedgers = z.infer<typeof ShownLedgers>;

/**
 * What a round is for: the columns' noised statistics before training, one step of a reference model, one look at the
 * last of them, one step of training, one noised evaluation, the choice of generators of synthetic records, or the
 * audit before release.
 */
export const RoundPurpose = z.enum(["normalise", "reference", "shadow", "train", "evaluate", "choose", "audit"]);
export type RoundPurpose = z.infer<typeof RoundPurpose>;

/**
 * Names one attempt of one round. `round` counts training steps from 1; an evaluation, choice or audit bears that of its
 * model, normalisation 0. Steps of reference models are counted by themselves from 1, model after model.
 */
export const RoundKey = z.strictObject({
  study: StudyName,
  purpose: RoundPurpose,
  round: z.number().int().nonnegative(),
  attempt: z.number().int().positive(),
});
export type RoundKey = z.infer<typeof RoundKey>;

/** How the model of this round came from the one before: replayed exactly by each site, checked against `model`. */
export const ModelUpdate = z.strictObject({
  /** Model that the update starts from. */
  from: Digest,
  /** Number of optimizer steps before this one. */
  step: z.number().int().nonnegative(),
  /** Sites whose contributions the aggregate holds: their public patients times q are the divisor. */
  contributors: z.array(SiteName).min(1),
  aggregate: BlobReference,
  /** Norm that its contributions were clipped to, where clipping is adaptive. */
  roundNorm: ClippingNorm.optional(),
});
export type ModelUpdate = z.infer<typeof ModelUpdate>;

export const RoundSpec = z.strictObject({
  key: RoundKey,
  studyDigest: Digest,
  cohort: z.array(SiteName).min(1),
  /** Parameters as float32, little-endian, in `parameterSlots` order. */
  model: BlobReference,
  /** Absent at the first round and wherever a full model is quicker. */
  update: ModelUpdate.optional(),
  /** Norm that a training round clips to, where clipping is adaptive; any that a site takes is as private. */
  roundNorm: ClippingNorm.optional(),
  /** The columns' scales, in every round after a study's normalisation. */
  scales: z.array(ColumnScale).min(1).max(1000).optional(),
  /** Of the audit alone: why training ended before its last round, where it did so by the study's early stop. */
  stop: StopReason.optional(),
  /** Of the audit: the finished reference models, in their order; of the shadow round the last alone. */
  references: z.array(BlobReference).min(1).max(REFERENCE_MODELS_MAX).optional(),
  /** Of the audit alone: attacks that were learnt from the last reference model, where the study has such. */
  shadow: ShadowAttacks.optional(),
  /** Of a study with a generator: classifiers to choose by, in the choice; the synthetic records, in the audit. */
  made: BlobReference.optional(),
  answerAfterMs: z.number().positive(),
  deadlineMs: z.number().positive(),
});
export type RoundSpec = z.infer<typeof RoundSpec>;

/** How an attempt ended. */
export const RoundEnd = z.strictObject({
  key: RoundKey,
  outcome: z.enum(["committed", "abandoned"]),
  /** Digest of what the contributions became; absent when abandoned. */
  result: Digest.optional(),
});
export type RoundEnd = z.infer<typeof RoundEnd>;

/** Refusals in one message; of more the newest are told. */
export const HELD_ANSWERS_MAX = 500;

/** Asks the other side for its ledger, as far as it concerns both: an export (`ledger/exported.ts`), in parts. */
const LedgerWanted = z.strictObject({ type: z.literal("ledger-wanted") });
/** One part of that export, in its attachment; the parts come in their order. */
const LedgerTold = z.strictObject({
  type: z.literal("ledger-told"),
  part: z.number().int().positive(),
  parts: z.number().int().positive().max(LEDGER_PARTS_MAX),
});

/** A sanitizer's charge of a whole data set at a site, signed by that site: `ledger/sanitizingTold.ts`. */
const SignedSanitizing = z.strictObject({
  charge: ChargeId,
  dataset: DatasetId,
  events: z.array(RecordEvent).max(2),
  disclosure: UnprotectedDisclosure.optional(),
  statement: Digest,
  signature: Signature,
});

/** Of them in one message. */
export const SANITIZINGS_TOLD_MAX = 500;

/** Coordinator → site. */
export const CoordinatorMessage = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("study-proposed"), document: StudyDocument, digest: Digest, proposal: Signature }),
  z.strictObject({ type: z.literal("study-moved"), study: StudyName, state: z.string().max(40) }),
  /** Attachment: the update's aggregate, where it is small enough. */
  z.strictObject({
    type: z.literal("round-announced"),
    round: RoundSpec,
    /** The round before, where its end and this announcement come at once: one message says both. */
    ended: RoundEnd.optional(),
    ...ShownLedgers.shape,
  }),
  /** Ask for a contribution (again): it comes back byte-identical within an attempt. */
  z.strictObject({ type: z.literal("contribution-wanted"), key: RoundKey }),
  z.strictObject({ type: z.literal("round-closed"), ...RoundEnd.shape, ...ShownLedgers.shape }),
  z.strictObject({ type: z.literal("release-published"), study: StudyName, manifest: Digest }),
  /** A release that this site may sign or refuse, until it has: its `manifest.json`, which names each file by digest. */
  z.strictObject({
    type: z.literal("release-waits"),
    study: StudyName,
    manifest: Digest,
    signed: z.string().max(MANIFEST_TEXT_MAX),
  }),
  /** Nobody should use a release any more: `release/revocation.ts`, signed; told once more when a link begins. */
  z.strictObject({
    type: z.literal("release-revoked"),
    study: StudyName,
    manifest: Digest,
    reason: z.string().min(1).max(REASON_LENGTH_MAX),
    at: z.iso.datetime(),
    signature: Signature,
  }),
  /**
   * The ledgers don't join, so the site takes part in nothing: one of them was restored from an older copy. `yours`:
   * the head of the site's own that it may have lost; `ours`: the head of the coordinator's that the coordinator lost.
   * Neither: they join again.
   */
  z.strictObject({
    type: z.literal("ledgers-differ"),
    yours: LedgerHead.nullable(),
    ours: LedgerHead.nullable(),
  }),
  /**
   * What the coordinator holds of this site's answers, when a link begins: the newest approval, and studies that it
   * refused or withdrew, with the number of the approval that was withdrawn. A site that was put back from an older
   * copy may have lost them.
   */
  z.strictObject({
    type: z.literal("answers-held"),
    newest: Approval.nullable(),
    refused: z
      .array(
        z.strictObject({
          study: StudyName,
          studyDigest: Digest,
          number: z.number().int().positive().nullable(),
          reason: z.string().max(500),
        }),
      )
      .max(HELD_ANSWERS_MAX),
  }),
  /** What the site itself signed that it had done to whole data sets: a site put back from an older copy lost some. */
  z.strictObject({
    type: z.literal("sanitizings-held"),
    charges: z.array(SignedSanitizing).max(SANITIZINGS_TOLD_MAX),
  }),
  LedgerWanted,
  LedgerTold,
]);
export type CoordinatorMessage = z.infer<typeof CoordinatorMessage>;

/** Site → coordinator. */
export const SiteMessage = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("study-approved"), approval: Approval }),
  z.strictObject({
    type: z.literal("study-rejected"),
    study: StudyName,
    studyDigest: Digest,
    reason: z.string().max(500),
    /** What its steward would grant instead. */
    counterOffer: CounterOffer.optional(),
  }),
  /** The site will not act in this round: by policy, budget or veto; never for a reason that lies in its records. */
  z.strictObject({ type: z.literal("round-declined"), key: RoundKey, refusal: Refusal }),
  /** Attachment: the contribution's bytes, where small enough; else the site PUTs them once this was accepted. */
  z.strictObject({
    type: z.literal("contribution"),
    key: RoundKey,
    content: BlobReference,
    charges: z.array(z.strictObject({ charge: ChargeId, event: PrivacyEvent })).min(1),
    head: SignedHead,
    /** The coordinator's newest head with this site's signature, where it was not told yet. */
    countersigned: SignedHead.optional(),
  }),
  /** All that it did to whole data sets, when a link begins and with each new one; what is known counts once. */
  z.strictObject({
    type: z.literal("sanitizings-told"),
    charges: z.array(SignedSanitizing).min(1).max(SANITIZINGS_TOLD_MAX),
  }),
  /** What this site says to a release: `release/signatories.ts`, signed; `refusal`: why it won't, null where it signs. */
  z.strictObject({
    type: z.literal("release-answered"),
    study: StudyName,
    manifest: Digest,
    refusal: z.string().min(1).max(REASON_LENGTH_MAX).nullable(),
    signature: Signature,
  }),
  z.strictObject({ type: z.literal("head-countersigned"), ...SignedHead.shape }),
  z.strictObject({ type: z.literal("certificate-wanted"), csr: z.string().max(10_000) }),
  LedgerWanted,
  LedgerTold,
]);
export type SiteMessage = z.infer<typeof SiteMessage>;

/** What a reply says; itself a signed envelope. */
export const ReplyBody = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("accepted"), certificate: z.string().max(20_000).optional() }),
  z.strictObject({ type: z.literal("refused"), refusal: Refusal }),
]);
export type ReplyBody = z.infer<typeof ReplyBody>;

/** Domain of a ledger head's signature. */
export const LEDGER_HEAD_DOMAIN = "ledger-head";
/** Domain of the coordinator's signature over a study document. */
export const STUDY_PROPOSAL_DOMAIN = "study-proposal";
