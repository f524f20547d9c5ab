import type { BlobReference, RoundKey } from "@consilium/shared/protocol/messages";
import type { Digest, SiteName } from "@consilium/shared/units/identity";

/** What is fixed when one attempt of a round is announced; the same for training, evaluation and audit. */
export interface RoundPlan {
  readonly key: RoundKey;
  readonly cohort: ReadonlySet<SiteName>;
  readonly minSites: number;
  /** A site that drops out: go on without it at the deadline, or wait for it. */
  readonly onDropout: "continue" | "wait";
}

/** Reserved in the ledger; perhaps not one site has heard of it. The only state, beside the ends, that is durable. */
export interface Announced extends RoundPlan {
  readonly state: "announced";
}

export interface Collecting extends RoundPlan {
  readonly state: "collecting";
  /** What each site said that it will send; within an attempt it can't say otherwise later. */
  readonly offered: ReadonlyMap<SiteName, BlobReference>;
  /** Contributions that are in the running sum. */
  readonly received: ReadonlyMap<SiteName, Digest>;
  readonly declined: ReadonlySet<SiteName>;
  /** How often a site's bytes did not match what it offered. */
  readonly failures: ReadonlyMap<SiteName, number>;
  /** The deadline passed, and the policy is to wait. */
  readonly overdue: boolean;
}

/** Collection is closed; the sum becomes a model version, a metric or an audit report, whose digest is `result`. */
export interface Aggregated extends RoundPlan {
  readonly state: "aggregated";
  readonly contributors: ReadonlyMap<SiteName, Digest>;
  readonly declined: ReadonlySet<SiteName>;
  readonly failures: ReadonlyMap<SiteName, number>;
  readonly result: Digest | null;
}

export interface Committed extends RoundPlan {
  readonly state: "committed";
  readonly contributors: ReadonlyMap<SiteName, Digest>;
  readonly result: Digest;
}

/** Who had answered is kept: the reason that people read names the others. */
export interface Abandoned extends RoundPlan {
  readonly state: "abandoned";
  readonly contributors: ReadonlyMap<SiteName, Digest>;
  readonly declined: ReadonlySet<SiteName>;
  readonly reason: AbandonReason;
}

export type Round = Announced | Collecting | Aggregated | Committed | Abandoned;

export type AbandonReason = "too-few-sites" | "stopped";

export type SiteEvent =
  | {
      readonly type: "contribution-offered";
      readonly site: SiteName;
      readonly key: RoundKey;
      readonly content: BlobReference;
    }
  /** All bytes are here and their digest matched the offer. */
  | { readonly type: "contribution-received"; readonly site: SiteName; readonly key: RoundKey; readonly digest: Digest }
  /** Bytes did not match the offer, or can't be a contribution of this study. */
  | { readonly type: "contribution-failed"; readonly site: SiteName; readonly key: RoundKey }
  | { readonly type: "declined"; readonly site: SiteName; readonly key: RoundKey };

export type RoundEvent =
  | SiteEvent
  | { readonly type: "announced" }
  | { readonly type: "site-lost"; readonly site: SiteName }
  | { readonly type: "site-returned"; readonly site: SiteName }
  | { readonly type: "deadline-passed" }
  | { readonly type: "aggregated"; readonly result: Digest }
  | { readonly type: "committed" }
  | { readonly type: "stopped" }
  /** This site's bytes turned out malformed half way into the sum, which is of no use any more. */
  | { readonly type: "spoiled"; readonly site: SiteName }
  /** The coordinator started again: the running sum is gone. */
  | { readonly type: "restarted" };

/** Why a site's message changed nothing. */
export type RoundRefusal =
  | "round/not-in-cohort"
  | "round/wrong-attempt"
  | "round/not-announced"
  | "round/duplicate"
  | "round/not-identical"
  | "round/not-offered"
  | "round/declined"
  | "round/too-many-failures"
  | "round/late";

/** Carried out by the caller strictly in order: a `fold` comes after every `add` before it. */
export type RoundEffect =
  | { readonly type: "announce"; readonly sites: readonly SiteName[] }
  | { readonly type: "arm-deadline" }
  | { readonly type: "accept"; readonly site: SiteName }
  | { readonly type: "refuse"; readonly site: SiteName; readonly code: RoundRefusal }
  /** Adds the site's bytes to the running sum; they are never asked for again. */
  | { readonly type: "add"; readonly site: SiteName }
  | { readonly type: "ask-again"; readonly site: SiteName }
  | {
      readonly type: "notice";
      readonly notice: "site-lost" | "site-declined" | "waiting";
      readonly sites: readonly SiteName[];
    }
  /** Turns the sum into the round's result. */
  | { readonly type: "fold"; readonly contributors: readonly SiteName[] }
  /** Makes the result durable, in one transaction. */
  | { readonly type: "commit"; readonly result: Digest }
  /** Makes the end without a result durable; charges stay spent. */
  | { readonly type: "abandon"; readonly reason: AbandonReason }
  | { readonly type: "tell-closed" };

export interface Step {
  readonly round: Round;
  readonly effects: readonly RoundEffect[];
}
