import { ask } from "@consilium/page/live/ask";
import type { BudgetList, NoticeList } from "../../../src/http/budgetViews.ts";
import type { MetricSeries } from "../../../src/http/metricViews.ts";
import type { PlanExample, PlanRequest, PlanView } from "../../../src/http/plans.ts";
import type { RequestList, SpendingHistory, StudyWhatIf } from "../../../src/http/spendingViews.ts";
import type {
  AuditView,
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

/** One function for each route that the dashboard reads; the types are the server's own schemas'. */
export const api = {
  session: () => ask<SessionView>("/api/session"),
  login: (token: string) => ask<SessionView>("/api/login", { method: "POST", content: { token } }),
  logout: () => ask<null>("/api/logout", { method: "POST" }),
  studies: () => ask<StudyList>("/api/studies"),
  study: (study: string) => ask<StudyDetail>(`/api/studies/${encodeURIComponent(study)}`),
  round: (study: string) => ask<LiveRoundView>(`/api/studies/${encodeURIComponent(study)}/round`),
  rounds: (study: string) => ask<RoundHistory>(`/api/studies/${encodeURIComponent(study)}/rounds`),
  metrics: (study: string) => ask<MetricSeries>(`/api/studies/${encodeURIComponent(study)}/metrics`),
  studyBudgets: (study: string) => ask<BudgetList>(`/api/studies/${encodeURIComponent(study)}/budgets`),
  audit: (study: string) => ask<AuditView>(`/api/studies/${encodeURIComponent(study)}/audit`),
  planExample: () => ask<PlanExample>("/api/plan/example"),
  plan: (request: PlanRequest, signal: AbortSignal) =>
    ask<PlanView>("/api/plan", { method: "POST", content: request, signal }),
  budgets: () => ask<BudgetList>("/api/budgets"),
  spending: ({ site, dataset, part, study }: SpendingOf) => {
    const wanted = {
      site,
      dataset,
      ...(part === undefined ? {} : { part }),
      ...(study === undefined ? {} : { study }),
    };
    return ask<SpendingHistory>(`/api/budgets/history?${new URLSearchParams(wanted)}`);
  },
  whatIf: (study: string) => ask<StudyWhatIf>(`/api/studies/${encodeURIComponent(study)}/what-if`),
  notices: () => ask<NoticeList>("/api/notices"),
  requests: () => ask<RequestList>("/api/requests"),
  sites: () => ask<SiteList>("/api/sites"),
  releases: () => ask<ReleaseList>("/api/releases"),
  ledger: () => ask<LedgerSummary>("/api/ledger"),
  ledgerEntries: (before: number | null) =>
    ask<LedgerPage>(`/api/ledger/entries?limit=${LEDGER_PAGE}${before === null ? "" : `&before=${before}`}`),
};

const LEDGER_PAGE = 50;

/** Whose history, and of one study alone or of all. */
export interface SpendingOf {
  readonly site: string;
  readonly dataset: string;
  readonly part?: string | undefined;
  readonly study?: string | undefined;
}
