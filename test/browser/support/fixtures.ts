/**
 * A consortium of four hospitals as the coordinator would tell of it; every answer is parsed by the server's own
 * schemas.
 */
import { BudgetList, NoticeList } from "@consilium/coordinator/http/budgetViews";
import { MetricSeries } from "@consilium/coordinator/http/metricViews";
import { PlanExample, PlanView } from "@consilium/coordinator/http/plans";
import { RequestList } from "@consilium/coordinator/http/spendingViews";
import {
  LedgerPage,
  LedgerSummary,
  LiveRoundView,
  ReleaseList,
  RoundHistory,
  SessionView,
  SiteList,
  StudyDetail,
  StudyList,
} from "@consilium/coordinator/http/views";
import { planStudy } from "@consilium/shared/plan/planStudy";
import { StudyDocument } from "@consilium/shared/study/document";
import { audit } from "./auditFixture.ts";
import { ALL_EPSILON, at, digest, SITES } from "./consortiumFixture.ts";
import { capsOf, noticesAnswer, requestsAnswer, sharedAnswer, WAITING_STUDY, whatIfAnswer } from "./spendingFixture.ts";

const document = StudyDocument.parse({
  apiVersion: "consilium/v1",
  kind: "Study",
  name: "heart-disease",
  purpose: "Predict angiographic heart disease from 13 clinical features",
  data: {
    columns: [{ name: "age", type: "number", unit: "years", min: 20, max: 90 }],
    label: { name: "disease", values: [0, 1] },
  },
  model: { preset: "logistic" },
  privacy: { epsilon: 4, delta: 1e-4, clippingNorm: 1, noiseMultiplier: 2.2, samplingRate: 0.2 },
  training: {
    rounds: 60,
    answerAfterMs: 200,
    deadlineMs: 2000,
    minSites: 3,
    optimizer: { name: "sgd", learningRate: 1, momentum: 0.9 },
    initialSeed: 7,
  },
  evaluation: { everyRounds: 10, metrics: ["auc", "accuracy"], epsilon: 0.5 },
  audit: {
    attacks: ["loss", "confidence", "modified-entropy"],
    epsilon: { members: 0.3, nonMembers: 1 },
    bins: 10,
    gates: { maxAttackAucUpper: 0.6 },
  },
  release: {},
  sites: SITES.map((name) => ({ name, patients: 200 })),
});

export const planAnswers = {
  "/api/plan/example": PlanExample.parse({
    text: "name: heart-disease\nprivacy:\n  epsilon: 4\n",
    files: [{ path: "./schema.yaml", text: "kind: Schema\n" }],
  }),
  "/api/plan": PlanView.parse({ plan: planStudy(document, { noiseWasAuto: false }), faults: [] }),
};

/** Of a text whose third line asks for a negative ε. */
export const faultyPlan = PlanView.parse({
  plan: null,
  faults: [
    {
      file: "study.yaml",
      line: 3,
      column: 12,
      path: "privacy.epsilon",
      message: "must be > 0 (got -4)",
      remedy: "Typical: 1..8.",
    },
  ],
});

export type Stage = "empty" | "training" | "hidden-by-noise" | "paused" | "released" | "ended-early";

/** What the coordinator says of a study that a metric ended, and of one that waits for a person. */
export const ENDED_EARLY =
  "Stopped early: the best auc was 0.861 after round 20; that after round 30 did not beat it. Signed rule: training ends " +
  "after 1 evaluation whose auc doesn't beat the best by more than 0.05.";
export const PAUSED =
  "train round 38, attempt 1: 2 of 4 sites contributed, 3 are needed; switzerland did not answer in time";

export const COMMITTED: Readonly<Record<Stage, number>> = {
  empty: 0,
  training: 37,
  "hidden-by-noise": 37,
  paused: 37,
  released: 60,
  "ended-early": 30,
};

