/** What the runner of rounds needs of the world; a simulator can stand in for each. */
import type { LedgerHead } from "@consilium/shared/ledger/entry";
import type { ReplyBody, RoundKey, RoundPurpose, SignedHead } from "@consilium/shared/protocol/messages";
import type { PlannedCharge } from "@consilium/shared/study/charges";
import type { Logger } from "@consilium/shared/system/logger";
import type { Digest, PublicKey, SiteName, StudyName } from "@consilium/shared/units/identity";
import type { ChargedContent, Outgoing, OutgoingBytes, PublicRefusal } from "../disclosure/outgoing.ts";
import type { EngineReply, EngineRequest } from "../engine/message.ts";
import type { StudyStanding } from "./announcement.ts";
import type { ModelSource } from "./modelSource.ts";
import type { DurableAttempt } from "./round.ts";

/** The link to the coordinator. Each call rejects with a `Failure` while the link is down. */
export interface RoundLink {
  send(message: Outgoing, attachment?: OutgoingBytes): Promise<ReplyBody>;
  /** Sends a file of a contribution that was accepted as too large to ride in its message. */
  upload(path: string, content: ChargedContent): Promise<void>;
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

/**
 * The durable side of rounds: ledger and attempts, in one database. What ends is written together, at the next booking
 * or `flush`: one wait for the disk a round. A crash before that brings attempts back as they were, which is safe.
 */
export interface RoundBook {
  standing(study: StudyName): StudyStanding | null;
  /** Newest head of the coordinator's ledger that this site saw at a round's end or booking. */
  countersigned(): SignedHead | null;
  /** Newest attempt and newest committed round of a study's purpose. */
  resume(study: StudyName, purpose: RoundPurpose): { newest: DurableAttempt | null; committedRound: number | null };
  /**
   * Reserves the charges, marks them acting and remembers the attempt and the coordinator's head, in one durable
   * transaction; throws a `Failure`, changing nothing, where a cap would be passed. From here on the charges are spent.
   */
  book(key: RoundKey, charges: readonly PlannedCharge[], shown: SignedHead): void;
  /** The attempt is over here; its charges are committed if `content` left, or may have left. */
  end(key: RoundKey, content: ChargedContent | null): void;
  /** The coordinator closed the attempt, and showed this head of its ledger. */
  closed(key: RoundKey, outcome: "committed" | "abandoned", shown: SignedHead): void;
  /** Makes all ends durable; says which are since the last time, with this site's signature over the newest head. */
  flush(): Flushed;
  /** Why this site must not act: its own ledger lost or rewrote this head, which the coordinator saw of it. */
  ownRefusal(shown: LedgerHead): PublicRefusal | null;
  /** This site's own head, signed. */
  head(): SignedHead;
}

export interface Flushed {
  readonly ended: readonly RoundKey[];
  readonly countersigned: { readonly key: RoundKey; readonly head: SignedHead } | null;
}

/** Everything that the runner of rounds is given. */
export interface RoundsOptions {
  readonly site: SiteName;
  readonly coordinatorKey: PublicKey;
  readonly book: RoundBook;
  readonly engine: RoundEngine;
  readonly models: ModelSource;
  readonly link: RoundLink;
  readonly clock: MonotonicClock;
  readonly logger: Logger;
  /** Folder of packed contributions. */
  readonly outbox: string;
}
