import type { PrivacyEvent } from "../event/event.ts";
import type { RecordEvent } from "../event/recordEvent.ts";
import type { DatasetId, Digest, PartyName, SiteName, StudyName } from "../units/identity.ts";
import { emptyTip } from "./chain.ts";
import { type ChainTip, type ChargeId, type LedgerBody, type LedgerHead, Part } from "./entry.ts";
import { MerkleTree } from "./merkle.ts";
import type { Notice } from "./notice.ts";
import type { Tally } from "./tally.ts";

type BodyOf<Kind extends LedgerBody["kind"]> = Extract<LedgerBody, { kind: Kind }>;
export type CapSet = BodyOf<"cap-set">;
export type StudyCapSet = BodyOf<"study-cap-set">;
export type PeriodCapSet = BodyOf<"period-cap-set">;
export type RaiseAsked = BodyOf<"raise-asked">;
export type RaiseSettled = BodyOf<"raise-settled">;
export type StewardAsked = BodyOf<"steward-asked">;
export type StewardSettled = BodyOf<"steward-settled">;
export type StudyApproved = BodyOf<"study-approved">;
export type ReservedBody = BodyOf<"reserved">;
export type RecoveredBody = BodyOf<"recovered">;
export type SanitizingBody = BodyOf<"sanitizing">;
export type RecordsReleased = BodyOf<"records-released">;
export type RestoreAccepted = BodyOf<"restore-accepted">;

export type ChargeState = "reserved" | "acting" | "committed" | "cancelled";

/** What was done to whom, and how far it got: from `acting` on it is spent. */
export interface Charge {
  readonly body: ReservedBody | RecoveredBody;
  readonly state: ChargeState;
}

/** A whole data set's charge by a sanitizer, spent in either state; committed: its file was written. */
export interface Sanitizing {
  readonly body: SanitizingBody;
  readonly at: string;
  readonly state: "acting" | "committed";
  /** Digest of the file. */
  readonly result: Digest | null;
}

/** One part of one data set of one site: whose patients' costs add up. */
export interface Account {
  readonly site: SiteName;
  readonly dataset: DatasetId;
  readonly part: Part;
  /** Acting and committed charges: all of them, by study (a sanitizer's have none), and by the number of the day. */
  readonly spent: Tally;
  readonly spentByStudy: Map<StudyName, Tally>;
  readonly spentByDay: Map<number, Tally>;
  /** Reserved charges that nobody has acted on. */
  readonly open: Map<ChargeId, ReservedBody>;
}

/** A cap's raise as one steward asked for it, and what became of it. */
export interface Raise {
  readonly asked: RaiseAsked;
  readonly at: string;
  readonly settled: RaiseSettled | null;
}

/** Somebody who may decide too, as one steward asked for it, and what became of that. */
export interface StewardRequest {
  readonly asked: StewardAsked;
  readonly at: string;
  readonly settled: StewardSettled | null;
}

/** All that a ledger says, ready for questions. Changed by `replay.ts` alone; everyone else reads. */
export interface LedgerState {
  tip: ChainTip;
  /** Over the hashes of all entries up to the tip. */
  readonly tree: MerkleTree;
  /** Latest day that an entry bears; never goes back. */
  day: number;
  readonly caps: Map<string, CapSet>;
  /** By site, data set and study; and by site, data set and period. A lifted one is not there. */
  readonly studyCaps: Map<string, StudyCapSet>;
  readonly periodCaps: Map<string, PeriodCapSet>;
  /** By the statement that asked. */
  readonly raises: Map<Digest, Raise>;
  readonly newcomers: Map<Digest, StewardRequest>;
  /** Notices that were given, oldest first, and the level that each cap's bookings had at the newest. */
  readonly notices: Notice[];
  readonly noticed: Map<string, number>;
  readonly approvals: Map<string, StudyApproved>;
  /** Highest number of a steward's decision that an approval bore, by site and data set. */
  readonly decided: Map<string, number>;
  readonly charges: Map<ChargeId, Charge>;
  /** Charges of whole data sets; their costs are in all three parts' accounts. */
  readonly sanitizings: Map<ChargeId, Sanitizing>;
  readonly accounts: Map<string, Account>;
  /** One object for all equal events, by canonical JSON, and one text for a study: charges are many, these few. */
  readonly events: Map<string, PrivacyEvent>;
  readonly recordEvents: Map<string, RecordEvent>;
  readonly studies: Map<StudyName, StudyName>;
  /** Newest head seen of each other party. */
  readonly witnessed: Map<PartyName, LedgerHead>;
  /** Heads of this ledger that it lost, by `headKey`, each with the newest acceptance that it goes on without it. */
  readonly forgone: Map<string, RestoreAccepted>;
}

export function emptyState(writer: PartyName): LedgerState {
  return {
    tip: emptyTip(writer),
    tree: new MerkleTree(),
    day: 0,
    caps: new Map(),
    studyCaps: new Map(),
    periodCaps: new Map(),
    raises: new Map(),
    newcomers: new Map(),
    notices: [],
    noticed: new Map(),
    approvals: new Map(),
    decided: new Map(),
    charges: new Map(),
    sanitizings: new Map(),
    accounts: new Map(),
    events: new Map(),
    recordEvents: new Map(),
    studies: new Map(),
    witnessed: new Map(),
    forgone: new Map(),
  };
}

/** The ledger as it is shown to others. */
export function headOf({ tip, tree }: LedgerState): LedgerHead {
  return { ...tip, root: tree.root(tip.sequence) };
}

/** One head among all that a ledger ever had, also where its past was written twice. */
export function headKey({ sequence, root }: LedgerHead): string {
  return `${sequence}/${root}`;
}

export function capOf(state: LedgerState, site: SiteName, dataset: DatasetId): CapSet | undefined {
  return state.caps.get(`${site}/${dataset}`);
}

export function approvalOf(state: LedgerState, site: SiteName, study: StudyName): StudyApproved | undefined {
  return state.approvals.get(`${site}/${study}`);
}

/** Number of the newest approval, hence of the newest caps, that the ledger has of a data set; 0 before any. */
export function lastDecision(state: LedgerState, site: SiteName, dataset: DatasetId): number {
  return state.decided.get(`${site}/${dataset}`) ?? 0;
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

/** Studies that charged a data set, or have reserved to. */
export function studiesOn(state: LedgerState, site: SiteName, dataset: DatasetId): readonly StudyName[] {
  const studies = new Set<StudyName>();
  for (const part of Part.options) {
    const account = accountOf(state, site, dataset, part);
    for (const study of account?.spentByStudy.keys() ?? []) studies.add(study);
    for (const body of account?.open.values() ?? []) studies.add(body.study);
  }
  return [...studies].sort();
}
