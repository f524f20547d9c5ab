import { Failure } from "@consilium/shared/failure/failure";
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
      await letGrowAlone(db);
    },
  },
  "0002-merkle": {
    async up(db: Kysely<unknown>): Promise<void> {
      // Heads hold a Merkle root from here on; those in an older ledger are signed without one and can't be given it.
      const { rows } = await sql`select 1 from ledger_entry limit 1`.execute(db);
      if (rows.length > 0) throw olderFormat();
    },
  },
  "0003-hashes-by-chain": {
    async up(db: Kysely<unknown>): Promise<void> {
      // An index of hashes costs a random page at each entry, ever more as the ledger grows, and nobody asks by hash:
      // that no two are the same follows from the chain.
      await sql`create table ledger_entry_grown (sequence integer primary key, line text not null)`.execute(db);
      await sql`insert into ledger_entry_grown select sequence, line from ledger_entry order by sequence`.execute(db);
      await db.schema.dropTable("ledger_entry").execute();
      await db.schema.alterTable("ledger_entry_grown").renameTo("ledger_entry").execute();
      await letGrowAlone(db);
    },
  },
};

async function letGrowAlone(db: Kysely<unknown>): Promise<void> {
  await sql`create trigger ledger_entry_kept before delete on ledger_entry
    begin select raise(abort, 'the ledger only grows'); end`.execute(db);
  await sql`create trigger ledger_entry_unchanged before update on ledger_entry
    begin select raise(abort, 'the ledger only grows'); end`.execute(db);
}

function olderFormat(): Failure {
  return new Failure({
    code: "ledger/older-format",
    kind: "usage",
    what: "This database holds a ledger of a version before heads had a Merkle root; it can't be carried over.",
    remedy:
      "Go on with the version that wrote it, or begin with a new data folder and give the budgets spent so far as caps.",
  });
}