/** Answers by path at one stage of the study's life; null is a 404. */
export function answersAt(stage: Stage): Readonly<Record<string, unknown>> {
  const session = SessionView.parse({
    name: "Ada Lead",
    role: "lead",
    consortium: "Heart consortium",
    version: "0.1.0",
    endsAt: at(86_400),
    dataFolder: "/srv/consilium",
  });
  if (stage === "empty") return { "/api/session": session, ...emptyAnswers() };
  const committed = COMMITTED[stage];
  const study = "/api/studies/heart-disease";
  return {
    "/api/session": session,
    "/api/studies": StudyList.parse({
      studies: [summary(stage, committed), { ...summary(stage, 60), ...earlier }, { ...summary(stage, 0), ...waiting }],
    }),
    [study]: detail(stage, committed),
    [`${study}/round`]: liveRound(stage, committed),
    [`${study}/rounds`]: RoundHistory.parse({ rounds: closedRounds(committed) }),
    [`${study}/metrics`]: metrics(stage, committed),
    [`${study}/budgets`]: budgets(committed),
    [`${study}/audit`]: isReleased(stage) ? audit(stage === "ended-early" ? ENDED_EARLY : null) : null,
    "/api/budgets": budgets(committed),
    "/api/sites": sites(stage),
    "/api/releases": releases(stage),
    "/api/ledger": LedgerSummary.parse({
      head: { writer: "coordinator", sequence: 812, hash: digest("e"), root: digest("9") },
      witnessed: SITES.map((writer, index) => ({
        writer,
        sequence: 200 + index,
        hash: digest("d"),
        root: digest("9"),
      })),
      verified: true,
    }),
    "/api/ledger/entries": ledgerPage(),
    "/api/requests": requestsAnswer,
    "/api/notices": noticesAnswer,
    [`/api/studies/${WAITING_STUDY}/what-if`]: whatIfAnswer,
  };
}

function emptyAnswers() {
  return {
    "/api/studies": StudyList.parse({ studies: [] }),
    "/api/budgets": BudgetList.parse({ budgets: [] }),
    "/api/sites": SiteList.parse({ sites: [] }),
    "/api/releases": ReleaseList.parse({ releases: [] }),
    "/api/requests": RequestList.parse({ requests: [] }),
    "/api/notices": NoticeList.parse({ notices: [] }),
    "/api/ledger": LedgerSummary.parse({
      head: { writer: "coordinator", sequence: 0, hash: digest("0"), root: digest("9") },
      witnessed: [],
      verified: true,
    }),
    "/api/ledger/entries": LedgerPage.parse({ entries: [], olderBefore: null }),
  };
}

const waiting = {
  ...{ name: WAITING_STUDY, digest: digest("b"), state: "proposed", rounds: 40 },
  ...{ reason: null, endedEarly: null, audited: false },
};

const earlier = {
  ...{ name: "heart-disease-pilot", digest: digest("c"), state: "aborted" },
  ...{ reason: "stopped by Ada Lead", endedEarly: null },
};

function isReleased(stage: Stage): boolean {
  return stage === "released" || stage === "ended-early";
}

function summary(stage: Stage, committedRounds: number) {
  return {
    name: "heart-disease",
    purpose: document.purpose,
    state: isReleased(stage) ? "released" : stage === "paused" ? stage : "training",
    reason: stage === "paused" ? PAUSED : isReleased(stage) ? "the audit passed the study's gate" : null,
    digest: digest("a"),
    committedRounds,
    rounds: 60,
    proposedAt: at(0),
    endedEarly: stage === "ended-early" ? ENDED_EARLY : null,
    audited: isReleased(stage),
    offers: 0,
  };
}

function detail(stage: Stage, committed: number) {
  return StudyDetail.parse({
    ...summary(stage, committed),
    document,
    approvals: SITES.map((site, index) => ({
      site,
      answer: "approved",
      steward: `Steward of ${site}`,
      reason: null,
      offer: null,
      at: at(30 + index),
    })),
    moves: [{ from: "draft", to: "proposed", by: "Ada Lead", reason: "proposed", at: at(0) }],
  });
}

function liveRound(stage: Stage, committed: number) {
  const answers = ["answered", "answered", "waiting", "waiting"];
  const running = {
    key: { study: "heart-disease", purpose: "train", round: committed + 1, attempt: 1 },
    state: "collecting",
    sites: SITES.map((site, index) => ({ site, answer: answers[index] })),
    announcedAt: at(100),
    deadlineAt: at(102),
  };
  return LiveRoundView.parse({
    running: stage === "training" ? running : null,
    committedRounds: committed,
    rounds: 60,
    remainingMs: stage === "training" ? 8_000 : null,
  });
}

function closedRounds(committed: number) {
  return Array.from({ length: committed }, (_, index) => index + 1).flatMap((round) => {
    const key = { study: "heart-disease", round, attempt: 1 };
    const rest = { outcome: "committed", sites: SITES.map((site) => ({ site, answer: answerOf(site, round) })) };
    const train = { key: { ...key, purpose: "train" }, ...rest };
    const evaluate = { key: { ...key, purpose: "evaluate" }, ...rest };
    return round % 10 === 0 ? [train, evaluate] : [train];
  });
}

function answerOf(site: string, round: number): string {
  if (site === "switzerland" && round >= 21 && round <= 24) return "absent";
  if (site === "switzerland" && round === 20) return "late";
  return site === "va-long-beach" && round === 33 ? "late" : "answered";
}

const HIDDEN = { state: "not-resolvable", why: "too few patients for the noise" };

