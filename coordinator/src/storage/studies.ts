import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { Approval } from "@consilium/shared/study/approval";
import { CounterOffer } from "@consilium/shared/study/counterOffer";
import { StudyDocument } from "@consilium/shared/study/document";
import { Digest, Signature, SiteName, StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";
import { type StudyStanding, StudyState } from "../study/study.ts";
import type { Sql } from "./sql.ts";
import type { ApprovalRow, StudyRow } from "./tables.ts";

/** A study as the coordinator keeps it. */
export interface StudyRecord {
  readonly name: StudyName;
  readonly document: StudyDocument;
  readonly digest: Digest;
  readonly proposal: Signature;
  readonly standing: StudyStanding;
  /** Why it stands so, where a person or a rule gave a reason. */
  readonly reason: string | null;
  readonly proposedAt: string;
}

/** A site's answer to the exact study digest; the last one counts. */
export type SiteReply =
  | { readonly site: SiteName; readonly answer: "approved"; readonly approval: Approval; readonly at: string }
  | {
      readonly site: SiteName;
      readonly answer: "rejected";
      readonly reason: string;
      /** What its steward would grant instead. */
      readonly offer: CounterOffer | null;
      readonly at: string;
    };

export function insertStudy(sql: Sql, record: StudyRecord): void {
  const { standing } = record;
  sql.run(
    sql.build.insertInto("study").values({
      name: record.name,
      digest: record.digest,
      document: canonicalJson(record.document),
      proposal: record.proposal,
      state: standing.state,
      resumes_to: standing.state === "paused" ? standing.resumesTo : null,
      reason: record.reason,
      proposed_at: record.proposedAt,
    }),
  );
}

export function findStudy(sql: Sql, name: string): StudyRecord | undefined {
  const row = sql.first(sql.build.selectFrom("study").selectAll().where("name", "=", name));
  return row === undefined ? undefined : studyOf(row);
}

/** Newest first. */
export function listStudies(sql: Sql): readonly StudyRecord[] {
  const query = sql.build.selectFrom("study").selectAll().orderBy("proposed_at", "desc").orderBy("name");
  return sql.all(query).map(studyOf);
}

export function saveStanding(sql: Sql, name: StudyName, standing: StudyStanding, reason: string | null): void {
  const resumes_to = standing.state === "paused" ? standing.resumesTo : null;
  sql.run(sql.build.updateTable("study").set({ state: standing.state, resumes_to, reason }).where("name", "=", name));
}

/** A refusal leaves the approval that it withdraws where it is: its number says what is newer. */
export function saveReply(sql: Sql, study: StudyName, reply: SiteReply): void {
  const { site } = reply;
  const row: ApprovalRow = {
    study,
    site,
    answer: reply.answer,
    approval: reply.answer === "approved" ? canonicalJson(reply.approval) : approvalText(sql, study, site),
    reason: reply.answer === "rejected" ? reply.reason : null,
    counter_offer: reply.answer === "rejected" && reply.offer !== null ? canonicalJson(reply.offer) : null,
    at: reply.at,
  };
  sql.run(sql.build.replaceInto("approval").values(row));
}

function approvalText(sql: Sql, study: StudyName, site: SiteName): string | null {
  const query = sql.build.selectFrom("approval").select("approval").where("study", "=", study).where("site", "=", site);
  return sql.first(query)?.approval ?? null;
}

/** The approval of the highest number that a site ever gave, withdrawn or not; null where none bears a number. */
export function newestApproval(sql: Sql, site: SiteName): Approval | null {
  const rows = sql.all(sql.build.selectFrom("approval").select("approval").where("site", "=", site));
  const numbered = rows.flatMap(({ approval }) => {
    const given = approval === null ? null : Approval.parse(JSON.parse(approval));
    return given?.statement.number === undefined ? [] : [{ given, number: given.statement.number }];
  });
  return numbered.sort((a, b) => b.number - a.number)[0]?.given ?? null;
}

/** Every approval of a study, also one that was withdrawn since. */
export function approvalsGiven(sql: Sql, study: StudyName): readonly Approval[] {
  const query = sql.build.selectFrom("approval").select("approval").where("study", "=", study).orderBy("site");
  return sql.all(query).flatMap(({ approval }) => (approval === null ? [] : [Approval.parse(JSON.parse(approval))]));
}

export function repliesTo(sql: Sql, study: StudyName): readonly SiteReply[] {
  const query = sql.build.selectFrom("approval").selectAll().where("study", "=", study).orderBy("site");
  return sql.all(query).map(replyOf);
}

/** Approvals of all studies: which data set each site gives to each. */
export function allApprovals(sql: Sql): readonly Approval[] {
  const query = sql.build.selectFrom("approval").selectAll().where("answer", "=", "approved").orderBy("at");
  return sql.all(query).flatMap((row) => {
    const reply = replyOf(row);
    return reply.answer === "approved" ? [reply.approval] : [];
  });
}

/** When each data set was last approved for a study, by site and data set. */
export function lastApprovals(sql: Sql): ReadonlyMap<string, string> {
  const query = sql.build.selectFrom("approval").selectAll().where("answer", "=", "approved").orderBy("at");
  const times = new Map<string, string>();
  for (const reply of sql.all(query).map(replyOf)) {
    if (reply.answer === "approved") times.set(`${reply.site}/${reply.approval.statement.dataset}`, reply.at);
  }
  return times;
}

/** One change of a study's state, as its ledger entry says. */
const Move = z.strictObject({ from: z.string(), to: z.string(), by: z.string(), reason: z.string(), at: z.string() });
export type StudyMove = z.infer<typeof Move>;

/** In the transaction of its ledger entry, whose number it bears. */
export function saveMove(sql: Sql, study: StudyName, sequence: number, move: StudyMove): void {
  sql.run(sql.build.insertInto("study_move").values({ sequence, study, move: canonicalJson(move) }));
}

/** Oldest first. */
export function movesOf(sql: Sql, study: StudyName): readonly StudyMove[] {
  const query = sql.build.selectFrom("study_move").select("move").where("study", "=", study).orderBy("sequence");
  return sql.all(query).map(({ move }) => Move.parse(JSON.parse(move)));
}

function studyOf(row: StudyRow): StudyRecord {
  const state = StudyState.parse(row.state);
  const resumesTo = row.resumes_to === "auditing" ? "auditing" : "training";
  return {
    name: StudyName.parse(row.name),
    document: documentOf(row),
    digest: Digest.parse(row.digest),
    proposal: Signature.parse(row.proposal),
    standing: state === "paused" ? { state, resumesTo } : { state },
    reason: row.reason,
    proposedAt: row.proposed_at,
  };
}

/** A document never changes under its digest, and may have thousands of columns: each is read once. */
const documents = new Map<string, StudyDocument>();
const DOCUMENTS_MAX = 100;

function documentOf(row: StudyRow): StudyDocument {
  const known = documents.get(row.digest);
  if (known !== undefined) return known;
  const document = StudyDocument.parse(JSON.parse(row.document));
  if (documents.size >= DOCUMENTS_MAX) documents.clear();
  documents.set(row.digest, document);
  return document;
}

function replyOf(row: ApprovalRow): SiteReply {
  const site = SiteName.parse(row.site);
  if (row.answer === "rejected") {
    const offer = row.counter_offer === null ? null : CounterOffer.parse(JSON.parse(row.counter_offer));
    return { site, answer: "rejected", reason: row.reason ?? "", offer, at: row.at };
  }
  return { site, answer: "approved", approval: Approval.parse(JSON.parse(row.approval ?? "null")), at: row.at };
}
