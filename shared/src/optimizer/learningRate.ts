import { z } from "zod";
import { unreachable } from "../failure/failure.ts";

const warmUpRounds = z
  .number()
  .int()
  .nonnegative()
  .max(1_000_000)
  .optional()
  .describe("Rounds over which the rate first rises evenly to learningRate; the schedule begins after them.");
const rounds = z.number().int().positive().max(1_000_000);
const endFraction = z.number().min(0).lt(1).default(0).describe("What is left of the rate from then on.");

/** How the server's learning rate changes over training rounds; public, so that every party steps alike. */
export const Schedule = z
  .discriminatedUnion("name", [
    z.strictObject({ name: z.literal("constant"), warmUpRounds }),
    z.strictObject({
      name: z.literal("step"),
      everyRounds: rounds.describe("Rounds between two drops."),
      factor: z.number().positive().lt(1).describe("What each drop leaves of the rate."),
      warmUpRounds,
    }),
    z.strictObject({
      name: z.literal("linear"),
      rounds: rounds.describe("Rounds over which the rate falls evenly."),
      endFraction,
      warmUpRounds,
    }),
    z.strictObject({
      name: z.literal("cosine"),
      rounds: rounds.describe("Rounds over which the rate falls along half a cosine."),
      endFraction,
      warmUpRounds,
    }),
    z.strictObject({
      name: z.literal("inverse-sqrt"),
      rounds: rounds.describe("R in √(R / (R + rounds done)): after 3 R rounds the rate is half."),
      warmUpRounds,
    }),
  ])
  .describe("How the learning rate changes from round to round; without it, not at all.");
export type Schedule = z.infer<typeof Schedule>;

/**
 * Learning rate of the step after `step` others. Only + − × ÷ √ in float64, in this order, so that coordinator and
 * sites get the same bits. Warm-up: Goyal et al. 2017, arXiv:1706.02677, §2.2.
 */
export function learningRateAt(learningRate: number, schedule: Schedule | undefined, step: number): number {
  if (schedule === undefined) return learningRate;
  const warmUp = schedule.warmUpRounds ?? 0;
  if (step < warmUp) return (learningRate * (step + 1)) / warmUp;
  return learningRate * fractionAt(schedule, step - warmUp);
}

/** What is left of the rate after so many rounds of the schedule. */
function fractionAt(schedule: Schedule, done: number): number {
  switch (schedule.name) {
    case "constant":
      return 1;
    case "step":
      return power(schedule.factor, Math.floor(done / schedule.everyRounds));
    case "linear":
      return between(1 - Math.min(1, done / schedule.rounds), schedule.endFraction);
    case "cosine":
      return between(halfCosine(Math.min(1, done / schedule.rounds)), schedule.endFraction);
    case "inverse-sqrt":
      return Math.sqrt(schedule.rounds / (schedule.rounds + done));
    default:
      return unreachable(schedule);
  }
}

function between(left: number, endFraction: number): number {
  return endFraction + (1 - endFraction) * left;
}

/** Square and multiply: `Math.pow` may round otherwise on another platform. */
function power(base: number, exponent: number): number {
  let result = 1;
  let square = base;
  for (let rest = exponent; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) result *= square;
    square *= square;
  }
  return result;
}

/**
 * (1 + cos πx) / 2 for x in [0, 1]: Loshchilov & Hutter 2017, arXiv:1608.03983, eq. 5. As 1 − sin²(πx/2), the sine by
 * its Taylor series, whose first term left out is below 2⁻⁵⁰: `Math.cos` may round otherwise on another platform.
 */
function halfCosine(x: number): number {
  const angle = (Math.PI / 2) * x;
  const square = angle * angle;
  let nested = 1;
  for (let k = 19; k >= 3; k -= 2) nested = 1 - (square / (k * (k - 1))) * nested;
  const sine = angle * nested;
  return x === 1 ? 0 : 1 - sine * sine;
}
