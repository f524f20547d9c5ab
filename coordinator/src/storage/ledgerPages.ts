import { LedgerEntry } from "@consilium/shared/ledger/entry";
import type { Sql } from "./sql.ts";

/** Entries before a sequence number, newest first; for people to look at: the chain was verified when it was opened. */
export function entriesBefore(sql: Sql, before: number, limit: number): readonly LedgerEntry[] {
  const query = sql.build.selectFrom("ledger_entry").select("line").where("sequence", "<", before);
  return sql.all(query.orderBy("sequence", "desc").limit(limit)).map(({ line }) => LedgerEntry.parse(JSON.parse(line)));
}
