import { AuditReport } from "@consilium/shared/audit/report";
import { ShadowReport } from "@consilium/shared/audit/shadow";
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { Evaluation } from "@consilium/shared/metric/evaluation";
import { Normalisation } from "@consilium/shared/normalisation/columnScales";
import type { StudyName } from "@consilium/shared/units/identity";
import type { Sql } from "./sql.ts";

export function saveMetric(sql: Sql, study: StudyName, round: number, metric: Evaluation): void {
  sql.run(sql.build.insertInto("metric").values({ study, round, metric: canonicalJson(metric) }));
}

/** Oldest first. */
export function metricsOf(sql: Sql, study: StudyName): readonly { round: number; metric: Evaluation }[] {
  const query = sql.build.selectFrom("metric").selectAll().where("study", "=", study).orderBy("round");
  return sql.all(query).map(({ round, metric }) => {
    return { round, metric: Evaluation.parse(JSON.parse(metric)) };
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

export function saveShadow(sql: Sql, study: StudyName, shadow: ShadowReport): void {
  sql.run(sql.build.insertInto("shadow").values({ study, shadow: canonicalJson(shadow) }));
}

/** What the shadow round came to; undefined before it, and for studies without one. */
export function shadowOf(sql: Sql, study: StudyName): ShadowReport | undefined {
  const row = sql.first(sql.build.selectFrom("shadow").selectAll().where("study", "=", study));
  return row === undefined ? undefined : ShadowReport.parse(JSON.parse(row.shadow));
}
