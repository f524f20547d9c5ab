/** What the runner of rounds needs of the world; a simulator can stand in for each. */
import type { LedgerHead } from "@consilium/shared/ledger/entry";
import type {
  BlobReference,
  ReplyBody,
  RoundKey,
  RoundPurpose,
  SignedHead,
  SiteMessage,
} from "@consilium/shared/protocol/messages";
import type { PlannedCharge } from "@consilium/shared/study/charges";
import type { Digest, StudyName } from "@consilium/shared/units/identity";
import type { EngineReply, EngineRequest } from "../engine/message.ts";
import type { StudyStanding } from "./announcement.ts";
import type { DurableAttempt } from "./round.ts";

/** The link to the coordinator. Each call rejects with a `Failure` while the link is down. */
export interface RoundLink {
  send(message: SiteMessage, attachment?: Uint8Array): Promise<ReplyBody>;
  /** Sends a file of a contribution that was accepted as too large to ride in its message. */
  upload(path: string, digest: Digest, bytes: number): Promise<void>;
  /** Fetches a blob into a file; nothing stands at `path` unless its digest is right. */
  download(digest: Digest, bytes: number, path: string): Promise<void>;
}

export interface RoundEngine {
  request(request: EngineRequest): Promise<EngineReply>;
}

/** Never steps back, whatever somebody does to the wall clock. */
export interface MonotonicClock {
  nowMs(): number;
  /** Calls at that time, or at once if it has passed. Returns a way to cancel. */
  at(timeMs: number, call: () => void): () => void;
}

/** The durable side of rounds: ledger and attempts, in one database. Each call is one transaction. */
export interface RoundBook {
  standing(study: StudyName): StudyStanding | null;
  /** Newest head of the coordinator's ledger that this site countersigned. */
  countersigned(): LedgerHead | null;
  /** Newest attempt and newest committed round of a study's purpose. */
  resume(study: StudyName, purpose: RoundPurpose): { newest: DurableAttempt | null; committedRound: number | null };
  /**
   * Reserves the charges, marks them acting and remembers the attempt and the coordinator's head; throws a `Failure`,
   * changing nothing, where a cap would be passed. From here on the charges are spent.
   */
  book(key: RoundKey, charges: readonly PlannedCharge[], shown: SignedHead): void;
  /** The contribution stands in its file. */
  computed(key: RoundKey, content: BlobReference): void;
  /** The contribution left: its charges are committed. */
  acknowledged(key: RoundKey, content: BlobReference): void;
  /** The attempt is over; it may never leave again. */
  over(key: RoundKey): void;
  /** Remembers the outcome, and the coordinator's head as countersigned; returns this site's signature over it. */
  closed(key: RoundKey, outcome: "committed" | "abandoned", shown: SignedHead): SignedHead;
  /** This site's own head, signed. */
  head(): SignedHead;
}
