import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { GateOverride } from "@consilium/shared/release/override";
import { Revocation } from "@consilium/shared/release/revocation";
import { SignatoryAnswer } from "@consilium/shared/release/signatories";
import { Digest, StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import type { Sql } from "./sql.ts";

export interface ReleaseRecord {
  readonly study: StudyName;
  readonly manifest: Digest;
  readonly path: string;
  /** Whose signatures stand in its manifest. */
  readonly signers: readonly string[];
  /** When its folder was written. */
  readonly at: string;
  /** What sites and auditors said to it, one each, in the order in which it came. */
  readonly answers: readonly SignatoryAnswer[];
  readonly revocation: Revocation | null;
}

/** A folder that was written again, after a crash, replaces what was known of it. */
export function saveRelease(sql: Sql, record: Pick<ReleaseRecord, "study" | "manifest" | "path" | "at">): void {
  const row = { ...record, signers: canonicalJson(["coordinator"]), answers: "[]" };
  sql.run(sql.build.deleteFrom("release").where("study", "=", record.study));
  sql.run(sql.build.insertInto("release").values(row));
}

export function saveAnswers(
  sql: Sql,
  study: StudyName,
  { signers, answers }: Pick<ReleaseRecord, "signers" | "answers">,
): void {
  const set = { signers: canonicalJson(signers), answers: canonicalJson(answers) };
  sql.run(sql.build.updateTable("release").set(set).where("study", "=", study));
}

export function saveRevocation(sql: Sql, study: StudyName, revocation: Revocation): void {
  const set = { revocation: canonicalJson(revocation) };
  sql.run(sql.build.updateTable("release").set(set).where("study", "=", study));
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
    answers: z.array(SignatoryAnswer).parse(JSON.parse(row.answers)),
    revocation: row.revocation === null ? null : Revocation.parse(JSON.parse(row.revocation)),
  }));
}

export function releaseOf(sql: Sql, study: StudyName): ReleaseRecord | undefined {
  return listReleases(sql).find((release) => release.study === study);
}

export function saveOverride(sql: Sql, study: StudyName, override: GateOverride): void {
  sql.run(sql.build.insertInto("gate_override").values({ study, override: canonicalJson(override) }));
}

/** An auditor's word against the gate; undefined where there is none. */
export function overrideOf(sql: Sql, study: StudyName): GateOverride | undefined {
  const row = sql.first(sql.build.selectFrom("gate_override").selectAll().where("study", "=", study));
  return row === undefined ? undefined : GateOverride.parse(JSON.parse(row.override));
}
