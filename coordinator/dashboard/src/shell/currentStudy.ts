import { useLocation, useSearch } from "wouter";
import { useStudies } from "../live/queries.ts";

/**
 * The study in the address, else the newest; null where there is none. Pages of no one study carry it as `?study=`, so
 * that a look at them, or a reload, doesn't change which study is looked at.
 */
export function useCurrentStudy(): string | null {
  const [location] = useLocation();
  const carried = new URLSearchParams(useSearch()).get("study");
  const newest = useStudies().data?.studies[0]?.name;
  const named = /^\/studies\/([^/]+)/.exec(location)?.[1];
  return named === undefined ? (carried ?? newest ?? null) : decodeURIComponent(named);
}

/** The address of a page that is of no one study, with the study to come back to. */
export function carrying(page: string, study: string | null): string {
  return study === null ? page : `${page}?study=${encodeURIComponent(study)}`;
}
