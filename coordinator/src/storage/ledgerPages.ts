import { ChargeLog } from "@consilium/shared/ledger/chargeLog";
import { LedgerEntry } from "@consilium/shared/ledger/entry";
import type { Sql } from "./sql.ts";

/** Entries before a sequence number, newest first; for people to look at: the chain was verified when it was opened. */
export function entriesBefore(sql: Sql, before: number, limit: number): readonly LedgerEntry[] {
  const query = sql.build.selectFrom("ledger_entry").select("line").where("sequence", "<", before);
  return sql.all(query.orderBy("sequence", "desc").limit(limit)).map(readEntry);
}

/** Entries after a sequence number, oldest first. */
function entriesAfter(sql: Sql, after: number, limit: number): readonly LedgerEntry[] {
  const query = sql.build.selectFrom("ledger_entry").select("line").where("sequence", ">", after);
  return sql.all(query.orderBy("sequence").limit(limit)).map(readEntry);
}

function readEntry({ line }: { readonly line: string }): LedgerEntry {
  return LedgerEntry.parse(JSON.parse(line));
}

/** Entries at once: rounds wait some hundredths of a second at most while a long ledger is read for the first time. */
const PAGE = 1000;

/** The ledger as it went, for people's pictures of it: read on when somebody looks, never a second time. */
export class KeptChargeLog {
  readonly #sql: Sql;
  readonly #log = new ChargeLog();
  #reading: Promise<void> = Promise.resolve();

  constructor(sql: Sql) {
    this.#sql = sql;
  }

  /** Up to the newest entry. */
  async read(): Promise<ChargeLog> {
    // One after the other, whoever asks: an entry is taken once. A page that couldn't be read is asked for anew.
    this.#reading = this.#reading.catch(() => undefined).then(() => this.#readOn());
    await this.#reading;
    return this.#log;
  }

  async #readOn(): Promise<void> {
    for (;;) {
      const page = entriesAfter(this.#sql, this.#log.sequence, PAGE);
      for (const entry of page) this.#log.take(entry);
      if (page.length < PAGE) return;
      await new Promise((resolve) => setImmediate(resolve));
    }
  }
}
