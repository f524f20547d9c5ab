import { canonicalJson } from "../encoding/canonicalJson.ts";
import { digestOf } from "../encoding/digest.ts";
import { Failure } from "../failure/failure.ts";
import { type Signer, signStatement, verifyStatement } from "../signing/ed25519.ts";
import type { PartyName } from "../units/identity.ts";
import { type ChainTip, GENESIS_HASH, type LedgerBody, LedgerEntry } from "./entry.ts";

/** Domain of an entry's signature. */
const LEDGER_ENTRY_DOMAIN = "ledger-entry";

/** Tip of a ledger without entries. */
export function emptyTip(writer: PartyName): ChainTip {
  return { writer, sequence: 0, hash: GENESIS_HASH };
}

export function tipOf(entry: LedgerEntry): ChainTip {
  return { writer: entry.writer, sequence: entry.sequence, hash: entry.hash };
}

/** The entry that follows `tip`: canonical encoding → hash → signature. */
export function nextEntry(tip: ChainTip, at: string, body: LedgerBody, signer: Signer): LedgerEntry {
  return nextLine(tip, at, body, signer).entry;
}

/** The same, with the line that it is stored as: its body is encoded once for both. */
export function nextLine(
  tip: ChainTip,
  at: string,
  body: LedgerBody,
  signer: Signer,
): { readonly entry: LedgerEntry; readonly line: string } {
  const text = canonicalJson(body);
  const content = { writer: tip.writer, sequence: tip.sequence + 1, previousHash: tip.hash, at, body };
  const hash = digestOf(contentText(content, text));
  const entry = { ...content, hash, signature: signStatement(signer, LEDGER_ENTRY_DOMAIN, { hash }) };
  return { entry, line: entryText(entry, text) };
}

/** The one form in which an entry is stored and shown: a line of canonical JSON. */
export function encodeEntry(entry: LedgerEntry): string {
  return entryText(entry, canonicalJson(entry.body));
}

/**
 * Canonical JSON of an entry, and of its content, which is what its hash is of: both around one and the same text of
 * the body, whose making is most of the work of writing an entry and of reading one.
 */
function entryText(entry: LedgerEntry, body: string): string {
  const [hash, signature] = [JSON.stringify(entry.hash), JSON.stringify(entry.signature)];
  return textOf(entry, body, `"hash":${hash},`, `"signature":${signature},`);
}

function contentText(content: Content, body: string): string {
  return textOf(content, body, "", "");
}

type Content = Pick<LedgerEntry, "writer" | "sequence" | "previousHash" | "at">;

/** Keys in code-unit order, with what an entry has more than its content in the places of `hash` and `signature`. */
function textOf(
  { writer, sequence, previousHash, at }: Content,
  body: string,
  hash: string,
  signature: string,
): string {
  const [time, previous, party] = [at, previousHash, writer].map((text) => JSON.stringify(text));
  const place = `"previousHash":${previous},"sequence":${sequence}`;
  return `{"at":${time},"body":${body},${hash}${place},${signature}"writer":${party}}`;
}

/**
 * Reads the line that must follow `tip` in its writer's ledger. Throws `ledger/corrupt`, naming the entry, when one
 * byte of it differs from what the writer signed: form, place in the chain, hash and signature are all checked.
 */
export function readEntry(line: string, tip: ChainTip, publicKey: string): LedgerEntry {
  const entry = readLinked(line, tip);
  checkSignature(entry, publicKey);
  return entry;
}

/** The same but for the signature: form, place in the chain and hash. */
function readLinked(line: string, tip: ChainTip): LedgerEntry {
  const sequence = tip.sequence + 1;
  const refuse = (why: string): Failure => corrupt(tip.writer, sequence, why);
  const parsed = LedgerEntry.safeParse(parseJson(line));
  if (!parsed.success) throw refuse("it has not the form of an entry");
  const entry = parsed.data;
  const body = canonicalJson(entry.body);
  if (entryText(entry, body) !== line) throw refuse("it is not in canonical form");
  if (entry.writer !== tip.writer) throw refuse(`it was written by ${entry.writer}`);
  if (entry.sequence !== sequence) throw refuse(`it bears the number ${entry.sequence}`);
  if (entry.previousHash !== tip.hash) throw refuse("it does not follow the entry before it");
  if (digestOf(contentText(entry, body)) !== entry.hash) throw refuse("its hash is not that of its content");
  return entry;
}

function checkSignature({ writer, sequence, hash, signature }: LedgerEntry, publicKey: string): void {
  // A base64 text has unused low bits in its last digit: only the one canonical text is the signature.
  const canonical = Buffer.from(signature, "base64").toString("base64") === signature;
  if (canonical && verifyStatement(publicKey, LEDGER_ENTRY_DOMAIN, { hash }, signature)) return;
  throw corrupt(writer, sequence, "its signature is not its writer's");
}

/** Reads a whole ledger; an empty one is a ledger. Throws `ledger/corrupt` at the first bad entry. */
export function readChain(lines: Iterable<string>, writer: PartyName, publicKey: string): LedgerEntry[] {
  return [...chainEntries(lines, emptyTip(writer), publicKey)];
}

/** The same one entry at a time, from wherever the ledger is known: a long ledger needn't be held as a whole. */
export function* chainEntries(lines: Iterable<string>, after: ChainTip, publicKey: string): Generator<LedgerEntry> {
  let tip = after;
  for (const line of lines) {
    const entry = readEntry(line, tip, publicKey);
    yield entry;
    tip = tipOf(entry);
  }
}

/**
 * The entries of a ledger that we wrote ourselves, up to its tip. The tip's hash is of all that comes before it, so its
 * signature alone vouches for the content of every entry; those of the others are read again by `budget verify`. A
 * reader may rely on what was yielded only once the last entry was: a tip that isn't ours is refused there.
 */
export function* ownEntries(lines: Iterable<string>, after: ChainTip, publicKey: string): Generator<LedgerEntry> {
  let tip = after;
  let last: LedgerEntry | null = null;
  for (const line of lines) {
    last = readLinked(line, tip);
    yield last;
    tip = tipOf(last);
  }
  if (last !== null) checkSignature(last, publicKey);
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    // What is no JSON is no entry: the caller refuses `undefined` by name.
    return undefined;
  }
}

function corrupt(writer: PartyName, sequence: number, why: string): Failure {
  return new Failure({
    code: "ledger/corrupt",
    kind: "fault",
    what: `Entry ${sequence} of ${writer}'s ledger can't be trusted: ${why}.`,
    remedy:
      "Restore the ledger from a backup, then let it take over the other side's charges; look into who changed it.",
    fields: { writer, sequence },
  });
}
