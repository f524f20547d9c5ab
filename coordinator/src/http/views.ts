/**
 * What the REST interface returns to people: the one source of the dashboard's types and of the OpenAPI page.
 * Everything here is public within the consortium: noised and charged figures, the signed study, names and states.
 * Nothing else may be added: no clip fraction, gradient norm, batch size, count of patients or timing of a site.
 *
 * All routes want a session (cookie `consilium-session`: HttpOnly, SameSite=Strict) but the first; refusals are
 * a `Refusal` with status 400, 401, 403, 404, 409 or 429.
 *
 *   POST /api/login                    LoginRequest → SessionView     trades a one-time link's token for a session
 *   POST /api/logout                   → 204
 *   GET  /api/session                  SessionView
 *   GET  /api/studies                  StudyList                      newest first
 *   GET  /api/studies/:study           StudyDetail
 *   POST /api/weights/:digest          bytes → WeightsReceipt         before the study that names them
 *   GET  /api/plan/example             PlanExample                    a study file to start from
 *   POST /api/plan                     PlanRequest → PlanView         a study file as it is typed; charges nothing
 *   POST /api/plan/document            PlanDocumentRequest → Plan     the same of a resolved study
 *   GET  /api/studies/:study/round     LiveRoundView                  what runs now, or why nothing does
 *   GET  /api/studies/:study/rounds    RoundHistory                   the newest ROUND_HISTORY_MAX, oldest first
 *   GET  /api/studies/:study/metrics   MetricSeries                   oldest first
 *   GET  /api/studies/:study/budgets   BudgetList                     the study's sites, with this study's share
 *   GET  /api/studies/:study/audit     AuditView                      404 before the audit
 *   GET  /api/budgets                  BudgetList                     every data set that an approval named
 *   GET  /api/notices                  NoticeList                     50, 80, 95 % of each cap, newest first
 *   GET  /api/budgets/history          SpendingHistory                ?site=&dataset=[&part=][&study=]
 *   GET  /api/studies/:study/what-if   StudyWhatIf                    409 once it has begun
 *   GET  /api/requests                 RequestList                    newest first: who asks which site for what
 *   GET  /api/sites                    SiteList
 *   GET  /api/releases                 ReleaseList                    newest first
 *   GET  /api/ledger                   LedgerSummary
 *   GET  /api/ledger/signed            SignedLedger
 *   POST /api/ledger/restore-acceptances RestoreRequest → RestoreAcceptance
 *   GET  /api/ledger/entries           LedgerPage                     ?before=SEQUENCE&limit=N, newest first
 *   GET  /api/events                   text/event-stream; each `data:` is a ChangeNotice, at most four a second
 *
 * The page is served at `/` and, for any other path without `/api`, as `index.html`; a one-time link is `/login#TOKEN`.
 */
import { AuditReport, GateResult } from "@consilium/shared/audit/report";
import { LedgerEntry, LedgerHead } from "@consilium/shared/ledger/entry";
import { RoundKey, SignedHead } from "@consilium/shared/protocol/messages";
import { SignedRoster } from "@consilium/shared/protocol/roster";
import { GuaranteeBasis } from "@consilium/shared/release/guarantee";
import { CounterOffer } from "@consilium/shared/study/counterOffer";
import { StudyDocument } from "@consilium/shared/study/document";
import { Digest, PublicKey, SiteName, StudyName } from "@consilium/shared/units/identity";
import { Delta, Epsilon } from "@consilium/shared/units/privacy";
import { z } from "zod";
import { Role } from "../consortium/role.ts";
import { StudyState } from "../study/study.ts";

/** Rounds in one RoundHistory. */
export const ROUND_HISTORY_MAX = 120;
/** Entries in one LedgerPage. */
export const LEDGER_PAGE_MAX = 200;

const at = z.iso.datetime();
const count = z.number().int().nonnegative();

export { Role };

export const LoginRequest = z.strictObject({ token: z.string().min(1).max(200) }).meta({ id: "LoginRequest" });
export type LoginRequest = z.infer<typeof LoginRequest>;

export const SessionView = z
  .strictObject({
    name: z.string(),
    role: Role,
    consortium: z.string(),
    /** Version of the coordinator. */
    version: z.string(),
    endsAt: at,
    /** Where the coordinator's commands find it, for a lead; null for others, who can't run them. */
    dataFolder: z.string().nullable(),
  })
  .meta({ id: "Session" });
