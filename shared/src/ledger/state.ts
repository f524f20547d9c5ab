import { type RdpCurve, ZERO_CURVE } from "../accountant/rdp.ts";
import type { DatasetId, Digest, PartyName, SiteName, StudyName } from "../units/identity.ts";
import { emptyTip } from "./chain.ts";
import type { ChainTip, ChargeId, LedgerBody, LedgerHead, Part } from "./entry.ts";
import { MerkleTree } from "./merkle.ts";

type BodyOf<Kind extends LedgerBody["kind"]> = Extract<LedgerBody, { kind: Kind }>;
export type CapSet = BodyOf<"cap-set">;
export type StudyApproved = BodyOf<"study-approved">;
export type ReservedBody = BodyOf<"reserved">;
export type RecoveredBody = BodyOf<"recovered">;

export type ChargeState = "reserved" | "acting" | "committed" | "cancelled";

/** What was done to whom, and how far it got: from `acting` on it is spent. */
export interface Charge {
  readonly body: ReservedBody | RecoveredBody;
  readonly state: ChargeState;
  readonly result?: Digest;
}

/** What was spent, all of it and the training in it. */
export interface Spent {
  readonly all: RdpCurve;
  readonly training: RdpCurve;
}
export const NOTHING_SPENT: Spent = { all: ZERO_CURVE, training: ZERO_CURVE };

/** One part of one data set of one site: whose patients' costs add up. */
export interface Account {
  readonly site: SiteName;
  readonly dataset: DatasetId;
  readonly part: Part;
  /** Acting and committed charges; it only grows, so it never has to be taken back from a sum of floats. */
  spent: Spent;
  readonly spentByStudy: Map<StudyName, Spent>;
  /** Reserved charges that nobody has acted on. */
  readonly open: Map<ChargeId, ReservedBody>;
}

/** All that a ledger says, ready for questions. Changed by `replay.ts` alone; everyone else reads. */
export interface LedgerState {
  tip: ChainTip;
  /** Over the hashes of all entries up to the tip. */
  readonly tree: MerkleTree;
  readonly caps: Map<string, CapSet>;
  readonly approvals: Map<string, StudyApproved>;
  readonly charges: Map<ChargeId, Charge>;
  readonly accounts: Map<string, Account>;
  /** Newest head seen of each other party. */
  readonly witnessed: Map<PartyName, LedgerHead>;
}

export function emptyState(writer: PartyName): LedgerState {
  return {
    tip: emptyTip(writer),
    tree: new MerkleTree(),
    caps: new Map(),
    approvals: new Map(),
    charges: new Map(),
    accounts: new Map(),
    witnessed: new Map(),
  };
}

/** The ledger as it is shown to others. */
export function headOf({ tip, tree }: LedgerState): LedgerHead {
  return { ...tip, root: tree.root(tip.sequence) };
}

export function capOf(state: LedgerState, site: SiteName, dataset: DatasetId): CapSet | undefined {
  return state.caps.get(`${site}/${dataset}`);
}

export function approvalOf(state: LedgerState, site: SiteName, study: StudyName): StudyApproved | undefined {
  return state.approvals.get(`${site}/${study}`);
}

export function accountOf(state: LedgerState, site: SiteName, dataset: DatasetId, part: Part): Account | undefined {
  return state.accounts.get(`${site}/${dataset}/${part}`);
}

/** The data set of a site that a study has charged, or has reserved to charge; undefined before that. */
export function chargedDataset(state: LedgerState, site: SiteName, study: StudyName): DatasetId | undefined {
  for (const account of state.accounts.values()) {
    const isCharged =
      account.spentByStudy.has(study) || [...account.open.values()].some((open) => open.study === study);
    if (account.site === site && isCharged) return account.dataset;
  }
  return undefined;
}
