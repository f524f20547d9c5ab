import { type Kysely, type Migration, type RawBuilder, sql } from "kysely";

/** A shipped migration never changes; a new one follows it. */
export const coordinatorMigrations: Record<string, Migration> = {
  "0100-coordinator": {
    async up(db: Kysely<unknown>): Promise<void> {
      await createConsortium(db);
      await createStudies(db);
      await createRounds(db);
    },
  },
  "0110-adaptive-clipping": {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema.alterTable("model").addColumn("round_norm", "real").execute();
    },
  },
  "0120-counter-offer": {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema.alterTable("approval").addColumn("counter_offer", "text").execute();
    },
  },
  "0130-normalisation": {
    async up(db: Kysely<unknown>): Promise<void> {
      await makeRoundsAnew(db, sql`purpose in ('normalise', 'train', 'evaluate', 'audit')`);
      await db.schema
        .createTable("normalisation")
        .addColumn("study", "text", (c) => c.primaryKey().references("study.name"))
        .addColumn("normalisation", "text", (c) => c.notNull())
        .execute();
    },
  },
  "0140-reference-models": {
    async up(db: Kysely<unknown>): Promise<void> {
      await makeRoundsAnew(db, sql`purpose in ('normalise', 'reference', 'train', 'evaluate', 'audit')`);
      await numberLinesOfModels(db);
    },
  },
  "0150-release-signatures": {
    async up(db: Kysely<unknown>): Promise<void> {
      await db.schema
        .alterTable("release")
        .addColumn("answers", "text", (c) => c.notNull().defaultTo("[]"))
        .execute();
      await db.schema.alterTable("release").addColumn("revocation", "text").execute();
      await db.schema
        .createTable("gate_override")
        .addColumn("study", "text", (c) => c.primaryKey().references("study.name"))
        .addColumn("override", "text", (c) => c.notNull())
        .execute();
    },
  },
  "0160-generators": {
    async up(db: Kysely<unknown>): Promise<void> {
      await makeRoundsAnew(db, sql`purpose in ('normalise', 'reference', 'train', 'evaluate', 'choose', 'audit')`);
      await createGenerators(db);
    },
  },
  "0170-shadow": {
    async up(db: Kysely<unknown>): Promise<void> {
      await makeRoundsAnew(
        db,
        sql`purpose in ('normalise', 'reference', 'shadow', 'train', 'evaluate', 'choose', 'audit')`,
      );
      await db.schema
        .createTable("shadow")
        .addColumn("study", "text", (c) => c.primaryKey().references("study.name"))
        .addColumn("shadow", "text", (c) => c.notNull())
        .execute();
    },
  },
};

/** SQLite changes no check of a column: the table is made anew, its rows in their order, which rounds are read in. */
async function makeRoundsAnew(db: Kysely<unknown>, purposes: RawBuilder<unknown>): Promise<void> {
  await db.schema.alterTable("round").renameTo("round_before").execute();
  await db.schema.dropIndex("round_open").execute();
  await createRoundTable(db, purposes);
  await sql`insert into round select * from round_before order by rowid`.execute(db);
  await db.schema.dropTable("round_before").execute();
}

