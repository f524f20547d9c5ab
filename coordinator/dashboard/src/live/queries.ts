import { Refused } from "@consilium/page/live/ask";
import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import type { PlanRequest } from "../../../src/http/plans.ts";
import type { StudySummary } from "../../../src/http/views.ts";
import { api, type SpendingOf } from "./api.ts";
import { useLive } from "./notices.ts";

/** Polling is only for when the stream of notices is down; while it is up, a slow look guards against a lost notice. */
function usePace(): number {
  return useLive().open ? 30_000 : 5_000;
}

/**
 * A key begins with the topic of the notices that make it stale; then comes the study that it is of, or none, or null,
 * where it is of all studies.
 */
export function useSession() {
  return useQuery({ queryKey: ["session"], queryFn: api.session, staleTime: 60_000 });
}

export function useStudies() {
  return useQuery({ queryKey: ["studies"], queryFn: api.studies, refetchInterval: usePace() });
}

export function useStudy(study: string) {
  return useQuery({ queryKey: ["studies", study], queryFn: () => api.study(study), refetchInterval: usePace() });
}

export function useRound(study: string) {
  return useQuery({ queryKey: ["round", study], queryFn: () => api.round(study), refetchInterval: usePace() });
}

export function useRounds(study: string) {
  return useQuery({
    queryKey: ["round", study, "closed"],
    queryFn: () => api.rounds(study),
    refetchInterval: usePace(),
  });
}

export function useMetrics(study: string) {
  return useQuery({ queryKey: ["metrics", study], queryFn: () => api.metrics(study), refetchInterval: usePace() });
}

export function useStudyBudgets(study: string) {
  return useQuery({ queryKey: ["budgets", study], queryFn: () => api.studyBudgets(study), refetchInterval: usePace() });
}

/** It never changes while one types over it. */
export function usePlanExample() {
  return useQuery({ queryKey: ["plan", "example"], queryFn: api.planExample, staleTime: Number.POSITIVE_INFINITY });
}

/** The plan of a text; the one before stays until the new one is there. Too many at once wait their minute. */
export function usePlan(request: PlanRequest) {
  return useQuery({
    queryKey: ["budgets", "plan", request],
    queryFn: ({ signal }) => api.plan(request, signal),
    placeholderData: keepPreviousData,
    staleTime: 60_000,
    retry: (failures, error) => (error instanceof Refused ? error.status === TOO_MANY : failures < RETRIES_MAX),
    retryDelay: (_, error) => (error instanceof Refused ? TOO_MANY_WAIT_MS : RETRY_MS),
  });
}

/** Status of a call that came too soon after many others. */
const TOO_MANY = 429;
const TOO_MANY_WAIT_MS = 15_000;
const RETRIES_MAX = 3;
const RETRY_MS = 1000;

export function useBudgets() {
  return useQuery({ queryKey: ["budgets"], queryFn: api.budgets, refetchInterval: usePace() });
}

const HISTORY_PACE_MS = 10_000;

/** Nothing is asked while no data set is known. */
export function useSpending(of: SpendingOf) {
  return useQuery({
    queryKey: ["budgets", "history", of],
    queryFn: () => api.spending(of),
    enabled: of.site !== "",
    // Each look reads all charges: not at each notice, of which there are four a second while a study runs.
    refetchInterval: HISTORY_PACE_MS,
    placeholderData: keepPreviousData,
  });
}

export function useWhatIf(study: string) {
  return useQuery({
    queryKey: ["budgets", "what-if", study],
    queryFn: () => api.whatIf(study),
    refetchInterval: usePace(),
  });
}

export function useNotices() {
  return useQuery({ queryKey: ["budgets", null, "notices"], queryFn: api.notices, refetchInterval: usePace() });
}

/** Answers are told as changes of studies. */
export function useRequests() {
  return useQuery({ queryKey: ["studies", null, "requests"], queryFn: api.requests, refetchInterval: usePace() });
}

/** Null before there is one: only then is nothing asked. */
export function useAudit({ name, audited }: Pick<StudySummary, "name" | "audited">) {
  return useQuery({
    queryKey: ["audit", name, audited],
    queryFn: async () => (audited ? api.audit(name) : null),
    refetchInterval: usePace(),
  });
}

export function useSites() {
  return useQuery({ queryKey: ["sites"], queryFn: api.sites, refetchInterval: usePace() });
}

export function useReleases() {
  return useQuery({ queryKey: ["releases"], queryFn: api.releases, refetchInterval: usePace() });
}

export function useLedger() {
  return useQuery({ queryKey: ["ledger"], queryFn: api.ledger, refetchInterval: usePace() });
}

/** Newest entries first; older ones page by page. */
export function useLedgerEntries() {
  return useInfiniteQuery({
    queryKey: ["ledger", "entries"],
    queryFn: ({ pageParam }) => api.ledgerEntries(pageParam),
    initialPageParam: initialPage(),
    getNextPageParam: (page) => page.olderBefore,
  });
}

function initialPage(): number | null {
  return null;
}
