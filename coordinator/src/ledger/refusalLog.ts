import type { Logger } from "@consilium/shared/system/logger";
import type { LedgerBook } from "../study/world.ts";

/** Entries a minute: whoever floods the listener with refusals must not fill the ledger, or the disk, with them. */
const ENTRIES_PER_MINUTE_MAX = 60;
const MINUTE_MS = 60_000;
const STRANGER = "a stranger";

/** Notes refusals in the ledger, for auditors; beyond the limit only their number is logged. */
export class RefusalLog {
  readonly #ledger: LedgerBook;
  readonly #logger: Logger;
  readonly #now: () => Date;
  #minuteStart = 0;
  #count = 0;

  constructor(ledger: LedgerBook, logger: Logger, now: () => Date) {
    this.#ledger = ledger;
    this.#logger = logger;
    this.#now = now;
  }

  /** The ledger travels with every release: who has no certificate is a stranger there, with an address in the log. */
  noteStranger(address: string, code: string, detail: string): void {
    this.#logger.warn("refused-stranger", { address, code });
    this.note(STRANGER, code, detail);
  }

  note(party: string, code: string, detail: string): void {
    const now = this.#now().getTime();
    if (now - this.#minuteStart >= MINUTE_MS) {
      if (this.#count > ENTRIES_PER_MINUTE_MAX)
        this.#logger.warn("refusals-not-noted", { count: this.#count - ENTRIES_PER_MINUTE_MAX });
      [this.#minuteStart, this.#count] = [now, 0];
    }
    this.#count += 1;
    this.#logger.warn("refused", { party, code });
    if (this.#count > ENTRIES_PER_MINUTE_MAX) return;
    this.#ledger.append([{ kind: "refusal-noted", party: party.slice(0, 100), code, detail: detail.slice(0, 500) }]);
  }
}
