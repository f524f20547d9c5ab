import { z } from "zod";
import { DatasetId, SiteName, StudyName } from "../units/identity.ts";
import { Delta, Epsilon } from "../units/privacy.ts";
import { firstDayOf, Period } from "./cap.ts";
import type { CapFilter } from "./capFilter.ts";
import type { LedgerState } from "./state.ts";

/** Per cent of a cap at which those concerned are told. */
export const NOTICE_LEVELS = [50, 80, 95] as const;

/** That what is spent or reserved under a cap has reached a level of it: given once. */
export const Notice = z.strictObject({
  site: SiteName,
  dataset: DatasetId,
  of: z.enum(["data-set", "study", "period"]),
  study: StudyName.nullable(),
  period: Period.nullable(),
  level: z.union(NOTICE_LEVELS.map((level) => z.literal(level))),
  /** Booked when it was given, and the cap; at δ. */
  epsilon: Epsilon,
  cap: Epsilon,
  delta: Delta,
  /** Entry of the ledger that reached it, and that entry's time. */
  entry: z.number().int().positive(),
  at: z.iso.datetime(),
});
export type Notice = z.infer<typeof Notice>;

/** Fields of a log line that tells of one. */
export function noticeFields({ site, dataset, study, period, level, cap }: Notice): Record<string, string | number> {
  return { site, dataset, cap: study ?? period ?? "all-studies", percent: level, epsilon: cap };
}

/** What is booked under one cap. */
export interface CapUse {
  readonly filter: CapFilter;
  readonly epsilon: number;
}

/** Highest level that is reached; 0 below all. */
export function levelOf(epsilon: number, cap: number): number {
  if (epsilon === 0) return 0;
  return NOTICE_LEVELS.findLast((level) => epsilon >= (cap * level) / 100) ?? 0;
}

/**
 * Gives what notices are due. A cap's level is told once, the highest where several are reached at once; again only
 * where a cap was changed, a calendar year began, or the days of a period let go of what they counted.
 */
export function giveNotices(
  state: LedgerState,
  { site, dataset }: Pick<Notice, "site" | "dataset">,
  uses: readonly CapUse[],
  { sequence: entry, at }: { readonly sequence: number; readonly at: string },
): () => void {
  const undos = uses.map(({ filter, epsilon }) => {
    const key = keyOf(state, `${site}/${dataset}`, filter);
    const known = state.noticed.get(key) ?? 0;
    const level = levelOf(epsilon, filter.epsilon);
    const isOlder = filter.of === "period" && level < known;
    if (level <= known && !isOlder) return () => undefined;
    state.noticed.set(key, level);
    const due = NOTICE_LEVELS.find((one) => one === level);
    if (due !== undefined && !isOlder) {
      const { of, study, period, epsilon: cap, delta } = filter;
      const booked = Epsilon.parse(Math.min(epsilon, Number.MAX_VALUE));
      state.notices.push({ site, dataset, of, study, period, level: due, epsilon: booked, cap, delta, entry, at });
    }
    const given = due !== undefined && !isOlder;
    return () => {
      if (known === 0) state.noticed.delete(key);
      else state.noticed.set(key, known);
      if (given) state.notices.pop();
    };
  });
  return () => {
    for (const undo of undos.toReversed()) undo();
  };
}

/** A cap, by what it counts and how much it allows. */
function keyOf({ day }: LedgerState, on: string, { of, study, period, epsilon, delta }: CapFilter): string {
  const since = period === "calendar-year" ? firstDayOf(period, day) : "";
  return `${on}/${of}/${study ?? period ?? ""}/${epsilon}/${delta}/${since}`;
}
