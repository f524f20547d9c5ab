import { z } from "zod";

/** The column that a survival study adds to every record: which interval it is about. */
export const INTERVAL = "interval";

/** Times in intervals: what a patient had in each of those that were entered. All of it public. */
export const SurvivalRule = z.strictObject({
  time: z
    .string()
    .min(1)
    .max(200)
    .describe("Column with the time to the event or to the last look, from 0; the label says which it was."),
  cuts: z
    .array(z.number().positive().max(1e9))
    .min(2)
    .max(60)
    .refine((cuts) => cuts.every((cut, i) => i === 0 || cut > (cuts[i - 1] ?? 0)), { message: "must rise" })
    .describe("Public ends of the intervals, in the column's unit; whoever lives past the last is seen up to it."),
});
export type SurvivalRule = z.infer<typeof SurvivalRule>;

export interface Followed {
  /** Intervals entered, 1 to all. */
  readonly entered: number;
  /** Whether the event came in the last of them. */
  readonly hadEvent: boolean;
}

/**
 * The intervals of one patient (Singer & Willett 1993, doi:10.3102/10769986018002155: a record for each period at
 * risk).
 * Whoever is lost sight of within an interval counts as having lived through it.
 */
export function followedFor({ cuts }: Pick<SurvivalRule, "cuts">, time: number, isEvent: boolean): Followed {
  const first = cuts.findIndex((cut) => time <= cut);
  return first < 0 ? { entered: cuts.length, hadEvent: false } : { entered: first + 1, hadEvent: isEvent };
}

/** 1 to the number of intervals, one place each. */
export function intervalColumn({ cuts }: Pick<SurvivalRule, "cuts">) {
  return { name: INTERVAL, type: "category", values: cuts.map((_, i) => i + 1), missing: "refuse" } as const;
}