/** Nor does it change a primary key. What was there is each study's own line. */
async function numberLinesOfModels(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema.alterTable("model").renameTo("model_before").execute();
  await schema
    .createTable("model")
    .addColumn("study", "text", (c) => c.notNull().references("study.name"))
    .addColumn("line", "integer", (c) => c.notNull())
    .addColumn("version", "integer", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("bytes", "integer", (c) => c.notNull())
    .addColumn("lineage", "text")
    .addColumn("aggregate", "blob")
    .addColumn("checkpoint", "text")
    .addColumn("round_norm", "real")
    .addPrimaryKeyConstraint("model_key", ["study", "line", "version"])
    .execute();
  await sql`insert into model
    select study, 0, version, digest, bytes, lineage, aggregate, checkpoint, round_norm from model_before`.execute(db);
  await schema.dropTable("model_before").execute();
}

async function createConsortium(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("roster")
    .addColumn("version", "integer", (c) => c.primaryKey())
    .addColumn("signed", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("deny_list")
    .addColumn("id", "integer", (c) => c.primaryKey().check(sql`id = 1`))
    .addColumn("list", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("enrolment_token")
    .addColumn("secret_hash", "text", (c) => c.primaryKey())
    .addColumn("record", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("site")
    .addColumn("site", "text", (c) => c.primaryKey())
    .addColumn("certificate_ends_at", "text")
    .addColumn("last_event_at", "text")
    .addColumn("head", "text")
    .addColumn("countersigned", "text")
    .execute();
  await schema
    .createTable("account")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("role", "text", (c) => c.notNull().check(sql`role in ('lead', 'auditor', 'observer')`))
    .addColumn("created_at", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("credential")
    .addColumn("hash", "text", (c) => c.primaryKey())
    .addColumn("kind", "text", (c) => c.notNull().check(sql`kind in ('login-link', 'session', 'api-token')`))
    .addColumn("account", "text", (c) => c.notNull().references("account.name"))
    .addColumn("expires_at", "text")
    .execute();
}

async function createStudies(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await schema
    .createTable("study")
    .addColumn("name", "text", (c) => c.primaryKey())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("document", "text", (c) => c.notNull())
    .addColumn("proposal", "text", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull())
    .addColumn("resumes_to", "text")
    .addColumn("reason", "text")
    .addColumn("proposed_at", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("approval")
    .addColumn("study", "text", (c) => c.notNull().references("study.name"))
    .addColumn("site", "text", (c) => c.notNull())
    .addColumn("answer", "text", (c) => c.notNull().check(sql`answer in ('approved', 'rejected')`))
    .addColumn("approval", "text")
    .addColumn("reason", "text")
    .addColumn("at", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("approval_key", ["study", "site"])
    .execute();
  await schema
    .createTable("study_move")
    .addColumn("sequence", "integer", (c) => c.primaryKey())
    .addColumn("study", "text", (c) => c.notNull().references("study.name"))
    .addColumn("move", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("metric")
    .addColumn("study", "text", (c) => c.notNull().references("study.name"))
    .addColumn("round", "integer", (c) => c.notNull())
    .addColumn("metric", "text", (c) => c.notNull())
    .addPrimaryKeyConstraint("metric_key", ["study", "round"])
    .execute();
  await schema
    .createTable("audit")
    .addColumn("study", "text", (c) => c.primaryKey().references("study.name"))
    .addColumn("report", "text", (c) => c.notNull())
    .addColumn("at", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("release")
    .addColumn("study", "text", (c) => c.primaryKey().references("study.name"))
    .addColumn("manifest", "text", (c) => c.notNull())
    .addColumn("path", "text", (c) => c.notNull())
    .addColumn("signers", "text", (c) => c.notNull())
    .addColumn("at", "text", (c) => c.notNull())
    .execute();
}

async function createRoundTable({ schema }: Kysely<unknown>, purposes: RawBuilder<unknown>): Promise<void> {
  await schema
    .createTable("round")
    .addColumn("study", "text", (c) => c.notNull().references("study.name"))
    .addColumn("purpose", "text", (c) => c.notNull().check(purposes))
    .addColumn("round", "integer", (c) => c.notNull())
    .addColumn("attempt", "integer", (c) => c.notNull())
    .addColumn("state", "text", (c) => c.notNull().check(sql`state in ('announced', 'committed', 'abandoned')`))
    .addColumn("spec", "text", (c) => c.notNull())
    .addColumn("answers", "text")
    .addColumn("result", "text")
    .addColumn("announced_at", "text", (c) => c.notNull())
    .addColumn("closed_at", "text")
    .addPrimaryKeyConstraint("round_key", ["study", "purpose", "round", "attempt"])
    .execute();
  await schema.createIndex("round_open").on("round").columns(["study", "state"]).execute();
}

async function createRounds(db: Kysely<unknown>): Promise<void> {
  const { schema } = db;
  await createRoundTable(db, sql`purpose in ('train', 'evaluate', 'audit')`);
  await schema
    .createTable("model")
    .addColumn("study", "text", (c) => c.notNull().references("study.name"))
    .addColumn("version", "integer", (c) => c.notNull())
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("bytes", "integer", (c) => c.notNull())
    .addColumn("lineage", "text")
    .addColumn("aggregate", "blob")
    .addColumn("checkpoint", "text")
    .addPrimaryKeyConstraint("model_key", ["study", "version"])
    .execute();
}

async function createGenerators({ schema }: Kysely<unknown>): Promise<void> {
  await schema
    .createTable("generator")
    .addColumn("study", "text", (c) => c.notNull().references("study.name"))
    .addColumn("round", "integer", (c) => c.notNull())
    .addColumn("parameters", "blob", (c) => c.notNull())
    .addColumn("memory", "blob")
    .addColumn("adam_step", "integer", (c) => c.notNull())
    .addColumn("is_kept", "integer", (c) => c.notNull().check(sql`is_kept in (0, 1)`))
    .addPrimaryKeyConstraint("generator_key", ["study", "round"])
    .execute();
  await schema
    .createTable("generator_choice")
    .addColumn("study", "text", (c) => c.primaryKey().references("study.name"))
    .addColumn("choice", "text", (c) => c.notNull())
    .execute();
  await schema
    .createTable("made")
    .addColumn("study", "text", (c) => c.notNull().references("study.name"))
    .addColumn("purpose", "text", (c) => c.notNull().check(sql`purpose in ('choose', 'audit')`))
    .addColumn("digest", "text", (c) => c.notNull())
    .addColumn("bytes", "integer", (c) => c.notNull())
    .addPrimaryKeyConstraint("made_key", ["study", "purpose"])
    .execute();
}
