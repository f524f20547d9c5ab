import { canonicalJson } from "../encoding/canonicalJson.ts";
import { digestOfJson } from "../encoding/digest.ts";
import { GENESIS_HASH, LedgerEntry, type LedgerHead } from "../ledger/entry.ts";
import { LEDGER_HEAD_DOMAIN } from "../protocol/messages.ts";
import { verifySignature, verifyStatement } from "../signing/ed25519.ts";
import { COORDINATOR, type PublicKey } from "../units/identity.ts";
import { isCanonicalBase64 } from "./manifest.ts";

/** A ledger as a release holds it: one canonical JSON entry a line, from the first to the head. */
export function ledgerBytes(entries: readonly LedgerEntry[]): Uint8Array {
  return new TextEncoder().encode(entries.map((entry) => `${canonicalJson(entry)}\n`).join(""));
}

/** The entries of `ledgerBytes`; null where a line is not canonical or no entry. */
export function readLedger(bytes: Uint8Array): readonly LedgerEntry[] | null {
  const text = Buffer.from(bytes).toString("utf8");
  const entries: LedgerEntry[] = [];
  for (const line of text.split("\n").slice(0, -1)) {
    const entry = parseEntry(line);
    if (entry === null) return null;
    entries.push(entry);
  }
  return Buffer.compare(ledgerBytes(entries), bytes) === 0 ? entries : null;
}

/** Whether these entries are the whole of one writer's ledger: numbered from 1, linked, hashed and signed. */
export function isWholeChain(entries: readonly LedgerEntry[], writerKey: PublicKey): boolean {
  return entries.every((entry, index) => {
    const { hash, signature, ...content } = entry;
    return (
      entry.writer === COORDINATOR &&
      entry.sequence === index + 1 &&
      entry.previousHash === (entries[index - 1]?.hash ?? GENESIS_HASH) &&
      digestOfJson(content) === hash &&
      verifySignature(writerKey, hash, signature)
    );
  });
}

/** Whether a party signed a head, and, where it is the coordinator's, whether these entries contain it. */
export function headHolds(
  { head, signature }: { head: LedgerHead; signature: string },
  partyKey: PublicKey,
  entries: readonly LedgerEntry[],
): boolean {
  const contained = head.writer !== COORDINATOR || (entries[head.sequence - 1]?.hash ?? GENESIS_HASH) === head.hash;
  return contained && isCanonicalBase64(signature) && verifyStatement(partyKey, LEDGER_HEAD_DOMAIN, head, signature);
}

function parseEntry(line: string): LedgerEntry | null {
  try {
    const entry = LedgerEntry.safeParse(JSON.parse(line));
    return entry.success ? entry.data : null;
  } catch {
    return null; // Not JSON: the caller's check says so.
  }
}
