import { type Spending, spendingOf } from "@consilium/shared/ledger/spent";
import { capOf, type LedgerState } from "@consilium/shared/ledger/state";
import type { DatasetId, SiteName } from "@consilium/shared/units/identity";
import type { Cap } from "../steward/statement.ts";

/** What a data set may spend and has spent. */
export interface DatasetBudget {
  readonly dataset: DatasetId;
  readonly frozen: boolean;
  readonly cap: Cap | null;
  /** Null without a cap: then nothing was charged. */
  readonly spending: Spending | null;
  /** ε that the cap still leaves, reservations counted. */
  readonly left: number;
}

export function budgetOf(
  state: LedgerState,
  site: SiteName,
  { dataset, frozen }: { readonly dataset: DatasetId; readonly frozen: boolean },
): DatasetBudget {
  const cap = capOn(state, site, dataset);
  const spending = spendingOf(state, site, dataset) ?? null;
  const left = spending === null ? 0 : Math.max(0, spending.cap - spending.reservedEpsilon);
  return { dataset, frozen, cap, spending, left };
}

/** The data set's cap as the steward set it last. */
export function capOn(state: LedgerState, site: SiteName, dataset: DatasetId): Cap | null {
  const body = capOf(state, site, dataset);
  if (body === undefined) return null;
  const { epsilon, delta, perStudy } = body;
  return { epsilon, delta, ...(perStudy === undefined ? {} : { perStudy }) };
}
