import { type Kysely, type Migration, sql } from "kysely";

/** A shipped migration never changes; a new one follows it. */
export const ledgerMigrations: Record<string, Migration> = {
  "0001-ledger": {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .createTable("ledger_entry")
        .addColumn("sequence", "integer", (c) => c.primaryKey())
        .addColumn("hash", "text", (c) => c.notNull().unique())
        // The entry in its canonical form; the columns beside it only find it.
        .addColumn("line", "text", (c) => c.notNull())
        .execute();
      await sql`create trigger ledger_entry_kept before delete on ledger_entry
        begin select raise(abort, 'the ledger only grows'); end`.execute(db);
      await sql`create trigger ledger_entry_unchanged before update on ledger_entry
        begin select raise(abort, 'the ledger only grows'); end`.execute(db);
    },
  },
};
