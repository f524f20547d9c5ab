import { type Spending, spendingOf } from "@consilium/shared/ledger/spent";
import { capOf, type LedgerState } from "@consilium/shared/ledger/state";
import { DatasetId, type SiteName, StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { Cap } from "../steward/statement.ts";

const StudySpending = z.object({
  study: StudyName,
  epsilon: z.number(),
  reservedEpsilon: z.number(),
  trainingEpsilon: z.number(),
});

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
  /** ε that the cap still leaves, reservations counted. */
  left: z.number(),
});
export type DatasetBudget = z.infer<typeof DatasetBudget>;

export function budgetOf(
  state: LedgerState,
  site: SiteName,
  { dataset, frozen }: { readonly dataset: DatasetId; readonly frozen: boolean },
): DatasetBudget {
  const cap = capOn(state, site, dataset);
  const spending: Spending | undefined = spendingOf(state, site, dataset);
  if (spending === undefined) return { dataset, frozen, cap, spending: null, left: 0 };
  const { epsilon, reservedEpsilon, trainingEpsilon, parts, studies } = spending;
  return {
    dataset,
    frozen,
    cap,
    spending: { epsilon, reservedEpsilon, trainingEpsilon, parts, studies: studies.map((study) => ({ ...study })) },
    left: Math.max(0, spending.cap - reservedEpsilon),
  };
}

/** The data set's cap as the steward set it last. */
export function capOn(state: LedgerState, site: SiteName, dataset: DatasetId): Cap | null {
  const body = capOf(state, site, dataset);
  if (body === undefined) return null;
  const { epsilon, delta, perStudy } = body;
  return { epsilon, delta, ...(perStudy === undefined ? {} : { perStudy }) };
}
