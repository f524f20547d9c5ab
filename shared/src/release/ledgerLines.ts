import { encodeEntry, readChain } from "../ledger/chain.ts";
import type { LedgerEntry, LedgerHead } from "../ledger/entry.ts";
import { holdsHead } from "../ledger/recovery.ts";
import type { LedgerState } from "../ledger/state.ts";
import { LEDGER_HEAD_DOMAIN } from "../protocol/messages.ts";
import { verifyStatement } from "../signing/ed25519.ts";
import { COORDINATOR, type PublicKey } from "../units/identity.ts";
import { isCanonicalBase64 } from "./manifest.ts";

/** A ledger as a release holds it: one canonical JSON entry a line, from the first to the head. */
export function ledgerBytes(entries: readonly LedgerEntry[]): Uint8Array {
  return new TextEncoder().encode(entries.map((entry) => `${encodeEntry(entry)}\n`).join(""));
}

/**
 * The coordinator's entries in `ledgerBytes`; throws `ledger/corrupt` at the first that it didn't sign in this place.
 */
export function readLedger(bytes: Uint8Array, coordinatorKey: PublicKey): LedgerEntry[] {
  const lines = new TextDecoder().decode(bytes).split("\n");
  // What follows the last line end is an entry without one, and is refused as such, or nothing.
  return readChain(lines.at(-1) === "" ? lines.slice(0, -1) : lines, COORDINATOR, coordinatorKey);
}

/** Whether a party signed a head, and, where it is the coordinator's, whether its ledger contains it. */
export function headHolds(
  { head, signature }: { head: LedgerHead; signature: string },
  partyKey: PublicKey,
  state: LedgerState,
  entries: readonly LedgerEntry[],
): boolean {
  const isOurs = holdsHead(state, head) && entries[head.sequence - 1]?.hash === head.hash;
  const contained = head.writer !== COORDINATOR || isOurs;
  return contained && isCanonicalBase64(signature) && verifyStatement(partyKey, LEDGER_HEAD_DOMAIN, head, signature);
}
