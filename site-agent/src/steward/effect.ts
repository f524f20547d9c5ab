import type { LedgerBody } from "@consilium/shared/ledger/entry";
import type { LedgerState } from "@consilium/shared/ledger/state";

/** What a steward's decision does: entries, if `check` finds nothing against them, and what else is kept of it. */
export interface Effect {
  readonly bodies: readonly LedgerBody[];
  readonly check: (state: LedgerState) => void;
  readonly also: () => void;
}
