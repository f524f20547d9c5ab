import type { MetricSeries } from "../../../src/http/metricViews.ts";
import type { PlanExample, PlanRequest, PlanView } from "../../../src/http/plans.ts";
import type {
  AuditView,
  BudgetList,
  LedgerPage,
  LedgerSummary,
  LiveRoundView,
  ReleaseList,
  RoundHistory,
  SessionView,
  SiteList,
  StudyDetail,
  StudyList,
} from "../../../src/http/views.ts";

/** The coordinator answered, and the answer is no. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    message: string,
    readonly remedy: string,
  ) {
    super(message);
  }
}

/** One function for each route that the dashboard reads; the types are the server's own schemas'. */
export const api = {
  session: () => get<SessionView>("/api/session"),
  login: (token: string) => send<SessionView>("POST", "/api/login", { token }),
  logout: () => send<null>("POST", "/api/logout"),
  studies: () => get<StudyList>("/api/studies"),
  study: (study: string) => get<StudyDetail>(`/api/studies/${encodeURIComponent(study)}`),
  round: (study: string) => get<LiveRoundView>(`/api/studies/${encodeURIComponent(study)}/round`),
  rounds: (study: string) => get<RoundHistory>(`/api/studies/${encodeURIComponent(study)}/rounds`),
  metrics: (study: string) => get<MetricSeries>(`/api/studies/${encodeURIComponent(study)}/metrics`),
  studyBudgets: (study: string) => get<BudgetList>(`/api/studies/${encodeURIComponent(study)}/budgets`),
  audit: (study: string) => get<AuditView>(`/api/studies/${encodeURIComponent(study)}/audit`),
  planExample: () => get<PlanExample>("/api/plan/example"),
  plan: (request: PlanRequest) => send<PlanView>("POST", "/api/plan", request),
  budgets: () => get<BudgetList>("/api/budgets"),
  sites: () => get<SiteList>("/api/sites"),
  releases: () => get<ReleaseList>("/api/releases"),
  ledger: () => get<LedgerSummary>("/api/ledger"),
  ledgerEntries: (before: number | null) =>
    get<LedgerPage>(`/api/ledger/entries?limit=${LEDGER_PAGE}${before === null ? "" : `&before=${before}`}`),
};

const LEDGER_PAGE = 50;

function get<View>(path: string): Promise<View> {
  return send<View>("GET", path);
}

async function send<View>(method: "GET" | "POST", path: string, content?: unknown): Promise<View> {
  const response = await fetch(path, {
    method,
    credentials: "same-origin",
    headers: { accept: "application/json", ...(content === undefined ? {} : { "content-type": "application/json" }) },
    ...(content === undefined ? {} : { body: JSON.stringify(content) }),
  });
  const answer = response.status === 204 ? null : await response.json().catch(() => null);
  if (response.ok) return answer;
  throw new Refused(
    response.status,
    answer?.what ?? `The coordinator answered with status ${response.status}.`,
    answer?.remedy ?? "Reload the page; if it stays, look at the coordinator's log.",
  );
}
