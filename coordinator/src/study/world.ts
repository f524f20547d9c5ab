import type { Failure } from "@consilium/shared/failure/failure";
import type { LedgerBody, LedgerEntry, LedgerHead } from "@consilium/shared/ledger/entry";
import type { LedgerState } from "@consilium/shared/ledger/state";
import type { CoordinatorMessage, ReplyBody, ShownLedgers, SignedHead } from "@consilium/shared/protocol/messages";
import type { SignedRoster } from "@consilium/shared/protocol/roster";
import type { Sbom } from "@consilium/shared/release/sbom";
import type { Signer } from "@consilium/shared/signing/ed25519";
import type { PlannedCharge } from "@consilium/shared/study/charges";
import type { StudyDocument } from "@consilium/shared/study/document";
import type { Logger } from "@consilium/shared/system/logger";
import type { DatasetId, Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import type { BlobFolder } from "../storage/blobFolder.ts";
import type { Sql } from "../storage/sql.ts";

/** The consortium's ledger as studies use it. `append` runs inside the caller's transaction. */
export interface LedgerBook {
  append(bodies: readonly LedgerBody[]): void;
  /** Our newest head, signed. */
  head(): SignedHead;
  /** All that it says. */
  state(): LedgerState;
  /** The whole chain, oldest first. */
  entries(): LedgerEntry[];
  /** The chain up to an entry, oldest first, read with whatever else waits in between. */
  read(to: number): Promise<readonly LedgerEntry[]>;
  /** Our newest head as one site is to see it: signed, and proved to be the growth of the one it saw before. */
  shownTo(site: SiteName): ShownLedgers;
  /**
   * What a site took for good, as it says itself when its link begins; a failure where our ledger lost or rewrote that.
   */
  siteHolds(site: SiteName, head: LedgerHead | null): Failure | null;
  /** Sites that hold entries of ours which we lost, with the failure that says so: nothing may be begun meanwhile. */
  lost(): ReadonlyMap<SiteName, Failure>;
  /** Hash of one of our entries; undefined where there is none. */
  hashAt(sequence: number): Digest | undefined;
  /** Newest head of that site that is in the chain. */
  witnessed(site: SiteName): LedgerHead | undefined;
  /** Which limit (a cap, or the study's own ε) these charges would pass there, in words; null where all hold. */
  shortOf(
    site: SiteName,
    dataset: DatasetId,
    document: StudyDocument,
    charges: readonly PlannedCharge[],
  ): string | null;
}

/** The sites' links, as the agents' listener offers them. */
export interface SiteLink {
  isConnected(site: SiteName): boolean;
  /** Rejects where there is no link, or it ends before the reply. */
  send(site: SiteName, message: CoordinatorMessage, attachment?: Uint8Array): Promise<ReplyBody>;
  /** Path of the whole, verified upload; it is the caller's from then on. */
  expectUpload(site: SiteName, digest: Digest, bytes: number): Promise<string>;
  forgetUpload(site: SiteName, digest: Digest): Promise<void>;
}

/** Time, as a simulator can replace it. */
export interface Clock {
  now(): Date;
  /** Calls back once after so long; the result cancels. */
  after(milliseconds: number, run: () => void): () => void;
}

/** What may look different to people now. */
export type ChangeTopic = "studies" | "round" | "metrics" | "budgets" | "audit" | "sites" | "releases" | "ledger";

/** Everything that a study's run touches. */
export interface StudyWorld {
  readonly sql: Sql;
  readonly ledger: LedgerBook;
  readonly blobs: BlobFolder;
  /** Weights files that studies start from. */
  readonly weights: BlobFolder;
  readonly link: SiteLink;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly signer: Signer;
  readonly roster: () => SignedRoster;
  /** Newest countersignatures of our head; written to the database with the next commit, to save its fsync. */
  readonly countersigned: Map<SiteName, SignedHead>;
  readonly changed: (topic: ChangeTopic, study: StudyName | null) => void;
  readonly gatherMs: number;
  readonly releasesFolder: string;
  readonly softwareVersion: string;
  /** What this program runs with, as releases tell it. */
  readonly sbom: Sbom;
}
