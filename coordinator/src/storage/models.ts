import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { ModelUpdate } from "@consilium/shared/protocol/messages";
import { type LineNumber, OWN_LINE } from "@consilium/shared/study/modelLines";
import { Digest, type StudyName } from "@consilium/shared/units/identity";
import { ClippingNorm } from "@consilium/shared/units/privacy";
import type { Sql } from "./sql.ts";
import type { ModelRow } from "./tables.ts";

/** One model version. Its parameters follow from the checkpoint before it and the aggregates since. */
export interface ModelRecord {
  readonly version: number;
  readonly digest: Digest;
  readonly bytes: number;
  readonly update: ModelUpdate | null;
  /** The packed aggregate, where it lives in the database; else it is a blob named by `update.aggregate.digest`. */
  readonly aggregate: Uint8Array | null;
  /** Digest of the optimizer state's file, where model and state stand as files. */
  readonly checkpoint: Digest | null;
  /** Norm that a round from this version on clips to, where clipping is adaptive. */
  readonly roundNorm: ClippingNorm | null;
}

/** Versions of a study's line of models: its own, or one of its audit's reference models. */
export interface LineOf {
  readonly study: StudyName;
  readonly line: LineNumber;
}

export function insertModel(sql: Sql, { study, line }: LineOf, model: ModelRecord): void {
  sql.run(
    sql.build.insertInto("model").values({
      study,
      line,
      version: model.version,
      digest: model.digest,
      bytes: model.bytes,
      lineage: model.update === null ? null : canonicalJson(model.update),
      aggregate: model.aggregate,
      checkpoint: model.checkpoint,
      round_norm: model.roundNorm,
    }),
  );
}

export function latestModel(sql: Sql, study: StudyName, line = OWN_LINE): ModelRecord | undefined {
  const query = sql.build
    .selectFrom("model")
    .selectAll()
    .where("study", "=", study)
    .where("line", "=", line)
    .orderBy("version", "desc")
    .limit(1);
  const row = sql.first(query);
  return row === undefined ? undefined : recordOf(row);
}

/**
 * The newest checkpoint (of those up to `upTo`) and every version after it, oldest first: what it takes to have the
 * model again.
 */
export function lineSinceCheckpoint(
  sql: Sql,
  { study, line }: LineOf,
  upTo = Number.MAX_SAFE_INTEGER,
): readonly ModelRecord[] {
  const from = sql.first(
    sql.build
      .selectFrom("model")
      .select(({ fn }) => fn.max("version").as("version"))
      .where("study", "=", study)
      .where("line", "=", line)
      .where("checkpoint", "is not", null)
      .where("version", "<=", upTo),
  );
  const query = sql.build
    .selectFrom("model")
    .selectAll()
    .where("study", "=", study)
    .where("line", "=", line)
    .where("version", ">=", from?.version ?? 0)
    .orderBy("version");
  return sql.all(query).map(recordOf);
}

export function markCheckpoint(sql: Sql, { study, line }: LineOf, version: number, state: Digest): void {
  const query = sql.build.updateTable("model").set({ checkpoint: state }).where("study", "=", study);
  sql.run(query.where("line", "=", line).where("version", "=", version));
}

/**
 * Forgets what only versions before this one need: their aggregates and checkpoints; digests and lineage stay.
 * Returns the names of files that no row needs now.
 */
export function forgetBefore(sql: Sql, of: LineOf, version: number): readonly Digest[] {
  // Whatever is older than the checkpoint before was forgotten with that one.
  const versions = lineSinceCheckpoint(sql, of, version - 1);
  const change = sql.build.updateTable("model").set({ aggregate: null, checkpoint: null });
  const first = versions[0]?.version ?? 0;
  const ofLine = change.where("study", "=", of.study).where("line", "=", of.line);
  sql.run(ofLine.where("version", ">=", first).where("version", "<", version));
  const needed = new Set(versions.filter((model) => model.version >= version).flatMap(filesOf));
  // An aggregate in the database may stand in a file too: written for a site that asked for it.
  return versions
    .filter((model) => model.version < version)
    .flatMap((model) => filesOf({ ...model, aggregate: null }))
    .filter((digest) => !needed.has(digest));
}

function filesOf(model: ModelRecord): Digest[] {
  const checkpoint = model.checkpoint === null ? [] : [model.digest, model.checkpoint];
  return model.update === null || model.aggregate !== null
    ? checkpoint
    : [...checkpoint, model.update.aggregate.digest];
}

function recordOf(row: ModelRow): ModelRecord {
  return {
    version: row.version,
    digest: Digest.parse(row.digest),
    bytes: row.bytes,
    update: row.lineage === null ? null : ModelUpdate.parse(JSON.parse(row.lineage)),
    aggregate: row.aggregate === null ? null : new Uint8Array(row.aggregate),
    checkpoint: row.checkpoint === null ? null : Digest.parse(row.checkpoint),
    roundNorm: row.round_norm === null ? null : ClippingNorm.parse(row.round_norm),
  };
}
