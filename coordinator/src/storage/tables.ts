/**
 * The coordinator's tables beside the ledger's. Structured columns hold canonical JSON, parsed by its zod schema on
 * every read. Secrets (tokens, sessions, links) are stored as SHA-256 alone.
 */
import type { Generated } from "kysely";

export interface CoordinatorTables {
  /** Written by the ledger's own store alone. */
  ledger_entry: { sequence: number; line: string };
  study: StudyRow;
  /** The ledger's `study-moved` entries again, for quick reading. */
  study_move: { sequence: number; study: string; move: string };
  approval: ApprovalRow;
  roster: RosterRow;
  deny_list: { id: 1; list: string };
  enrolment_token: { secret_hash: string; record: string };
  site: SiteRow;
  account: { name: string; role: string; created_at: string };
  credential: CredentialRow;
  round: RoundRow;
  model: ModelRow;
  normalisation: { study: string; normalisation: string };
  /** What the shadow round came to; JSON. */
  shadow: { study: string; shadow: string };
  generator: GeneratorRow;
  /** Which generators make the synthetic records, and by whose picks; JSON. */
  generator_choice: { study: string; choice: string };
  /** Files that generators made, which sites fetch in the choice and in the audit. */
  made: { study: string; purpose: "choose" | "audit"; digest: string; bytes: number };
  metric: { study: string; round: number; metric: string };
  audit: { study: string; report: string; at: string };
  release: ReleaseRow;
  /** Signed by an auditor; JSON. */
  gate_override: { study: string; override: string };
}

/** A study's generator after a round: the newest, and those that are kept to be chosen from. */
interface GeneratorRow {
  study: string;
  round: number;
  /** float32, little-endian. */
  parameters: Uint8Array;
  /** Adam's two moments, one after another; of the newest alone. */
  memory: Uint8Array | null;
  adam_step: number;
  is_kept: 0 | 1;
}

/** A release from when its folder was written: it has left once the study is `released`. */
interface ReleaseRow {
  study: string;
  manifest: string;
  path: string;
  signers: string;
  at: string;
  /** What sites and auditors said to it, signed: JSON array of `SignatoryAnswer`. */
  answers: Generated<string>;
  /** `Revocation` as JSON; null where it stands. */
  revocation: string | null;
}

export interface StudyRow {
  name: string;
  digest: string;
  document: string;
  /** Coordinator's signature over the document. */
  proposal: string;
  state: string;
  /** Of a paused study: what it goes on with. */
  resumes_to: string | null;
  reason: string | null;
  proposed_at: string;
}

export interface ApprovalRow {
  study: string;
  site: string;
  answer: "approved" | "rejected";
  /** Signed approval, the one that a rejection withdrew; null where there was none. */
  approval: string | null;
  reason: string | null;
  /** What a rejection offered instead. */
  counter_offer: string | null;
  at: string;
}

export interface RosterRow {
  version: number;
  signed: string;
}

/** What the roster doesn't say of a site: its certificate and its ledger's newest head that we witnessed. */
export interface SiteRow {
  site: string;
  certificate_ends_at: string | null;
  last_event_at: string | null;
  head: string | null;
  /** Newest head of our own ledger that the site countersigned. */
  countersigned: string | null;
}

export interface CredentialRow {
  hash: string;
  kind: "login-link" | "session" | "api-token";
  account: string;
  expires_at: string | null;
}

/** One attempt of a round. `announced` is written with its reservations, an end with its charges. */
export interface RoundRow {
  study: string;
  purpose: "normalise" | "reference" | "shadow" | "train" | "evaluate" | "choose" | "audit";
  round: number;
  attempt: number;
  state: "announced" | "committed" | "abandoned";
  /** Without the columns' scales, which are the study's in every round after the first. */
  spec: string;
  /** What each cohort site did: JSON object; null while open. */
  answers: string | null;
  result: string | null;
  announced_at: string;
  closed_at: string | null;
}

/**
 * A model version of a line: 0 is the study's own, 1 … K its audit's reference models. Version 0 is the initial model;
 * version r is replayed from r − 1 by its aggregate.
 */
export interface ModelRow {
  study: string;
  line: number;
  version: number;
  digest: string;
  bytes: number;
  /** `ModelUpdate` as JSON; null for version 0. */
  lineage: string | null;
  /** Packed aggregate, where it is small enough to live here: durable in the commit's own transaction. */
  aggregate: Uint8Array | null;
  /** Digest of the optimizer state's file where model and state stand as files; null for any version between. */
  checkpoint: string | null;
  /** Norm of the next round with adaptive clipping: a float64, as SQLite keeps it. */
  round_norm: number | null;
}
