import { z } from "zod";
import { StudyName } from "../units/identity.ts";
import { Delta, Epsilon } from "../units/privacy.ts";
import { type CapAsItStands, loosens } from "./loosens.ts";

const DAY_MS = 86_400_000;

/**
 * Which charges count against a cap for a period: those of the same calendar year, or of so many days, today the last
 * of them. Days and years are UTC's.
 */
export const Period = z
  .string()
  .regex(/^(calendar-year|[1-9][0-9]{0,3}-days)$/, "calendar-year, or a number of days such as 365-days")
  .brand<"Period">();
export type Period = z.infer<typeof Period>;

/** One cap as a steward may change it; `null` lifts one that is there. */
export const CapChange = z.discriminatedUnion("of", [
  /** Over all studies on the data set, and `perStudy` for each of them. */
  z.strictObject({ of: z.literal("data-set"), epsilon: Epsilon, delta: Delta, perStudy: Epsilon.optional() }),
  /** For one study by name, at the data set's δ; it may allow that study less, never more than another cap does. */
  z.strictObject({ of: z.literal("study"), study: StudyName, epsilon: Epsilon.nullable() }),
  /** For the charges of a period, at the data set's δ. */
  z.strictObject({ of: z.literal("period"), period: Period, epsilon: Epsilon.nullable() }),
]);
export type CapChange = z.infer<typeof CapChange>;

/** All caps on a data set that bound one study. */
export const CapsInForce = z.strictObject({
  epsilon: Epsilon,
  delta: Delta,
  perStudy: Epsilon.optional(),
  /** For the named study alone. */
  study: Epsilon.optional(),
  periods: z
    .array(z.strictObject({ period: Period, epsilon: Epsilon }))
    .min(1)
    .optional(),
});
export type CapsInForce = z.infer<typeof CapsInForce>;

/** Number of a day, by UTC. */
export function dayOf(time: string | Date): number {
  return Math.floor((typeof time === "string" ? Date.parse(time) : time.getTime()) / DAY_MS);
}

/** First day whose charges still count on `day`. */
export function firstDayOf(period: Period, day: number): number {
  if (period !== "calendar-year") return day - Number.parseInt(period, 10) + 1;
  const year = new Date(day * DAY_MS).getUTCFullYear();
  return Math.floor(Date.UTC(year, 0, 1) / DAY_MS);
}

/** What a cap allows, but a steward hardly means; for people, before it is set. */
export function unwiseCap({ epsilon, delta }: { readonly epsilon: number | null; readonly delta?: number }): string[] {
  return [
    ...(epsilon !== null && epsilon > EPSILON_WISE_MAX
      ? [`ε ≤ ${epsilon} is above ${EPSILON_WISE_MAX}, where the promise to a patient says little. Typical: 1 to 8.`]
      : []),
    ...(delta !== undefined && delta > DELTA_WISE_MAX
      ? [
          `δ = ${delta}: with that probability nothing at all is promised, to each patient. ` +
            "Typical: less than one over the number of patients.",
        ]
      : []),
  ];
}

/** As a study's file is warned of. */
const EPSILON_WISE_MAX = 10;
const DELTA_WISE_MAX = 1e-3;

/** For people. */
export function periodText(period: Period): string {
  return period === "calendar-year" ? "a calendar year" : period.replace("-", " ");
}

/** Whether a change lets more be spent than `known` does, in whichever respect: then it takes two people. */
export function isRaise(known: CapsInForce, change: CapChange): boolean {
  return loosens(asItStands(known, change), change);
}

/** The cap that a change is of, as it stands. */
function asItStands(known: CapsInForce, change: CapChange): CapAsItStands {
  switch (change.of) {
    case "data-set":
      return { of: "data-set", ...known };
    case "study":
      return { of: "study", epsilon: known.study ?? null };
    case "period": {
      const same = known.periods?.find(({ period }) => period === change.period);
      return { of: "period", epsilon: same?.epsilon ?? null };
    }
  }
}
