import { z } from "zod";
import { canonicalJson } from "../encoding/canonicalJson.ts";
import { Failure } from "../failure/failure.ts";
import { LEDGER_HEAD_DOMAIN, SignedHead } from "../protocol/messages.ts";
import { acceptRoster, EMPTY_ROSTER, SignedRoster } from "../protocol/roster.ts";
import { verifyStatement } from "../signing/ed25519.ts";
import { Digest, PartyName, type PublicKey } from "../units/identity.ts";
import { encodeEntry, readChain, readEntry } from "./chain.ts";
import { type InclusionProof, LedgerEntry } from "./entry.ts";
import { bytesOf, MerkleTree, verifyInclusion } from "./merkle.ts";
import { holdsHead } from "./recovery.ts";
import { replay } from "./replay.ts";
import { headOf, type LedgerState } from "./state.ts";

const PartySignedHead = z.strictObject({ party: PartyName, ...SignedHead.shape });

/** First line of an exported ledger; an entry a line follows, or an entry and its proof where only some are told. */
export const ExportHeader = z.strictObject({
  kind: z.literal("consilium-ledger"),
  formatVersion: z.literal(1),
  /** Every entry from the first to the head; else those that were asked for, each with the proof that it is in it. */
  complete: z.boolean(),
  ...SignedHead.shape,
  /** The same ledger, countersigned by sites at that length or before. */
  countersigned: z.array(PartySignedHead),
  /** Keys of the sites, signed by the coordinator; null in a site's own export. */
  roster: SignedRoster.nullable(),
});
export type ExportHeader = z.infer<typeof ExportHeader>;

const ProvedEntry = z.strictObject({ entry: LedgerEntry, path: z.array(Digest).max(64) });

/** Where each of these entries stands in the whole ledger, proved to whoever has its head alone. */
export function inclusionProofs(
  entries: readonly LedgerEntry[],
  wanted: readonly LedgerEntry[],
): readonly InclusionProof[] {
  const tree = new MerkleTree();
  for (const { hash } of entries) tree.append(bytesOf(hash));
  return wanted.map(({ sequence }) => ({ sequence, size: tree.size, path: tree.inclusionProof(sequence - 1) }));
}

/** The lines of an export: of the whole ledger, or of the wanted entries with their proofs. */
export function exportLines(
  header: Omit<ExportHeader, "kind" | "formatVersion" | "complete">,
  entries: readonly LedgerEntry[],
  wanted: readonly LedgerEntry[] | null,
): string[] {
  const first: ExportHeader = { kind: "consilium-ledger", formatVersion: 1, complete: wanted === null, ...header };
  if (wanted === null) return [JSON.stringify(first), ...entries.map(encodeEntry)];
  const proofs = inclusionProofs(entries, wanted);
  return [
    JSON.stringify(first),
    ...wanted.map((entry, index) => JSON.stringify({ entry, path: proofs[index]?.path ?? [] })),
  ];
}

/** What an export says, after everything in it was held against its writer's public key. */
export interface VerifiedExport {
  readonly header: ExportHeader;
  readonly entries: readonly LedgerEntry[];
  /** Of a complete export: all that the ledger says, every rule of it checked. */
  readonly state: LedgerState | null;
}

/**
 * Reads an export offline. Throws `ledger/corrupt` for an entry that its writer didn't sign in this place, and
 * `ledger/export-invalid` where head, proofs, roster or countersignatures don't fit each other.
 */
export function readExport(text: string, publicKey: PublicKey): VerifiedExport {
  const [first = "", ...lines] = text.split("\n").filter((line) => line !== "");
  const parsed = ExportHeader.safeParse(parseJson(first));
  if (!parsed.success) throw invalid("its first line is not the header of an exported ledger");
  const header = parsed.data;
  const { head, signature } = header;
  if (!verifyStatement(publicKey, LEDGER_HEAD_DOMAIN, head, signature)) {
    throw invalid(`its head is not signed with the key given for ${head.writer}`);
  }
  const entries = entriesOf(lines, header, publicKey);
  const state = header.complete ? replay(head.writer, entries) : null;
  if (state !== null && canonicalJson(headOf(state)) !== canonicalJson(head)) {
    throw invalid("its entries are not those that its head was signed over");
  }
  checkCountersigned(header, publicKey, state);
  return { header, entries, state };
}

/** Whoever reads an export has no ledger to restore: it is the file that is wrong. */
function entriesOf(lines: readonly string[], header: ExportHeader, publicKey: PublicKey): readonly LedgerEntry[] {
  try {
    if (header.complete) return readChain(lines, header.head.writer, publicKey);
    return lines.map((line) => readProved(line, header, publicKey));
  } catch (error) {
    if (!(error instanceof Failure) || error.code !== "ledger/corrupt") throw error;
    const { code, kind, message: what, fields } = error;
    throw new Failure({ code, kind, what, remedy: GET_AGAIN, fields, cause: error });
  }
}

function readProved(line: string, { head }: ExportHeader, publicKey: PublicKey): LedgerEntry {
  const parsed = ProvedEntry.safeParse(parseJson(line));
  if (!parsed.success) throw invalid("a line of it is no entry with its proof");
  const { entry, path } = parsed.data;
  const { writer, sequence, previousHash } = entry;
  const before = { writer: head.writer, sequence: sequence - 1, hash: previousHash };
  const read = readEntry(encodeEntry(entry), before, publicKey);
  if (verifyInclusion(bytesOf(read.hash), sequence - 1, head.sequence, path, head.root)) return read;
  throw invalid(`entry ${sequence} of ${writer}'s ledger is not proved to be in it`);
}

/** Sites signed heads of this very ledger: their keys from the roster, which the coordinator signed. */
function checkCountersigned(
  { roster, countersigned, head: newest }: ExportHeader,
  key: PublicKey,
  state: LedgerState | null,
): void {
  const known = roster === null ? EMPTY_ROSTER : acceptRoster(EMPTY_ROSTER, roster, key);
  for (const { party, head, signature } of countersigned) {
    const entry = known.sites.find(({ site }) => site === party);
    const isSigned = entry !== undefined && verifyStatement(entry.identityKey, LEDGER_HEAD_DOMAIN, head, signature);
    if (!isSigned || head.writer !== newest.writer) throw invalid(`${party} did not sign the head that it is said to`);
    if (state !== null && !holdsHead(state, head))
      throw invalid(`${party} countersigned a head that this ledger never had`);
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined; // What is no JSON has no form that a schema accepts.
  }
}

const GET_AGAIN = "Get the export again from its writer, and the public key by a way that you trust.";

function invalid(why: string): Failure {
  return new Failure({
    code: "ledger/export-invalid",
    kind: "fault",
    what: `The exported ledger can't be trusted: ${why}.`,
    remedy: GET_AGAIN,
  });
}
