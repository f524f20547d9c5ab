/** What the agent knows besides its ledger: the steward and the decisions, data sets, and studies proposed. */
import { canonicalJson } from "@consilium/shared/encoding/canonicalJson";
import { assert, Failure } from "@consilium/shared/failure/failure";
import { Approval } from "@consilium/shared/study/approval";
import { CounterOffer } from "@consilium/shared/study/counterOffer";
import { StudyDocument } from "@consilium/shared/study/document";
import { DatasetId, Digest, Signature, StudyName } from "@consilium/shared/units/identity";
import type { Connection } from "@consilium/storage/database";
import { z } from "zod";
import { stewardKnown } from "../steward/notANewcomer.ts";
import { KnownSteward, type SignedStatement } from "../steward/statement.ts";
import { ReleaseRecords } from "./releases.ts";

export const DatasetRecord = z.strictObject({
  dataset: DatasetId,
  path: z.string(),
  registeredAt: z.string(),
  frozen: z.boolean(),
  /** Of the files as they were registered; `null` for a database, and where it was not recorded then. */
  content: Digest.nullable(),
  /** How the first study that was approved on it split its patients; every other must do the same. */
  splitRule: z.string().nullable(),
});
export type DatasetRecord = z.infer<typeof DatasetRecord>;

/** What is registered: a name, a file's real path, the digest of all behind it, and of each file by itself. */
export type NewDataset = Pick<DatasetRecord, "dataset" | "path" | "content"> & { readonly files: readonly Digest[] };

export const ProposalRecord = z.strictObject({
  study: StudyName,
  digest: Digest,
  document: StudyDocument,
  signature: Signature,
  receivedAt: z.string(),
  state: z.enum(["proposed", "approved", "rejected", "vetoed"]),
  reason: z.string().nullable(),
  dataset: DatasetId.nullable(),
  approval: Approval.nullable(),
  told: z.boolean(),
  progress: z.string().nullable(),
  frozen: z.boolean(),
  /** What a steward would grant instead, of a study that was refused. */
  offer: CounterOffer.nullable(),
});
export type ProposalRecord = z.infer<typeof ProposalRecord>;