export type SessionView = z.infer<typeof SessionView>;

export const StudySummary = z.strictObject({
  name: StudyName,
  purpose: z.string(),
  state: StudyState,
  /** Why it stands in this state, where a person or a rule gave a reason: "paused: 2 of 3 sites are needed". */
  reason: z.string().nullable(),
  digest: Digest,
  /** Committed training rounds, of `rounds`. */
  committedRounds: count,
  rounds: count,
  proposedAt: at,
  /** Why training ended before its last signed round; null where it didn't, or goes on. */
  endedEarly: z.string().nullable(),
  /** Whether there is an audit's report to ask for. */
  audited: z.boolean(),
  /** Sites that refused it and offered a smaller ε. */
  offers: count,
});
export type StudySummary = z.infer<typeof StudySummary>;

export const StudyList = z.strictObject({ studies: z.array(StudySummary) }).meta({ id: "StudyList" });
export type StudyList = z.infer<typeof StudyList>;

/** One site's answer to the exact study digest. */
export const ApprovalView = z.strictObject({
  site: SiteName,
  answer: z.enum(["approved", "rejected", "waiting"]),
  steward: z.string().nullable(),
  reason: z.string().nullable(),
  /** Of a rejected one: the ε of a study that this site would grant instead, at the study's δ. */
  offer: CounterOffer.nullable(),
  at: at.nullable(),
});
export type ApprovalView = z.infer<typeof ApprovalView>;

export const StudyMove = z.strictObject({
  from: z.string(),
  to: z.string(),
  by: z.string(),
  reason: z.string(),
  at,
});
export type StudyMove = z.infer<typeof StudyMove>;

export const StudyDetail = StudySummary.extend({
  document: StudyDocument,
  approvals: z.array(ApprovalView),
  /** Every change of state, oldest first, from the ledger. */
  moves: z.array(StudyMove),
}).meta({ id: "StudyDetail" });
export type StudyDetail = z.infer<typeof StudyDetail>;

/** What a site did in one round. `waiting`: its fixed public time has not come yet. */
export const SiteAnswer = z.enum(["waiting", "answered", "late", "absent", "declined"]);
export type SiteAnswer = z.infer<typeof SiteAnswer>;

export const SiteInRound = z.strictObject({ site: SiteName, answer: SiteAnswer });
export type SiteInRound = z.infer<typeof SiteInRound>;

export const RunningRound = z.strictObject({
  key: RoundKey,
  state: z.enum(["announced", "collecting", "aggregated"]),
  sites: z.array(SiteInRound),
  announcedAt: at,
  /** From here on a site that has not answered is late. */
  deadlineAt: at,
});
export type RunningRound = z.infer<typeof RunningRound>;

export const LiveRoundView = z
  .strictObject({
    /** Null where nothing runs: not started, paused, trained. */
    running: RunningRound.nullable(),
    committedRounds: count,
    rounds: count,
    /** Milliseconds to the end of training at the pace of late rounds; null where nobody can tell. */
    remainingMs: z.number().nonnegative().nullable(),
  })
  .meta({ id: "LiveRound" });
export type LiveRoundView = z.infer<typeof LiveRoundView>;

export const ClosedRound = z.strictObject({
  key: RoundKey,
  outcome: z.enum(["committed", "abandoned"]),
  sites: z.array(SiteInRound),
});
export type ClosedRound = z.infer<typeof ClosedRound>;

export const RoundHistory = z.strictObject({ rounds: z.array(ClosedRound).max(ROUND_HISTORY_MAX) }).meta({
  id: "RoundHistory",
});
export type RoundHistory = z.infer<typeof RoundHistory>;

/** `backend` and `version` are null where the site does not publish them. */
export const SiteView = z.strictObject({
  name: SiteName,
  standing: z.enum(["enrolled", "suspended", "revoked"]),
  connected: z.boolean(),
  lastEventAt: at.nullable(),
  certificateEndsAt: at.nullable(),
  backend: z.string().nullable(),
  version: z.string().nullable(),
  /** Ten words of its identity key, as its operator can read them out. */
  fingerprint: z.string(),
  /** Rounds that it answered in time, of those that asked it. */
  roundsAnswered: count,
  roundsAsked: count,
});
export type SiteView = z.infer<typeof SiteView>;