function metrics(stage: Stage, committed: number) {
  const auc = [0.792, 0.861, 0.884, 0.893, 0.899, 0.905];
  return MetricSeries.parse({
    disclosure: "DP",
    epsilonPerPoint: 0.5,
    points: auc.slice(0, Math.floor(committed / 10)).map((value, index) => ({
      round: 10 * (index + 1),
      auc:
        stage === "hidden-by-noise" || (stage === "ended-early" && index === 2)
          ? HIDDEN
          : { state: "resolved", low: value - 0.035, value, high: value + 0.031 },
      accuracy:
        stage === "hidden-by-noise"
          ? HIDDEN
          : { state: "resolved", low: value - 0.112, value: value - 0.07, high: value - 0.03 },
      concordance: null,
    })),
  });
}

/** What the heart study plans: 60 steps, then three member histograms of the audit. */
const TRAINING_EPSILON = 3.23;

function budgets(committed: number) {
  const training = TRAINING_EPSILON * Math.sqrt(committed / 60);
  const spent = committed === 60 ? ALL_EPSILON : training;
  return BudgetList.parse({
    budgets: SITES.map((site) => ({
      site,
      dataset: `${site}-heart`,
      cap: site === "hungarian" ? 5 : 4,
      delta: 1e-4,
      perStudyCap: null,
      capAsOf: site === "switzerland" ? null : at(30),
      spentEpsilon: spent,
      reservedEpsilon: committed === 60 ? 0 : ALL_EPSILON - spent,
      trainingEpsilon: training,
      caps: capsOf(site, spent),
      parts: [
        { part: "train", spentEpsilon: spent, reservedEpsilon: committed === 60 ? 0 : ALL_EPSILON - spent },
        { part: "validation", spentEpsilon: Math.floor(committed / 10) * 0.5, reservedEpsilon: 0 },
        { part: "audit", spentEpsilon: committed === 60 ? 3 : 0, reservedEpsilon: committed === 60 ? 0 : 3 },
      ],
    })),
    shared: sharedAnswer,
  });
}

const fingerprint = "acid lilac canoe orbit hazel quartz timber cello pebble wren".replace("wren", "zebra");

function sites(stage: Stage) {
  return SiteList.parse({
    sites: SITES.map((name) => ({
      name,
      standing: "enrolled",
      connected: !(stage === "training" && name === "switzerland"),
      lastEventAt: at(99),
      certificateEndsAt: new Date(Date.now() + 20 * 3_600_000).toISOString(),
      backend: name === "hungarian" ? null : "wasm",
      version: name === "hungarian" ? null : "0.1.0",
      fingerprint,
      roundsAnswered: name === "switzerland" ? 32 : 37,
      roundsAsked: 37,
    })),
  });
}

function releases(stage: Stage) {
  const release = {
    study: "heart-disease",
    manifest: digest("b"),
    releasedAt: at(140),
    path: "releases/heart-disease",
    signers: ["coordinator", ...SITES],
    state: "released",
    answers: SITES.map((party) => ({ party, answer: "signed", reason: null })),
    missing: { sites: 0, auditors: 0 },
    ...{ epsilon: 3.6, delta: 1e-4, attackAuc: { low: 0.41, value: 0.5, high: 0.59 }, override: null, revoked: null },
  };
  const earlier = {
    ...release,
    study: "heart-disease-pilot",
    state: "revoked",
    override: { auditor: "koch", reason: "Only 58 patients are held out: the bound is wide, and no leak was seen." },
    revoked: { reason: "one site's labels were wrong", at: at(200) },
  };
  return ReleaseList.parse({ releases: isReleased(stage) ? [release, earlier] : [] });
}

function ledgerPage() {
  const charge = "heart-disease/train-37.1/cleveland/train";
  const event = {
    kind: "poisson-gaussian",
    adjacency: "add-remove",
    samplingRate: 0.2,
    noiseMultiplier: 2.2,
    count: 1,
  };
  const reserved = {
    charge,
    site: "cleveland",
    dataset: "cleveland-heart",
    part: "train",
    study: "heart-disease",
    round: 37,
    attempt: 1,
    event,
  };
  const bodies = [
    { kind: "committed", charge, result: digest("9") },
    { kind: "acting", charge },
    { kind: "reserved", ...reserved },
    { kind: "refusal-noted", party: "hungarian", code: "round/late", detail: "<b>after</b> the deadline" },
    {
      kind: "study-moved",
      study: "heart-disease",
      from: "approved",
      to: "training",
      by: "Ada Lead",
      reason: "started",
    },
  ];
  return LedgerPage.parse({
    entries: bodies.map((body, index) => ({
      writer: "coordinator",
      sequence: 812 - index,
      previousHash: digest("7"),
      at: at(100 - index),
      body,
      hash: digest("8"),
      signature: `${"A".repeat(86)}==`,
    })),
    olderBefore: null,
  });
}
