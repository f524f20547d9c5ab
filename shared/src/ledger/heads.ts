import { Failure } from "../failure/failure.ts";
import type { PartyName } from "../units/identity.ts";
import type { LedgerHead } from "./entry.ts";
import { headKey, headOf, type LedgerState, type RestoreAccepted } from "./state.ts";

/** Throws `ledger/head-disagrees` for a head that is older than the newest seen of its writer, or rewrites it. */
export function checkNewer(known: LedgerHead | undefined, head: LedgerHead): void {
  if (known === undefined || head.sequence > known.sequence) return;
  if (head.sequence === known.sequence && head.hash === known.hash) return;
  throw new Failure({
    code: "ledger/head-disagrees",
    kind: "refused",
    what:
      `${head.writer} showed entry ${head.sequence} as the head of its ledger, but had shown entry ` +
      `${known.sequence} before: its past was lost or rewritten.`,
    remedy: `Put the newest copy of ${head.writer}'s ledger back, or accept the restored one: budget accept-restore.`,
    fields: { writer: head.writer, sequence: head.sequence, known: known.sequence },
  });
}

/**
 * Whether it is this very ledger that was restored: it goes on from the head that it has, and answers for the one that
 * it lost. Else it is another's, which goes on from what its writer shows now. Throws `ledger/restore-mismatch` for heads
 * that don't fit.
 */
export function isOwnRestore(state: LedgerState, { lost, accepted }: RestoreAccepted): boolean {
  const { writer } = lost;
  if (accepted.writer !== writer) throw restoreMismatch(writer, "the two heads are of two ledgers");
  if (writer === state.tip.writer) {
    if (headKey(headOf(state)) === headKey(accepted)) return true;
    throw restoreMismatch(writer, "this ledger has another head now");
  }
  const known = state.witnessed.get(writer);
  if (known === undefined || lost.sequence >= known.sequence) return false;
  throw restoreMismatch(writer, `it had shown entry ${known.sequence}, after the one named as lost`);
}

function restoreMismatch(writer: PartyName, why: string): Failure {
  return new Failure({
    code: "ledger/restore-mismatch",
    kind: "refused",
    what: `The restored ledger of ${writer} can't be accepted like this: ${why}.`,
    remedy: "Accept the restore again, with what both sides show now.",
    fields: { writer },
  });
}
