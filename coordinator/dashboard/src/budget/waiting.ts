import type { StudySummary } from "../../../src/http/views.ts";
import { useStudies } from "../live/queries.ts";

const WAITING: readonly string[] = ["draft", "proposed", "approved"];

/** Studies that have charged nothing yet, newest first. */
export function useWaitingStudies(): readonly StudySummary[] {
  return useStudies().data?.studies.filter(({ state }) => WAITING.includes(state)) ?? [];
}
