import { z } from "zod";

/** How many made-up patients a site has whose "gradient" is a direction. */
export const GradientCanaryRule = z.strictObject({
  count: z
    .number()
    .int()
    .min(5)
    .max(1000)
    .describe("Directions of each site, each a made-up patient of norm C that joins steps as a patient does."),
  seed: z.number().int().nonnegative().describe("Draws the directions, which are public; never who joins."),
});
export type GradientCanaryRule = z.infer<typeof GradientCanaryRule>;

/** Fewest numbers of a model: with fewer a random direction's cosine is not normal enough (Andrew et al. 2024, §4). */
const DIMENSION_MIN = 1000;

interface Stepping {
  readonly audit: { readonly gradientCanaries?: GradientCanaryRule | undefined };
  readonly privacy: { readonly mechanism: string; readonly clipping: { readonly mode: string } };
  readonly training: { readonly localSteps: number };
}

/** Why a study of so many trained numbers can't have gradient canaries; null where it can, or has none. */
export function gradientCanaryFault({ audit, privacy, training }: Stepping, dimension: () => number): string | null {
  if (audit.gradientCanaries === undefined) return null;
  if (privacy.mechanism !== "dp-sgd") return "can't be had with mechanism sanitized: its steps have no noise to test";
  if (privacy.clipping.mode !== "flat") return "need clipping mode flat: another gives a direction no one norm";
  if (training.localSteps > 1) return "need training.localSteps 1: a direction is told from sums that were noised once";
  const found = dimension();
  if (found >= DIMENSION_MIN) return null;
  return `need a model of ${DIMENSION_MIN} trained numbers or more: random directions of ${found} are too alike`;
}

/**
 * What the run's directions tell, an ESTIMATE: it takes both cosines, with those that joined and with any random one,
 * to be normal, and bounds nothing. Of the consortium's sum, which all contributing sites' noise covers.
 */
export const GradientCanaryReport = z.strictObject({
  count: z.number().int().positive(),
  dimension: z.number().int().positive(),
  /** Rounds whose sums were added up. */
  rounds: z.number().int().positive(),
  meanCosine: z.number().min(-1).max(1),
  stdDevCosine: z.number().nonnegative(),
  delta: z.number().gt(0).lt(1),
  epsilon: z.number().nonnegative(),
  label: z.literal("estimate, no bound"),
});
export type GradientCanaryReport = z.infer<typeof GradientCanaryReport>;
