import { Refusal } from "@consilium/shared/failure/failure";
import { ChargeId, REASON_LENGTH_MAX } from "@consilium/shared/ledger/entry";
import { Revocation } from "@consilium/shared/release/revocation";
import { Approval } from "@consilium/shared/study/approval";
import { CounterOffer } from "@consilium/shared/study/counterOffer";
import { StudyDocument } from "@consilium/shared/study/document";
import { DatasetId, Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { Delta, Epsilon } from "@consilium/shared/units/privacy";
import { z } from "zod";
import { StudyEngine, WorkerStatus } from "../device/status.ts";
import { KnownSteward, SignedStatement } from "../steward/statement.ts";

/** Files that a data set may name. */
const DATASET_FILES_MAX = 1000;

/**
 * What a command may ask of the running agent. Whoever may open the data folder may ask; only a steward's signature
 * decides.
 */
export const ControlRequest = z.discriminatedUnion("ask", [
  z.strictObject({ ask: z.literal("status") }),
  z.strictObject({ ask: z.literal("stop") }),
  z.strictObject({ ask: z.literal("datasets") }),
  z.strictObject({
    ask: z.literal("register-dataset"),
    dataset: DatasetId,
    path: z.string().min(1).max(4096),
    content: Digest.nullable(),
    files: z.array(Digest).max(DATASET_FILES_MAX),
  }),
  z.strictObject({ ask: z.literal("studies") }),
  z.strictObject({ ask: z.literal("study"), study: StudyName }),
  /** What approving a study would cost a data set, and what would leave. */
  z.strictObject({ ask: z.literal("quote"), study: StudyName, dataset: DatasetId }),
  z.strictObject({ ask: z.literal("budget") }),
  z.strictObject({ ask: z.literal("ledger"), after: z.number().int().nonnegative().default(0) }),
  z.strictObject({ ask: z.literal("verify-ledger") }),
  /** Goes on from a restored ledger, this site's or the coordinator's: the operator's word, kept in the ledger. */
  z.strictObject({
    ask: z.literal("accept-restore"),
    by: z.string().min(1).max(100),
    reason: z.string().min(1).max(REASON_LENGTH_MAX),
    /** Says what it would do, and does nothing. */
    isPreview: z.boolean().default(false),
  }),
  /** Number and names for the steward's next decision. */
  z.strictObject({ ask: z.literal("next-decision") }),
  /** 50, 80 and 95 % of each cap, newest first. */
  z.strictObject({ ask: z.literal("notices") }),
  /** Those that wait for this site's word, those that it answered, and notices of revoked ones. */
  z.strictObject({ ask: z.literal("releases") }),
  z.strictObject({ ask: z.literal("decide"), signed: SignedStatement }),
  /** A sanitized file is whole, under a name of its own: its digest closes the charge, once. */
  z.strictObject({ ask: z.literal("commit-sanitizing"), charge: ChargeId, result: Digest }),
]);
export type ControlRequest = z.infer<typeof ControlRequest>;

export const ControlReply = z.discriminatedUnion("outcome", [
  z.strictObject({ outcome: z.literal("done"), answer: z.unknown() }),
  z.strictObject({ outcome: z.literal("refused"), refusal: Refusal }),
]);
export type ControlReply = z.infer<typeof ControlReply>;

/** One request and its reply, a line each. A page of the ledger is the largest. */
export const CONTROL_LINE_BYTES_MAX = 32 * 1024 * 1024;

/** What `status` answers, and `start` prints when it is ready. */
export const AgentStatus = z.strictObject({
  site: SiteName,
  pid: z.number().int(),
  since: z.string(),
  isConnected: z.boolean(),
  backend: z.string(),
  /** One line for each faster backend that is not in use: why. */
  notUsed: z.array(z.string()),
  workers: z.array(WorkerStatus),
  /** Studies that the engine has open, and what computes each. */
  studies: z.array(StudyEngine),
  certificateEnds: z.string(),
  steward: z.string(),
  /** Why the coordinator last refused to talk to this site. */
  lastRefusal: Refusal.nullable(),
  /** Why this site takes part in nothing, where one of the ledgers was restored from an older copy. */
  apart: z.strictObject({ what: z.string(), remedy: z.string() }).nullable(),
});
export type AgentStatus = z.infer<typeof AgentStatus>;

/** A study as `studies` and `study` answer it. */
export const StudySummary = z.strictObject({
  name: StudyName,
  digest: Digest,
  purpose: z.string(),
  epsilon: Epsilon,
  delta: Delta,
  state: z.enum(["proposed", "approved", "rejected", "vetoed"]),
  reason: z.string().nullable(),
  dataset: DatasetId.nullable(),
  /** Whether the coordinator knows of the decision. */
  told: z.boolean(),
  /** What the coordinator last said of the study. */
  progress: z.string().nullable(),
  /** Rules of this site's policy that the study breaks. */
  frozen: z.boolean(),
  /** What this site offered instead, where it refused with an offer. */
  offer: CounterOffer.nullable(),
  refusedBy: z.array(z.strictObject({ rule: z.string(), allowed: z.string(), asked: z.string() })),
});
export type StudySummary = z.infer<typeof StudySummary>;

export const StudyDetail = StudySummary.extend({ document: StudyDocument, approval: Approval.nullable() });
export type StudyDetail = z.infer<typeof StudyDetail>;

/** Somebody whom one steward asked for, and whom another may let in. */
export const WaitingSteward = z.strictObject({
  ...KnownSteward.shape,
  by: z.string(),
  reason: z.string(),
  at: z.string(),
  /** Digest of the statement that asked. */
  request: Digest,
});
export type WaitingSteward = z.infer<typeof WaitingSteward>;

export const NextDecision = z.strictObject({
  site: SiteName,
  steward: z.string(),
  /** All who may decide, the first steward first. */
  stewards: z.array(KnownSteward),
  waiting: z.array(WaitingSteward),
  number: z.number().int().positive(),
});
export type NextDecision = z.infer<typeof NextDecision>;

/** A release as `releases` answers it. */
export const ReleaseSummary = z.strictObject({
  study: StudyName,
  manifest: Digest,
  at: z.string(),
  /** Whether this site may answer it now. */
  isWaiting: z.boolean(),
  answer: z.strictObject({ answer: z.enum(["signed", "refused"]), reason: z.string().nullable() }).nullable(),
  /** Whether the coordinator has replied to the answer; with why, where it did not take it. */
  told: z.boolean(),
  refusal: Refusal.nullable(),
  revocation: Revocation.nullable(),
});
export type ReleaseSummary = z.infer<typeof ReleaseSummary>;
