import type { LedgerBody, LedgerEntry, LedgerHead } from "@consilium/shared/ledger/entry";
import { noticeFields } from "@consilium/shared/ledger/notice";
import type { LedgerState } from "@consilium/shared/ledger/state";
import { LEDGER_HEAD_DOMAIN, type SignedHead } from "@consilium/shared/protocol/messages";
import { type Signer, signStatement } from "@consilium/shared/signing/ed25519";
import type { Logger } from "@consilium/shared/system/logger";
import type { LedgerStore } from "@consilium/storage/ledgerStore";

/** This site's own ledger. One process owns it. */
export class SiteLedger {
  readonly #store: LedgerStore;
  readonly #identity: Signer;

  constructor(store: LedgerStore, identity: Signer) {
    this.#store = store;
    this.#identity = identity;
  }

  get state(): LedgerState {
    return this.#store.state;
  }

  /**
   * Appends entries in one durable transaction, together with what `also` writes to the same database. If `check` or
   * `also` throws, or an entry breaks a rule of the ledger, nothing was written.
   */
  append(bodies: readonly LedgerBody[], check: (state: LedgerState) => void, also: () => void): void {
    this.#store.transaction(() => {
      check(this.#store.state);
      this.#store.append(bodies);
      also();
    });
  }

  /** Logs each notice that entries from now on give, and charges that a crash left without their file. */
  logNotices(logger: Logger): void {
    for (const { body, state } of this.state.sanitizings.values())
      if (state === "acting" && body.from === undefined) logger.warn("sanitizing-unfinished", { charge: body.charge });
    this.#store.watchNotices((notice) => logger.warn("budget-notice", noticeFields(notice)));
  }

  entries(after = 0, limit?: number): readonly LedgerEntry[] {
    return this.#store.entries(after, limit);
  }

  /** The newest entry, signed to be shown to the coordinator. */
  head(): SignedHead {
    const head = this.#store.head();
    return { head, signature: signStatement(this.#identity, LEDGER_HEAD_DOMAIN, head) };
  }

  /** The lost head of this ledger that was accepted last, where it goes on without one. */
  forgone(): { readonly forgone?: LedgerHead } {
    const acceptances = [...this.#store.state.forgone.values()];
    // By where each stands: one that was accepted anew keeps its old place in the map.
    const [newest] = acceptances.sort((a, b) => b.accepted.sequence - a.accepted.sequence);
    return newest === undefined ? {} : { forgone: newest.lost };
  }

  /** Checks hashes, order and signatures of the whole chain; throws at the first entry that doesn't hold. */
  verify(): Promise<number> {
    return this.#store.verify();
  }
}