export const SiteList = z.strictObject({ sites: z.array(SiteView) }).meta({ id: "SiteList" });
export type SiteList = z.infer<typeof SiteList>;

/** The audit's own report and the gate's judgement of it, as they stand in the release. */
export const AuditView = z
  .strictObject({
    auditedAt: at,
    /** As in StudySummary: the audited model is then not that of the last signed round. */
    endedEarly: z.string().nullable(),
    report: AuditReport,
    gate: GateResult,
    /** What a release guarantees at `delta`, and what that is the cost of. */
    claimedEpsilon: Epsilon,
    claimedBy: GuaranteeBasis,
    /** The largest ε that this study really charged to any site's part. */
    spentEpsilon: Epsilon,
    delta: Delta,
  })
  .meta({ id: "Audit" });
export type AuditView = z.infer<typeof AuditView>;

/** A party's answer to a release, as people see it. */
const ReleaseAnswerView = z.strictObject({
  party: z.string(),
  answer: z.enum(["signed", "refused"]),
  reason: z.string().nullable(),
});

/** From when its folder was written; it has left once `state` is `released`. */
export const ReleaseView = z.strictObject({
  study: StudyName,
  manifest: Digest,
  releasedAt: at,
  /** Where the coordinator wrote it: for `consilium verify PATH`. */
  path: z.string(),
  signers: z.array(z.string()),
  state: StudyState,
  answers: z.array(ReleaseAnswerView),
  /** Signatures that the study asks for beside the coordinator's and that aren't there. */
  missing: z.strictObject({ sites: z.number().int(), auditors: z.number().int() }),
  /** What a release guarantees at the study's δ. */
  epsilon: Epsilon.nullable(),
  delta: Delta,
  /** The best attack's AUC with its interval; null where the audit can't resolve it. */
  attackAuc: z.strictObject({ low: z.number(), value: z.number(), high: z.number() }).nullable(),
  /** Who overrode the gate, and why; null where it passed. */
  override: z.strictObject({ auditor: z.string(), reason: z.string() }).nullable(),
  revoked: z.strictObject({ reason: z.string(), at }).nullable(),
});
export type ReleaseView = z.infer<typeof ReleaseView>;

export const ReleaseList = z.strictObject({ releases: z.array(ReleaseView) }).meta({ id: "ReleaseList" });
export type ReleaseList = z.infer<typeof ReleaseList>;

export const LedgerSummary = z
  .strictObject({
    head: LedgerHead,
    /** Newest heads of the sites' own ledgers, as they showed them to the coordinator. */
    witnessed: z.array(LedgerHead),
    /** The chain, its hashes and signatures were checked to the end at this process's start. */
    verified: z.boolean(),
  })
  .meta({ id: "LedgerSummary" });
export type LedgerSummary = z.infer<typeof LedgerSummary>;

export const LedgerPage = z
  .strictObject({
    entries: z.array(LedgerEntry).max(LEDGER_PAGE_MAX),
    /** `before` of the next, older page; null at the genesis. */
    olderBefore: count.nullable(),
  })
  .meta({ id: "LedgerPage" });
export type LedgerPage = z.infer<typeof LedgerPage>;

/** The ledger's head with all that holds its writer to it, for an export. */
export const SignedLedger = z
  .strictObject({
    head: SignedHead,
    /** The consortium's public key. */
    key: PublicKey,
    roster: SignedRoster,
    countersigned: z.array(z.strictObject({ party: SiteName, ...SignedHead.shape })),
    /** Connected sites whose ledger and ours don't join, one being restored from an older copy; why, and what to do. */
    lost: z.array(z.strictObject({ site: SiteName, what: z.string(), remedy: z.string() })),
  })
  .meta({ id: "SignedLedger" });
export type SignedLedger = z.infer<typeof SignedLedger>;

/** Something may look different now: fetch it again. */
export const ChangeNotice = z
  .strictObject({
    at,
    topic: z.enum(["studies", "round", "metrics", "budgets", "audit", "sites", "releases", "ledger"]),
    study: StudyName.nullable(),
  })
  .meta({ id: "ChangeNotice" });
export type ChangeNotice = z.infer<typeof ChangeNotice>;
