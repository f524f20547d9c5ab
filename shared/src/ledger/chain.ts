import { canonicalJson } from "../encoding/canonicalJson.ts";
import { digestOf } from "../encoding/digest.ts";
import { assert, Failure } from "../failure/failure.ts";
import { type Signer, signStatement, verifyStatement } from "../signing/ed25519.ts";
import type { PartyName } from "../units/identity.ts";
import { type ChainTip, GENESIS_HASH, type LedgerBody, LedgerEntry } from "./entry.ts";
import { readOwn } from "./ownLine.ts";

/** Domain of an entry's signature. */
const LEDGER_ENTRY_DOMAIN = "ledger-entry";

/** Tip of a ledger without entries. */
export function emptyTip(writer: PartyName): ChainTip {
  return { writer, sequence: 0, hash: GENESIS_HASH };
}

export function tipOf({ writer, sequence, hash }: LedgerEntry): ChainTip {
  return { writer, sequence, hash };
}

/** An entry with the line that it is stored as: its body is encoded once for both. */
export interface WrittenEntry {
  readonly entry: LedgerEntry;
  readonly line: string;
}

/**
 * The entries that follow `tip`, written together: canonical encoding → hash, and one signature, by the last of them:
 * its hash is of all before it. Each other one names it in what its own hash is of, so that no signature can be
 * taken away unseen.
 */
export function nextEntries(
  tip: ChainTip,
  at: string,
  bodies: readonly LedgerBody[],
  signer: Signer,
): readonly WrittenEntry[] {
  const last = tip.sequence + bodies.length;
  let previous = tip;
  return bodies.map((body) => {
    const { writer, sequence: before, hash: previousHash } = previous;
    const isLast = before + 1 === last;
    const content = { writer, sequence: before + 1, previousHash, at, body, ...(isLast ? {} : { signedWith: last }) };
    const text = canonicalJson(body);
    const hash = digestOf(contentText(content, text));
    const signed = isLast ? { signature: signStatement(signer, LEDGER_ENTRY_DOMAIN, { hash }) } : {};
    const entry: LedgerEntry = { ...content, hash, ...signed };
    previous = tipOf(entry);
    return { entry, line: entryText(entry, text) };
  });
}

/** The one entry that follows `tip`, signed itself. */
export function nextEntry(tip: ChainTip, at: string, body: LedgerBody, signer: Signer): LedgerEntry {
  const [written] = nextEntries(tip, at, [body], signer);
  assert(written !== undefined, "a body makes an entry");
  return written.entry;
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
  const { hash, signature } = entry;
  return textOf(entry, body, `"hash":"${hash}",`, signature === undefined ? "" : `"signature":"${signature}",`);
}

function contentText(content: Content, body: string): string {
  return textOf(content, body, "", "");
}

type Content = Pick<LedgerEntry, "writer" | "sequence" | "previousHash" | "at" | "signedWith">;

/**
 * Keys in code-unit order, with what an entry has more than its content in the places of `hash` and `signature`. Their
 * texts have nothing in them that JSON escapes.
 */
function textOf(
  { writer, sequence, previousHash, at, signedWith }: Content,
  body: string,
  hash: string,
  signature: string,
): string {
  const place = `"previousHash":"${previousHash}","sequence":${sequence}`;
  const together = signedWith === undefined ? "" : `"signedWith":${signedWith},`;
  return `{"at":"${at}","body":${body},${hash}${place},${signature}${together}"writer":"${writer}"}`;
}

/**
 * Reads the line that must follow `tip` in its writer's ledger. Throws `ledger/corrupt`, naming the entry, when one
 * byte of it differs from what was written there: form, place in the chain, hash and, where it bears one, signature
 * are checked. Who is to trust one without needs a proof that it is under a signed head.
 */
export function readEntry(line: string, tip: ChainTip, publicKey: string): LedgerEntry {
  const entry = readLinked(line, tip);
  if (entry.signature !== undefined) checkSignature(entry, publicKey);
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
  const { signature, signedWith } = entry;
  const isPlaced =
    signature === undefined ? signedWith !== undefined && signedWith > sequence : signedWith === undefined;
  if (!isPlaced) throw refuse("it bears a signature, or names the later entry that does: one of the two");
  return entry;
}

function checkSignature({ writer, sequence, hash, signature }: LedgerEntry, publicKey: string): void {
  if (signature !== undefined && verifyStatement(publicKey, LEDGER_ENTRY_DOMAIN, { hash }, signature)) return;
  throw corrupt(writer, sequence, "its signature is not its writer's");
}

/** Reads a whole ledger; an empty one is a ledger. Throws `ledger/corrupt` at the first bad entry. */
export function readChain(lines: Iterable<string>, writer: PartyName, publicKey: string): LedgerEntry[] {
  return [...chainEntries(lines, emptyTip(writer), publicKey)];
}

/**
 * The same one entry at a time, from wherever the ledger is known: a long ledger needn't be held as a whole. A reader
 * may rely on what was yielded only once the last entry was: it signs those that were written together with it.
 */
export function* chainEntries(lines: Iterable<string>, after: ChainTip, publicKey: string): Generator<LedgerEntry> {
  let tip = after;
  /** Number of the entry that must sign those just read. */
  let due: number | null = null;
  for (const line of lines) {
    const entry = readEntry(line, tip, publicKey);
    const signer = entry.signedWith ?? entry.sequence;
    if (due !== null && signer !== due) throw corrupt(tip.writer, entry.sequence, `entry ${due} was to sign it`);
    due = entry.signature === undefined ? signer : null;
    yield entry;
    tip = tipOf(entry);
  }
  if (due !== null) throw corrupt(tip.writer, due, "it is missing, and was to sign those before it");
}

/** Lines of our own whose form, place in the chain and hashes hold; that they are ours is for the caller to know. */
export function* linkedEntries(
  lines: Iterable<string>,
  after: ChainTip,
): Generator<LedgerEntry, LedgerEntry | null, undefined> {
  let tip = after;
  let last: LedgerEntry | null = null;
  for (const line of lines) {
    last = readOwn(line, tip) ?? readLinked(line, tip);
    yield last;
    tip = tipOf(last);
  }
  return last;
}

/**
 * The entries of a ledger that we wrote ourselves, up to its tip. The tip's hash is of all that comes before it, so its
 * signature alone vouches for the content of every entry; the others are read again by `budget verify`. A reader may
 * rely on what was yielded only once the last entry was: a tip that isn't ours is refused there.
 */
export function* ownEntries(lines: Iterable<string>, after: ChainTip, publicKey: string): Generator<LedgerEntry> {
  const last = yield* linkedEntries(lines, after);
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
