import { CapChange } from "@consilium/shared/ledger/cap";
import { CapView, capViews } from "@consilium/shared/ledger/capView";
import { Notice } from "@consilium/shared/ledger/notice";
import { sanitizingWords } from "@consilium/shared/ledger/sanitizingWords";
import { type Spending, spendingOf } from "@consilium/shared/ledger/spent";
import { capOf, type LedgerState, type Raise, type Sanitizing } from "@consilium/shared/ledger/state";
import { DatasetId, Digest, type SiteName, StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { Cap } from "../steward/statement.ts";

const StudySpending = z.object({
  study: StudyName,
  epsilon: z.number(),
  reservedEpsilon: z.number(),
  trainingEpsilon: z.number(),
});

/** A cap's raise that one steward asked for; `number` names it to whoever decides. */
export const RaiseView = z.strictObject({
  number: z.number().int().positive(),
  dataset: DatasetId,
  change: CapChange,
  by: z.string(),
  reason: z.string(),
  at: z.string(),
  /** Digest of the statement that asked. */
  request: Digest,
  settled: z.strictObject({ isGranted: z.boolean(), by: z.string(), reason: z.string() }).nullable(),
});
export type RaiseView = z.infer<typeof RaiseView>;

/** A data set that was sanitized, in words. */
export const SanitizingView = z.strictObject({
  charge: z.string(),
  at: z.string(),
  /** False: spent, and no file was finished for it. */
  isWritten: z.boolean(),
  /** Digest of its file, once that was whole. */
  file: Digest.nullable(),
  /** What it did to each patient, and what two stewards signed for. */
  words: z.string(),
});
export type SanitizingView = z.infer<typeof SanitizingView>;

/** What a data set may spend and has spent. */
export const DatasetBudget = z.object({
  dataset: DatasetId,
  frozen: z.boolean(),
  cap: Cap.nullable(),
  /** Null without a cap: then nothing was charged. */
  spending: z
    .object({
      epsilon: z.number(),
      reservedEpsilon: z.number(),
      trainingEpsilon: z.number(),
      parts: z.object({ train: z.number(), validation: z.number(), audit: z.number() }),
      studies: z.array(StudySpending),
    })
    .nullable(),
  /** ε that the cap over all studies still leaves, reservations counted. */
  left: z.number(),
  /** That cap and all others, with what is booked under each. */
  caps: z.array(CapView),
  /** Every cap as stewards set it, by itself: the one over all studies first. */
  standing: z.array(CapChange),
  /** Oldest first, the settled ones with what became of them. */
  raises: z.array(RaiseView),
  /** Newest first. */
  notices: z.array(Notice),
  /** What was done to all of it at once, oldest first. */
  sanitizings: z.array(SanitizingView).default([]),
});
export type DatasetBudget = z.infer<typeof DatasetBudget>;

export function budgetOf(
  state: LedgerState,
  site: SiteName,
  { dataset, frozen }: { readonly dataset: DatasetId; readonly frozen: boolean },
  day: number,
): DatasetBudget {
  const cap = capOn(state, site, dataset);
  const spending: Spending | undefined = spendingOf(state, site, dataset);
  const about = {
    dataset,
    frozen,
    cap,
    caps: [...capViews(state, site, dataset, day)],
    standing: standingCaps(state, site, dataset),
    raises: raisesOf(state).filter((raise) => raise.dataset === dataset),
    notices: state.notices.filter((notice) => notice.dataset === dataset).toReversed(),
    sanitizings: [...state.sanitizings.values()].filter(({ body }) => body.dataset === dataset).map(sanitizingView),
  };
  if (spending === undefined) return { ...about, spending: null, left: 0 };
  const { epsilon, reservedEpsilon, trainingEpsilon, parts, studies } = spending;
  return {
    ...about,
    spending: { epsilon, reservedEpsilon, trainingEpsilon, parts, studies: studies.map((study) => ({ ...study })) },
    left: Math.max(0, spending.cap - reservedEpsilon),
  };
}

function sanitizingView({ body, at, state, result }: Sanitizing): SanitizingView {
  return { charge: body.charge, at, isWritten: state === "committed", file: result, words: sanitizingWords(body) };
}

/** All raises that were asked for, in order: the first is number 1. */
export function raisesOf(state: LedgerState): readonly RaiseView[] {
  return [...state.raises.values()].map(viewOf);
}

function viewOf({ asked, at, settled }: Raise, index: number): RaiseView {
  const { dataset, change, by, reason, statement: request } = asked;
  const outcome = settled === null ? null : { isGranted: settled.isGranted, by: settled.by, reason: settled.reason };
  return { number: index + 1, dataset, change, by, reason, at, request, settled: outcome };
}

/** The data set's cap as the steward set it last. */
export function capOn(state: LedgerState, site: SiteName, dataset: DatasetId): Cap | null {
  const body = capOf(state, site, dataset);
  if (body === undefined) return null;
  const { epsilon, delta, perStudy } = body;
  return { epsilon, delta, ...(perStudy === undefined ? {} : { perStudy }) };
}

/** Each of these a steward may change. */
function standingCaps(state: LedgerState, site: SiteName, dataset: DatasetId): CapChange[] {
  const cap = capOn(state, site, dataset);
  if (cap === null) return [];
  const isHere = (one: { readonly site: SiteName; readonly dataset: DatasetId }): boolean =>
    one.site === site && one.dataset === dataset;
  const studies = [...state.studyCaps.values()].filter(isHere);
  const periods = [...state.periodCaps.values()].filter(isHere);
  return [
    { of: "data-set", ...cap },
    ...studies.map(({ study, epsilon }) => ({ of: "study" as const, study, epsilon })),
    ...periods.map(({ period, epsilon }) => ({ of: "period" as const, period, epsilon })),
  ];
}
