import type { InvalidateQueryFilters, Query, QueryClient } from "@tanstack/react-query";
import { useSyncExternalStore } from "react";
import type { ChangeNotice } from "../../../src/http/views.ts";

export interface LiveState {
  readonly open: boolean;
  /** Milliseconds since the epoch of the newest sign of life; null before the first. */
  readonly heardAt: number | null;
}

const REOPEN_MS = 3000;

/**
 * The one live store: change notices from the coordinator make the affected queries stale. It never holds data itself,
 * so a lost notice costs freshness, never truth; while the stream is down, queries poll.
 */
class Notices {
  private state: LiveState = { open: false, heardAt: null };
  private source: EventSource | null = null;
  private reopening: number | undefined;
  private readonly listeners = new Set<() => void>();

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  };

  readonly snapshot = (): LiveState => this.state;

  /** Opens the stream; the returned function closes it. */
  follow(queries: QueryClient): () => void {
    this.open(queries);
    return () => {
      window.clearTimeout(this.reopening);
      this.source?.close();
      this.source = null;
    };
  }

  private open(queries: QueryClient): void {
    const source = new EventSource("/api/events");
    this.source = source;
    source.onopen = () => {
      this.change({ open: true, heardAt: Date.now() });
      void refresh(queries, {});
    };
    source.onmessage = (message: MessageEvent<string>) => {
      this.change({ open: true, heardAt: Date.now() });
      const { topic, study }: ChangeNotice = JSON.parse(message.data);
      void refresh(queries, {
        queryKey: [topic],
        predicate: ({ queryKey: [, of] }) => study === null || of == null || of === study,
      });
    };
    source.onerror = () => {
      this.change({ ...this.state, open: false });
      source.close();
      this.reopening = window.setTimeout(() => this.open(queries), REOPEN_MS);
    };
  }

  private change(state: LiveState): void {
    this.state = state;
    for (const listener of this.listeners) listener();
  }
}

/**
 * Asks again what the change concerns. A first answer that is still under way may be older than the change, and the
 * library would take it for the new one: once it is there, it is asked for again, whatever the others still wait for.
 */
async function refresh(queries: QueryClient, concerned: InvalidateQueryFilters): Promise<void> {
  const awaited = queries
    .getQueryCache()
    .findAll(concerned)
    .filter(({ state }) => state.data === undefined && state.fetchStatus === "fetching");
  void queries.invalidateQueries(concerned);
  await Promise.all(
    awaited.map(async (first) => {
      const itAlone = { predicate: (query: Query) => query === first };
      await queries.invalidateQueries(itAlone);
      await queries.invalidateQueries(itAlone);
    }),
  );
}

export const notices = new Notices();

export function useLive(): LiveState {
  return useSyncExternalStore(notices.subscribe, notices.snapshot);
}
