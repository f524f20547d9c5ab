import { setImmediate } from "node:timers/promises";
import { assert, Failure } from "@consilium/shared/failure/failure";
import { chainEntries, emptyTip, linkedEntries, nextEntries, ownEntries } from "@consilium/shared/ledger/chain";
import type {
  ChainTip,
  ConsistencyProof,
  InclusionProof,
  LedgerBody,
  LedgerEntry,
  LedgerHead,
} from "@consilium/shared/ledger/entry";
import { bytesOf } from "@consilium/shared/ledger/merkle";
import type { Notice } from "@consilium/shared/ledger/notice";
import { apply, replay } from "@consilium/shared/ledger/replay";
import { emptyState, headOf, type LedgerState } from "@consilium/shared/ledger/state";
import type { Signer } from "@consilium/shared/signing/ed25519";
import type { Digest, PartyName } from "@consilium/shared/units/identity";
import type { Statement } from "better-sqlite3";
import type { Database } from "./database.ts";

/** What the store needs of its database, whatever other tables that has. */
export type LedgerDatabase = Pick<Database, "connection" | "transaction" | "onRollback">;

export interface LedgerStoreOptions {
  readonly writer: PartyName;
  readonly signer: Signer;
  readonly now: () => Date;
}

/** What to append: bodies, or a function that decides on them when it sees the ledger inside the transaction. */
export type Appended = LedgerBody | readonly LedgerBody[] | ((state: LedgerState) => readonly LedgerBody[]);

/**
 * A party's own ledger: durable, signed, and ready for questions in `state`. One process owns it. Every rule of the
 * ledger is checked before a line is written, so what it refuses leaves no trace.
 */
export class LedgerStore {
  readonly #database: LedgerDatabase;
  readonly #options: LedgerStoreOptions;
  readonly #statements: Statements;
  readonly #state: LedgerState;
  #onNotice: (notice: Notice) => void = () => undefined;
  #noticesTold: number;
  #verifying: Promise<number> | null = null;

  /**
   * Reads every entry: form, chain, hashes and the tip's signature, which is over all of them. Throws `ledger/corrupt`,
   * naming the first that can't be trusted.
   */
  constructor(database: LedgerDatabase, options: LedgerStoreOptions) {
    this.#database = database;
    this.#options = options;
    this.#statements = prepare(database);
    const { writer, signer } = options;
    this.#state = replay(writer, ownEntries(this.#lines(0), emptyTip(writer), signer.publicKey));
    this.#noticesTold = this.#state.notices.length;
  }

  /** Calls for each notice that entries from now on give, once their transaction is over. */
  watchNotices(onNotice: (notice: Notice) => void): void {
    this.#onNotice = onNotice;
  }

  /** All that the ledger says; changes with it, so read it and let go. */
  get state(): LedgerState {
    return this.#state;
  }