export class Records {
  readonly releases: ReleaseRecords;
  readonly #connection: Connection;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.releases = new ReleaseRecords(connection);
  }

  /** The first: whose key the consortium knows. */
  steward(): KnownSteward {
    const [first] = this.stewards();
    assert(first !== undefined, "a site that joined has its steward");
    return first;
  }

  /** The first, then those that were added, in that order. */
  stewards(): readonly KnownSteward[] {
    const rows = this.#connection.prepare("select name, public_key as publicKey from steward order by rowid").all();
    return rows.map((row) => KnownSteward.parse(row));
  }

  addSteward({ name, publicKey }: KnownSteward): void {
    const known = this.stewards().find((one) => one.name === name || one.publicKey === publicKey);
    if (known !== undefined) throw stewardKnown(known.name);
    this.#connection.prepare("insert into steward (name, public_key) values (?, ?)").run(name, publicKey);
  }

  /** The first steward is pinned when the site joins; another first one takes a new enrolment. */
  pinSteward({ name, publicKey }: KnownSteward): void {
    this.#connection.prepare("delete from steward").run();
    this.#connection.prepare("insert into steward (name, public_key) values (?, ?)").run(name, publicKey);
  }

  /** Of the newest decision that took effect, or that was signed before this database was put back. */
  lastStatementNumber(): number {
    const row = this.#connection
      .prepare(
        `select max(number) as number
         from (select number from statement union all select number from lost_decision)`,
      )
      .get();
    return z.object({ number: z.number().nullable() }).parse(row).number ?? 0;
  }

  /** The next decision's number is higher, so that nobody takes it for an older one. */
  noteLostDecision(number: number): void {
    this.#connection.prepare("insert or ignore into lost_decision (number) values (?)").run(number);
  }

  insertStatement(signed: SignedStatement, digest: Digest, at: string): void {
    this.#connection
      .prepare("insert into statement (number, digest, signed, at) values (?, ?, ?, ?)")
      .run(signed.statement.number, digest, canonicalJson(signed), at);
  }

  datasets(): readonly DatasetRecord[] {
    return this.#connection.prepare("select * from dataset order by id").all().map(datasetOf);
  }

  dataset(dataset: DatasetId): DatasetRecord | null {
    const row = this.#connection.prepare("select * from dataset where id = ?").get(dataset);
    return row === undefined ? null : datasetOf(row);
  }

  /**
   * Refuses to give a known name to other data, and known data another name: the same patients would have two budgets.
   * Data that only overlap can't be told here.
   */
  registerDataset({ dataset, path, content, files }: NewDataset, at: string): DatasetRecord {
    const known = this.dataset(dataset);
    if (known !== null) {
      if (known.path !== path) throw nameTaken(dataset);
      return known;
    }
    const twin = this.datasets().find((other) => other.path === path) ?? this.#datasetWithFile(files);
    if (twin !== undefined) throw registeredAlready(twin.dataset);
    this.#connection
      .prepare("insert into dataset (id, path, registered_at, content, files) values (?, ?, ?, ?, ?)")
      .run(dataset, path, at, content, JSON.stringify(files));
    return { dataset, path, registeredAt: at, frozen: false, content, splitRule: null };
  }

  /** A registered data set that one of the files lies in; of older ones the only file's digest is their content's. */
  #datasetWithFile(files: readonly Digest[]): DatasetRecord | undefined {
    const row = this.#connection
      .prepare(
        `select dataset.* from dataset, json_each(coalesce(files, json_array(content))) as known
         where known.value in (select value from json_each(?)) limit 1`,
      )
      .get(JSON.stringify(files));
    return row === undefined ? undefined : datasetOf(row);
  }

  /** The first approved study decides; what it decided stays, whatever becomes of it. */
  keepSplitRule(dataset: DatasetId, rule: string): void {
    this.#connection.prepare("update dataset set split_rule = coalesce(split_rule, ?) where id = ?").run(rule, dataset);
  }

  freeze(dataset: DatasetId, frozen: boolean): void {
    this.#connection.prepare("update dataset set frozen = ? where id = ?").run(frozen ? 1 : 0, dataset);
  }

  /** Keeps what is known of a study that is proposed again. */
  insertProposal(document: StudyDocument, digest: Digest, signature: Signature, at: string): void {
    this.#connection
      .prepare(
        `insert into proposal (digest, study, document, signature, received_at, state) values (?, ?, ?, ?, ?, 'proposed')
         on conflict (digest) do nothing`,
      )
      .run(digest, document.name, canonicalJson(document), signature, at);
  }

  proposals(): readonly ProposalRecord[] {
    return this.#connection.prepare("select * from proposal order by received_at, digest").all().map(proposalOf);
  }

  /** A study by name: the version that is approved, else the newest. */
  proposal(study: StudyName): ProposalRecord | null {
    const row = this.#connection
      .prepare(
        "select * from proposal where study = ? order by state = 'approved' desc, received_at desc, rowid desc limit 1",
      )
      .get(study);
    return row === undefined ? null : proposalOf(row);
  }

  proposalOf(digest: Digest): ProposalRecord | null {
    const row = this.#connection.prepare("select * from proposal where digest = ?").get(digest);
    return row === undefined ? null : proposalOf(row);
  }

  /** Another version of the study that was approved is withdrawn by this approval. */
  approve(digest: Digest, approval: Approval): void {
    const { study, dataset } = approval.statement;
    this.#connection
      .prepare(
        `update proposal set state = 'vetoed', reason = 'another version was approved'
         where study = ? and digest <> ? and state = 'approved'`,
      )
      .run(study, digest);
    this.#connection
      .prepare(
        `update proposal set state = 'approved', approval = ?, dataset = ?, reason = null, counter_offer = null, told = 0
         where digest = ?`,
      )
      .run(canonicalJson(approval), dataset, digest);
  }

  refuse(digest: Digest, state: "rejected" | "vetoed", reason: string): void {
    this.#connection
      .prepare("update proposal set state = ?, reason = ?, counter_offer = null, told = 0 where digest = ?")
      .run(state, reason, digest);
  }

  /** A refusal with an offer. */
  offer(digest: Digest, offer: CounterOffer, message: string): void {
    this.#connection
      .prepare("update proposal set state = 'rejected', reason = ?, counter_offer = ?, told = 0 where digest = ?")
      .run(message, canonicalJson(offer), digest);
  }

  freezeStudy(digest: Digest, frozen: boolean): void {
    this.#connection.prepare("update proposal set frozen = ? where digest = ?").run(frozen ? 1 : 0, digest);
  }

  markTold(digest: Digest): void {
    this.#connection.prepare("update proposal set told = 1 where digest = ?").run(digest);
  }

  setProgress(study: StudyName, progress: string): void {
    this.#connection.prepare("update proposal set progress = ? where study = ?").run(progress, study);
  }
}

const DatasetRow = z
  .object({
    id: DatasetId,
    path: z.string(),
    registered_at: z.string(),
    frozen: z.number(),
    content: Digest.nullable(),
    split_rule: z.string().nullable(),
  })
  .transform((row) => ({
    dataset: row.id,
    path: row.path,
    registeredAt: row.registered_at,
    frozen: row.frozen === 1,
    content: row.content,
    splitRule: row.split_rule,
  }));

function datasetOf(row: unknown): DatasetRecord {
  return DatasetRow.parse(row);
}

const ProposalRow = z.object({
  digest: z.string(),
  study: z.string(),
  document: z.string(),
  signature: z.string(),
  received_at: z.string(),
  state: z.string(),
  reason: z.string().nullable(),
  dataset: z.string().nullable(),
  approval: z.string().nullable(),
  told: z.number(),
  progress: z.string().nullable(),
  frozen: z.number(),
  counter_offer: z.string().nullable(),
});

function proposalOf(value: unknown): ProposalRecord {
  const parsed = ProposalRow.parse(value);
  const { received_at: receivedAt, document, approval, told, frozen, counter_offer: offer, ...row } = parsed;
  return ProposalRecord.parse({
    ...row,
    receivedAt,
    document: JSON.parse(document),
    approval: approval === null ? null : JSON.parse(approval),
    told: told === 1,
    frozen: frozen === 1,
    offer: offer === null ? null : JSON.parse(offer),
  });
}

function nameTaken(dataset: DatasetId): Failure {
  return new Failure({
    code: "data/name-taken",
    kind: "usage",
    what: `The name ${dataset} stands for other data already, with its own budget.`,
    remedy: "Register these data under another name: consilium-site data register NAME PATH",
  });
}

function registeredAlready(dataset: DatasetId): Failure {
  return new Failure({
    code: "data/registered-already",
    kind: "usage",
    what: `These data are registered already, as ${dataset}: under two names their patients would have two budgets.`,
    remedy: `Use ${dataset}: consilium-site data list`,
  });
}
