import { AuditReport, Figure } from "@consilium/shared/audit/report";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import type { Evaluation } from "@consilium/shared/metric/evaluation";
import { Normalisation } from "@consilium/shared/normalisation/columnScales";
import { Digest, StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import type { Sql } from "./sql.ts";

/** A noised evaluation as it is kept. */
const StoredMetric = z.strictObject({ auc: Figure.optional(), accuracy: Figure });

export interface ReleaseRecord {
  readonly study: StudyName;
  readonly manifest: Digest;
  readonly path: string;
  readonly signers: readonly string[];
  readonly at: string;
}

export function saveMetric(sql: Sql, study: StudyName, round: number, metric: Evaluation): void {
  sql.run(sql.build.insertInto("metric").values({ study, round, metric: canonicalJson(metric) }));
}

/** Oldest first. */
export function metricsOf(sql: Sql, study: StudyName): readonly { round: number; metric: Evaluation }[] {
  const query = sql.build.selectFrom("metric").selectAll().where("study", "=", study).orderBy("round");
  return sql.all(query).map(({ round, metric }) => {
    const { auc, accuracy } = StoredMetric.parse(JSON.parse(metric));
    return { round, metric: auc === undefined ? { accuracy } : { auc, accuracy } };
  });
}

export function saveNormalisation(sql: Sql, study: StudyName, normalisation: Normalisation): void {
  sql.run(sql.build.insertInto("normalisation").values({ study, normalisation: canonicalJson(normalisation) }));
}

/** What the round before training came to; undefined before it, and for studies without one. */
export function normalisationKept(sql: Sql, study: StudyName): Normalisation | undefined {
  const row = sql.first(sql.build.selectFrom("normalisation").selectAll().where("study", "=", study));
  return row === undefined ? undefined : Normalisation.parse(JSON.parse(row.normalisation));
}

export function saveAudit(sql: Sql, study: StudyName, report: AuditReport, at: string): void {
  sql.run(sql.build.insertInto("audit").values({ study, report: canonicalJson(report), at }));
}

export function auditOf(sql: Sql, study: StudyName): { report: AuditReport; at: string } | undefined {
  const row = sql.first(sql.build.selectFrom("audit").selectAll().where("study", "=", study));
  return row === undefined ? undefined : { report: AuditReport.parse(JSON.parse(row.report)), at: row.at };
}

export function isAudited(sql: Sql, study: StudyName): boolean {
  return sql.first(sql.build.selectFrom("audit").select("at").where("study", "=", study)) !== undefined;
}

export function saveRelease(sql: Sql, record: ReleaseRecord): void {
  sql.run(sql.build.insertInto("release").values({ ...record, signers: canonicalJson(record.signers) }));
}

/** Newest first. */
export function listReleases(sql: Sql): readonly ReleaseRecord[] {
  const rows = sql.all(sql.build.selectFrom("release").selectAll().orderBy("at", "desc"));
  return rows.map((row) => ({
    study: StudyName.parse(row.study),
    manifest: Digest.parse(row.manifest),
    path: row.path,
    signers: z.array(z.string()).parse(JSON.parse(row.signers)),
    at: row.at,
  }));
}
