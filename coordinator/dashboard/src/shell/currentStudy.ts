import { useLocation } from "wouter";
import { useStudies } from "../live/queries.ts";

/** The study in the address, else the newest; null where there is none. */
export function useCurrentStudy(): string | null {
  const [location] = useLocation();
  const newest = useStudies().data?.studies[0]?.name;
  const named = /^\/studies\/([^/]+)/.exec(location)?.[1];
  return named === undefined ? (newest ?? null) : decodeURIComponent(named);
}
