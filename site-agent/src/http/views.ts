/**
 * What the hospital's own page asks and is answered, on this machine alone: it may show what never leaves the site. The
 * one source of the page's types.
 */
import { GateResult } from "@consilium/shared/audit/report";
import { Refusal } from "@consilium/shared/failure/failure";
import { CapChange } from "@consilium/shared/ledger/cap";
import { LedgerEntry, Part, StewardName } from "@consilium/shared/ledger/entry";
import { EpsilonHistory } from "@consilium/shared/ledger/epsilonHistory";
import { DatasetId, Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { Delta, Epsilon } from "@consilium/shared/units/privacy";
import { z } from "zod";
import { Quote } from "../approval/quote.ts";
import { ReleaseSummary, StudySummary } from "../control/request.ts";
import { DatasetBudget } from "../ledger/budget.ts";
import { KeptReport } from "../report/keptReport.ts";

export const LoginRequest = z.strictObject({ token: z.string().min(1).max(200) });
/**
 * `page` is sent with each question from then on, beside the cookie. `program` never is: who says it, in each
 * `SessionView`, is the program that the link was of, and none that took its port over.
 */
export const LoginReply = z.strictObject({ page: z.string(), program: z.string() });
export type LoginReply = z.infer<typeof LoginReply>;

export const SessionView = z.strictObject({
  site: SiteName,
  /** Who approves studies. */
  steward: z.string(),
  /** All who may decide, the first steward first. */
  stewards: z.array(z.string()),
  dataFolder: z.string(),
  isAgentRunning: z.boolean(),
  program: z.string(),
});
export type SessionView = z.infer<typeof SessionView>;

export const BudgetsView = z.object({ budgets: z.array(DatasetBudget) });
export type BudgetsView = z.infer<typeof BudgetsView>;

export const HistoryQuery = z.strictObject({
  dataset: DatasetId,
  part: Part.optional(),
  study: StudyName.optional(),
});

export const HistoryView = z.strictObject({
  dataset: DatasetId,
  part: Part,
  study: StudyName.nullable(),
  delta: Delta,
  cap: Epsilon.nullable(),
  caps: z.array(z.strictObject({ at: z.string(), epsilon: Epsilon })),
  history: EpsilonHistory,
});
export type HistoryView = z.infer<typeof HistoryView>;

/** One study, with what it would cost each registered data set and why it can't be approved, where it can't. */
export const RequestView = z.object({
  study: StudySummary,
  rounds: z.number().int(),
  /** Null of a study on sanitized records. */
  noiseMultiplier: z.number().nullable(),
  samplingRate: z.number(),
  hasEnded: z.boolean(),
  quotes: z.array(Quote),
});
export type RequestView = z.infer<typeof RequestView>;

export const RequestsView = z.object({ requests: z.array(RequestView) });
export type RequestsView = z.infer<typeof RequestsView>;

/** A release that this site may sign, has answered, or that was revoked; with what would be signed, while it waits. */
export const ReleaseView = z.object({
  release: ReleaseSummary,
  /** For people: where it stands here. */
  standing: z.string(),
  /** Null until all of its files have come. */
  look: z
    .strictObject({
      verdict: z.string(),
      gate: GateResult,
      override: z.string().nullable(),
      /** Of this site's patients that pay most: as promised, and by this site's own ledger. */
      epsilon: z.strictObject({ promised: z.number(), own: z.number(), delta: z.number() }).nullable(),
      checks: z.array(
        z.strictObject({
          name: z.string(),
          passed: z.boolean(),
          explanation: z.string(),
          problems: z.array(z.string()),
        }),
      ),
    })
    .nullable(),
  /** Why it can't be looked at. */
  refusal: Refusal.nullable(),
});
export type ReleaseView = z.infer<typeof ReleaseView>;

export const ReleasesView = z.object({ releases: z.array(ReleaseView) });
export type ReleasesView = z.infer<typeof ReleasesView>;

/** Entries in one page of the ledger. */
export const LEDGER_PAGE = 50;

export const LedgerQuery = z.strictObject({
  /** Words that an entry must hold, whatever their case. */
  find: z.string().max(200).default(""),
  before: z.coerce.number().int().positive().optional(),
});

export const LedgerView = z.strictObject({
  entries: z.array(LedgerEntry),
  /** `before` of the next, older page; null where there is none. */
  olderBefore: z.number().int().nullable(),
  /** Entries that fit, of all. */
  found: z.number().int(),
  all: z.number().int(),
});
export type LedgerView = z.infer<typeof LedgerView>;

/** A data set with what is known of it here; figures of records stand in its report alone, made at this site. */
export const DatasetView = z.strictObject({
  dataset: DatasetId,
  path: z.string(),
  /** What it lies in; `null` where that can't be read now. */
  source: z.string().nullable(),
  registeredAt: z.string(),
  frozen: z.boolean(),
  content: Digest.nullable(),
  /** What was sanitized from it, as this site's ledger has it. */
  sanitizings: z.array(LedgerEntry),
  /** Decoded pictures that are kept. */
  kept: z.strictObject({ files: z.number().int(), bytes: z.number().int() }),
  report: KeptReport.nullable(),
});
export type DatasetView = z.infer<typeof DatasetView>;

export const DatasetsView = z.strictObject({
  datasets: z.array(DatasetView),
  /** Through whose contract data can be looked at. */
  studies: z.array(StudyName),
});
export type DatasetsView = z.infer<typeof DatasetsView>;

export const CheckRequest = z.strictObject({ study: StudyName, dataset: DatasetId });

const reason = z.string().trim().min(1, "a reason is needed").max(500);
const password = z.string().min(1, "the password is needed").max(1000);
/** Who decides, the first steward where nobody is named, by a password of their own. */
const by = { as: StewardName.optional(), password };
const onRelease = { study: StudyName, manifest: Digest };
const onStudy = { study: StudyName, digest: Digest };
/** `from`: the cap as the page showed it, its ε null where there was none. */
const cap = { dataset: DatasetId, from: CapChange, change: CapChange, reason };

/**
 * A steward's decision, with the figures that the page showed: where they moved since, nothing is decided. The password
 * opens the steward's key for this one decision and is kept nowhere.
 */
export const Decision = z.discriminatedUnion("action", [
  /** By the first steward, whose key the consortium knows. */
  z.strictObject({
    action: z.literal("approve"),
    ...onStudy,
    dataset: DatasetId,
    after: z.number(),
    /** Path of the data set's sanitized file, where the study trains on such. */
    sanitized: z.string().min(1).max(4096).optional(),
    password,
  }),
  z.strictObject({ action: z.literal("refuse"), ...onStudy, reason, ...by }),
  z.strictObject({
    action: z.literal("counter-offer"),
    ...onStudy,
    dataset: DatasetId,
    epsilon: z.number().positive(),
    reason,
    ...by,
  }),
  z.strictObject({ action: z.literal("sign-release"), ...onRelease, ...by }),
  z.strictObject({ action: z.literal("refuse-release"), ...onRelease, reason, ...by }),
  z.strictObject({ action: z.literal("freeze-study"), ...onStudy, frozen: z.boolean(), reason, ...by }),
  z.strictObject({ action: z.literal("freeze"), dataset: DatasetId, frozen: z.boolean(), reason, ...by }),
  z.strictObject({ action: z.literal("lower-cap"), ...cap, ...by }),
  z.strictObject({ action: z.literal("ask-raise"), ...cap, ...by }),
  /** `request`: the raise that waits, by the statement that asked for it. */
  z.strictObject({ action: z.literal("settle-raise"), request: Digest, isGranted: z.boolean(), reason, ...by }),
]);
export type Decision = z.infer<typeof Decision>;
/** As the page sends it. */
export type DecisionAsked = z.input<typeof Decision>;

/** What the command said while it was done. */
export const Said = z.strictObject({ lines: z.array(z.string()) });
export type Said = z.infer<typeof Said>;
