import { keepPreviousData, useInfiniteQuery, useQuery } from "@tanstack/react-query";
import { api, type HistoryOf } from "./api.ts";

/** Nobody tells this page of changes: it looks again. */
const PACE_MS = 5000;
/** Each look counts all charges. */
const HISTORY_PACE_MS = 15_000;

export function useSession() {
  return useQuery({ queryKey: ["session"], queryFn: api.session, refetchInterval: PACE_MS });
}

export function useBudgets() {
  return useQuery({ queryKey: ["budgets"], queryFn: api.budgets, refetchInterval: PACE_MS });
}

export function useHistory(of: HistoryOf) {
  return useQuery({
    queryKey: ["history", of],
    queryFn: () => api.history(of),
    refetchInterval: HISTORY_PACE_MS,
    placeholderData: keepPreviousData,
  });
}

export function useRequests() {
  return useQuery({ queryKey: ["requests"], queryFn: api.requests, refetchInterval: PACE_MS });
}

export function useReleases() {
  return useQuery({ queryKey: ["releases"], queryFn: api.releases, refetchInterval: PACE_MS });
}

/** Reports are long, and change by this page's own hand. */
export function useData() {
  return useQuery({ queryKey: ["data"], queryFn: api.data, refetchInterval: HISTORY_PACE_MS });
}

export function useLedger(find: string) {
  return useInfiniteQuery({
    queryKey: ["ledger", find],
    queryFn: ({ pageParam }) => api.ledger(find, pageParam),
    initialPageParam: firstPage(),
    getNextPageParam: (page) => page.olderBefore,
    placeholderData: keepPreviousData,
  });
}

function firstPage(): number | null {
  return null;
}
