import type { Logger } from "@consilium/shared/system/logger";
import type { LedgerBook } from "../study/world.ts";

/** Entries a minute: whoever floods the listener with refusals must not fill the ledger, or the disk, with them. */
const ENTRIES_PER_MINUTE_MAX = 60;
const MINUTE_MS = 60_000;

/**
 * Notes refusals of the consortium's parties in the ledger, for auditors; beyond the limit only their number is logged.
 * The ledger travels with every release and never shrinks: who has no certificate of the consortium, a port scanner or
 * a health check, writes nothing in it and stands in the log alone.
 */
export class RefusalLog {
  readonly #ledger: Pick<LedgerBook, "append">;
  readonly #logger: Logger;
  readonly #parties: PerMinute;
  readonly #strangers: PerMinute;

  constructor(ledger: Pick<LedgerBook, "append">, logger: Logger, now: () => Date) {
    this.#ledger = ledger;
    this.#logger = logger;
    this.#parties = new PerMinute(now, (count) => logger.warn("refusals-not-noted", { count }));
    this.#strangers = new PerMinute(now, (count) => logger.warn("refused-strangers-not-logged", { count }));
  }

  /** Somebody whom no certificate of the consortium names. */
  noteStranger(address: string, code: string): void {
    if (this.#strangers.admits()) this.#logger.warn("refused-stranger", { address, code });
  }

  /** A party that its certificate names. */
  note(party: string, code: string, detail: string): void {
    if (!this.#parties.admits()) return;
    this.#logger.warn("refused", { party, code });
    this.#ledger.append([{ kind: "refusal-noted", party: party.slice(0, 100), code, detail: detail.slice(0, 500) }]);
  }
}

/** Admits so many a minute; tells of the number beyond when the next minute's first one comes. */
class PerMinute {
  readonly #now: () => Date;
  readonly #onOver: (count: number) => void;
  #minuteStart = 0;
  #count = 0;

  constructor(now: () => Date, onOver: (count: number) => void) {
    this.#now = now;
    this.#onOver = onOver;
  }

  admits(): boolean {
    const now = this.#now().getTime();
    if (now - this.#minuteStart >= MINUTE_MS) {
      if (this.#count > ENTRIES_PER_MINUTE_MAX) this.#onOver(this.#count - ENTRIES_PER_MINUTE_MAX);
      [this.#minuteStart, this.#count] = [now, 0];
    }
    this.#count += 1;
    return this.#count <= ENTRIES_PER_MINUTE_MAX;
  }
}