  head(): LedgerHead {
    return headOf(this.#state);
  }

  /** That the first `from` entries are the beginning of the ledger as it is now. */
  consistency(from: number): ConsistencyProof {
    return { from, path: this.#state.tree.consistencyProof(from) };
  }

  /** That an entry is in the ledger as it is now. */
  inclusion(sequence: number): InclusionProof {
    const { tree } = this.#state;
    return { sequence, size: tree.size, path: tree.inclusionProof(sequence - 1) };
  }

  /**
   * Appends entries in one durable transaction, or as part of the caller's. If a body breaks a rule (a cap, the life
   * of a charge) or the transaction fails later, nothing was appended, here and on disk.
   */
  append(appended: Appended): LedgerEntry[] {
    // A transaction is one synchronous stretch: by then it is committed, or its notices were taken back.
    queueMicrotask(() => this.#tellNotices());
    return this.#database.transaction(() => {
      const stored = this.#statements.last.get()?.sequence ?? 0;
      assert(stored === this.#state.tip.sequence, "memory and disk end at the same entry");
      const bodies =
        typeof appended === "function" ? appended(this.#state) : "kind" in appended ? [appended] : appended;
      return this.#write(bodies);
    });
  }

  /** Runs `body` in one transaction with whatever it appends. */
  transaction<T>(body: () => T): T {
    return this.#database.transaction(body);
  }

  /** Entries after a sequence number, oldest first; so many at most. */
  entries(after = 0, limit = Number.POSITIVE_INFINITY): LedgerEntry[] {
    const read = [...linkedEntries(this.#lines(after, limit), this.#tipAt(after))];
    const last = read.at(-1);
    if (last === undefined || this.#state.tree.holds(last.sequence - 1, bytesOf(last.hash))) return read;
    throw this.#otherOnDisk(`has another entry ${last.sequence} on disk than in memory`, last.sequence);
  }

  /** Hash of an entry; undefined for one that this ledger hasn't. */
  hashAt(sequence: number): Digest | undefined {
    return sequence === 0 ? emptyTip(this.#options.writer).hash : this.#statements.hashAt.get(sequence)?.hash;
  }

  /**
   * Reads the whole chain from the disk again, every signature too, and what is appended meanwhile; the number of its
   * entries. Throws `ledger/corrupt` at the first bad one. A million charges take minutes, so whatever else this
   * process does goes on between slices; whoever asks meanwhile gets the same answer.
   */
  verify(): Promise<number> {
    this.#verifying ??= this.#verified().finally(() => {
      this.#verifying = null;
    });
    return this.#verifying;
  }

  async #verified(): Promise<number> {
    const { writer, signer } = this.#options;
    const state = emptyState(writer);
    let since = performance.now();
    for (const entry of chainEntries(this.#lines(0), emptyTip(writer), signer.publicKey)) {
      apply(state, entry);
      if (performance.now() - since < VERIFY_SLICE_MS) continue;
      await setImmediate();
      since = performance.now();
    }
    const head = headOf(state);
    const { tip } = this.#state;
    if (head.root === this.head().root) return head.sequence;
    throw this.#otherOnDisk(
      `ends at entry ${head.sequence} on disk, at entry ${tip.sequence} in memory`,
      head.sequence,
    );
  }

  /** Together, by one signature: in the database they are all there or none. */
  #write(bodies: readonly LedgerBody[]): LedgerEntry[] {
    const { signer, now } = this.#options;
    return nextEntries(this.#state.tip, now().toISOString(), bodies, signer).map(({ entry, line }) => {
      this.#database.onRollback(apply(this.#state, entry));
      this.#statements.insert.run(entry.sequence, line);
      return entry;
    });
  }

  #tellNotices(): void {
    const due = this.#state.notices.slice(this.#noticesTold);
    this.#noticesTold = this.#state.notices.length;
    for (const notice of due) this.#onNotice(notice);
  }

  *#lines(after: number, limit = Number.POSITIVE_INFINITY): Generator<string> {
    // Some at a time, and not by an iterator of the library's: on Node 24.19 and later one that is collected ends the
    // process (see `keepStatements`).
    for (let [from, left] = [after, limit]; left > 0; ) {
      const page = this.#statements.lines.all(from, Math.min(left, LINES_AT_ONCE));
      for (const { line } of page) yield line;
      const last = page.at(-1);
      if (last === undefined) return;
      [from, left] = [last.sequence, left - page.length];
    }
  }

  #tipAt(sequence: number): ChainTip {
    const { writer } = this.#options;
    const hash = this.hashAt(sequence);
    return hash === undefined ? this.#state.tip : { writer, sequence, hash };
  }

  #otherOnDisk(how: string, sequence: number): Failure {
    const { writer } = this.#options;
    return new Failure({
      code: "ledger/corrupt",
      kind: "fault",
      what: `The ledger of ${writer} ${how}.`,
      remedy: "Stop this process; restore the ledger from a backup, then let it take over the other side's charges.",
      fields: { writer, sequence },
    });
  }
}

const LINES_AT_ONCE = 500;
/** A round waits no longer than this for a ledger that is being verified. */
const VERIFY_SLICE_MS = 20;

interface Statements {
  readonly insert: Statement<[number, string]>;
  readonly last: Statement<[], { sequence: number }>;
  readonly lines: Statement<[number, number], { sequence: number; line: string }>;
  readonly hashAt: Statement<[number], { hash: Digest }>;
}

function prepare({ connection }: LedgerDatabase): Statements {
  return {
    insert: connection.prepare("insert into ledger_entry (sequence, line) values (?, ?)"),
    last: connection.prepare("select sequence from ledger_entry order by sequence desc limit 1"),
    lines: connection.prepare("select sequence, line from ledger_entry where sequence > ? order by sequence limit ?"),
    hashAt: connection.prepare("select line ->> '$.hash' as hash from ledger_entry where sequence = ?"),
  };
}
