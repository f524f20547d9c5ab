import { type Kysely, type Migration, sql } from "kysely";

/** A shipped migration never changes; a new one follows it. */
export const siteMigrations: Record<string, Migration> = {
  "0100-site": {
    async up(db: Kysely<unknown>): Promise<void> {
      await createDecisions(db);
      await createRounds(db);
    },
  },
  "0101-dataset-content": {
    async up(db: Kysely<unknown>): Promise<void> {
      // SHA-256 of the file as it was registered, and how the first approved study split its patients.
      await db.schema.alterTable("dataset").addColumn("content", "text").execute();
      await db.schema.alterTable("dataset").addColumn("split_rule", "text").execute();
    },
  },
  "0102-counter-offer": {
    async up({ schema }: Kysely<unknown>): Promise<void> {
      await schema.alterTable("proposal").addColumn("counter_offer", "text").execute();
      await schema
        .alterTable("proposal")
        .addColumn("frozen", "integer", (c) => c.notNull().defaultTo(0).check(sql`frozen in (0, 1)`))
        .execute();
    },
  },
  "0103-lost-decision": {
    async up({ schema }: Kysely<unknown>): Promise<void> {
      // Numbers of decisions that stewards signed and that are not in `statement`: it was put back from an older copy.
      await schema
        .createTable("lost_decision")
        .addColumn("number", "integer", (c) => c.primaryKey())
        .execute();
    },
  },
  "0104-dataset-files": {
    async up({ schema }: Kysely<unknown>): Promise<void> {
      // JSON list of the SHA-256 of each file behind a data set; null for those of before: `content` is their file's.
      await schema.alterTable("dataset").addColumn("files", "text").execute();
    },
  },
  "0105-release": {
    async up({ schema }: Kysely<unknown>): Promise<void> {
      // Releases that this site was asked to sign, what it said, and notices of those that were revoked.
      await schema
        .createTable("release")
        .addColumn("manifest", "text", (c) => c.primaryKey())
        .addColumn("study", "text", (c) => c.notNull())
        .addColumn("at", "text", (c) => c.notNull())
        // manifest.json, as it came; null of a release that was only revoked.
        .addColumn("signed", "text")
        .addColumn("answer", "text")
        // Whether the coordinator has replied to the answer, and why it refused it, where it did.
        .addColumn("told", "integer", (c) => c.notNull().defaultTo(1).check(sql`told in (0, 1)`))
        .addColumn("refusal", "text")
        .addColumn("revocation", "text")
        .execute();
    },
  },
};

async function createDecisions({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable("steward")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("public_key", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("statement")
    .addColumn("number", "integer", (c) => c.primaryKey())
    .addColumn("digest", "text", (c) => c.notNull().unique())
    .addColumn("signed", "text", (c) => c.notNull())
    .addColumn("at", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("dataset")
    .addColumn("id", "text", (c) => c.primaryKey())
    .addColumn("path", "text", (c) => c.notNull())
    .addColumn("registered_at", "text", (c) => c.notNull())
    .addColumn("frozen", "integer", (c) => c.notNull().defaultTo(0).check(sql`frozen in (0, 1)`))
    .execute();
  await schema
    .createTable("proposal")
    .addColumn("digest", "text", (c) => c.primaryKey())
    .addColumn("study", "text", (c) => c.notNull())
    .addColumn("document", "text", (c) => c.notNull())
    .addColumn("signature", "text", (c) => c.notNull())
    .addColumn("received_at", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull().check(sql`state in ('proposed', 'approved', 'rejected', 'vetoed')`))
    .addColumn("reason", "text")
    .addColumn("dataset", "text")
    .addColumn("approval", "text")
    // Whether the coordinator has accepted the last decision.
    .addColumn("told", "integer", (c) => c.notNull().defaultTo(1).check(sql`told in (0, 1)`))
    // What the coordinator last said of the study.
    .addColumn("progress", "text")
    .execute();
}

async function createRounds({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable("attempt")
    .addColumn("study", "text", (c) => c.notNull())
    .addColumn("purpose", "text", (c) => c.notNull())
    .addColumn("round", "integer", (c) => c.notNull())
    .addColumn("attempt", "integer", (c) => c.notNull())
    .addColumn("state", "text", (c) =>
      c.notNull().check(sql`state in ('acting', 'computed', 'acknowledged', 'closed')`),
    )
    .addColumn("digest", "text")
    .addColumn("bytes", "integer")
    .addColumn("committed", "integer", (c) => c.notNull().defaultTo(0).check(sql`committed in (0, 1)`))
    .addPrimaryKeyConstraint("attempt_key", ["study", "purpose", "round", "attempt"])
    .execute();
  await schema
    .createTable("countersigned")
    .addColumn("id", "integer", (c) => c.primaryKey().check(sql`id = 1`))
    .addColumn("head", "text", (c) => c.notNull())
    .execute();
}
