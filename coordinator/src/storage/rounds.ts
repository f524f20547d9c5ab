import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { RoundKey, RoundSpec } from "@consilium/shared/protocol/messages";
import { Digest, SiteName, type StudyName } from "@consilium/shared/units/identity";
import { sql as raw } from "kysely";
import { z } from "zod";
import type { Sql } from "./sql.ts";
import type { RoundRow } from "./tables.ts";

/** Order in which rounds were announced. */
const rowid = raw<number>`rowid`;

/** What a cohort site did in a closed round. */
export const SiteAnswer = z.enum(["answered", "late", "absent", "declined"]);
export type SiteAnswer = z.infer<typeof SiteAnswer>;

const Answers = z.record(SiteName, SiteAnswer);

export interface RoundRecord {
  readonly key: RoundKey;
  readonly spec: RoundSpec;
  readonly state: "announced" | "committed" | "abandoned";
  readonly answers: ReadonlyMap<SiteName, SiteAnswer>;
  readonly result: Digest | null;
  readonly announcedAt: string;
  readonly closedAt: string | null;
}

export interface RoundClosing {
  readonly outcome: "committed" | "abandoned";
  readonly answers: ReadonlyMap<SiteName, SiteAnswer>;
  readonly result: Digest | null;
  readonly at: string;
}

/** In the transaction of its reservations. The columns' scales stand once, with the study's normalisation. */
export function insertRound(sql: Sql, spec: RoundSpec, announcedAt: string): void {
  const { study, purpose, round, attempt } = spec.key;
  const { scales: _, ...kept } = spec;
  sql.run(
    sql.build.insertInto("round").values({
      study,
      purpose,
      round,
      attempt,
      state: "announced",
      spec: canonicalJson(kept),
      answers: null,
      result: null,
      announced_at: announcedAt,
      closed_at: null,
    }),
  );
}

/** In the transaction of its charges. */
export function closeRound(sql: Sql, key: RoundKey, closing: RoundClosing): void {
  const { outcome, answers, result, at } = closing;
  sql.run(
    sql.build
      .updateTable("round")
      .set({ state: outcome, answers: canonicalJson(Object.fromEntries(answers)), result, closed_at: at })
      .where("study", "=", key.study)
      .where("purpose", "=", key.purpose)
      .where("round", "=", key.round)
      .where("attempt", "=", key.attempt)
      .where("state", "=", "announced"),
  );
}

/** The attempt that was announced and has no end; at most one in a study. */
export function openRound(sql: Sql, study: StudyName): RoundRecord | undefined {
  const query = sql.build.selectFrom("round").selectAll().where("study", "=", study).where("state", "=", "announced");
  const row = sql.first(query);
  return row === undefined ? undefined : recordOf(row);
}

/** The attempt that ended last. */
export function lastClosed(sql: Sql, study: StudyName): RoundRecord | undefined {
  return newestRounds(sql, study, 1)[0];
}

/** Closed attempts, newest first. */
export function newestRounds(sql: Sql, study: StudyName, limit: number): readonly RoundRecord[] {
  const query = sql.build
    .selectFrom("round")
    .selectAll()
    .where("study", "=", study)
    .where("state", "!=", "announced")
    .orderBy(rowid, "desc")
    .limit(limit);
  return sql.all(query).map(recordOf);
}

/** Number of the attempt that comes next: a failed one is never tried again under its own name. */
export function nextAttempt(sql: Sql, key: Omit<RoundKey, "attempt">): number {
  const query = sql.build
    .selectFrom("round")
    .select(({ fn }) => fn.max("attempt").as("attempt"))
    .where("study", "=", key.study)
    .where("purpose", "=", key.purpose)
    .where("round", "=", key.round);
  return (sql.first(query)?.attempt ?? 0) + 1;
}

/** Where the study's schedule stands: the round that was committed last. */
export function lastCommitted(sql: Sql, study: StudyName): Pick<RoundKey, "purpose" | "round"> | undefined {
  const query = sql.build.selectFrom("round").select(["purpose", "round"]).where("study", "=", study);
  return sql.first(query.where("state", "=", "committed").orderBy(rowid, "desc").limit(1));
}

/** Rounds of one purpose that were committed, by their numbers. */
export function committedRounds(sql: Sql, study: StudyName, purpose: RoundKey["purpose"]): readonly number[] {
  const query = sql.build
    .selectFrom("round")
    .select("round")
    .where("study", "=", study)
    .where("purpose", "=", purpose)
    .where("state", "=", "committed")
    .orderBy("round");
  return sql.all(query).map(({ round }) => round);
}

/** How often each site was asked in closed rounds of all studies, and answered in time. */
export function attendance(sql: Sql): ReadonlyMap<string, { asked: number; answered: number }> {
  const counts = new Map<string, { asked: number; answered: number }>();
  const query = sql.build.selectFrom("round").select("answers").where("answers", "is not", null);
  for (const { answers } of sql.all(query)) {
    for (const [site, answer] of Object.entries(Answers.parse(JSON.parse(answers ?? "{}")))) {
      const { asked, answered } = counts.get(site) ?? { asked: 0, answered: 0 };
      counts.set(site, { asked: asked + 1, answered: answered + (answer === "answered" ? 1 : 0) });
    }
  }
  return counts;
}

function recordOf(row: RoundRow): RoundRecord {
  const { study, purpose, round, attempt } = row;
  const answers = Answers.parse(JSON.parse(row.answers ?? "{}"));
  return {
    key: RoundKey.parse({ study, purpose, round, attempt }),
    spec: RoundSpec.parse(JSON.parse(row.spec)),
    state: row.state,
    answers: new Map(Object.entries(answers).map(([site, answer]) => [SiteName.parse(site), SiteAnswer.parse(answer)])),
    result: row.result === null ? null : Digest.parse(row.result),
    announcedAt: row.announced_at,
    closedAt: row.closed_at,
  };
}
