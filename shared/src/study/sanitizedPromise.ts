import { z } from "zod";

const labels = z
  .enum(["randomised", "public"])
  .default("randomised")
  .describe(
    "Labels answered at random and counted; or `public`: as they are, so that promises are for features alone.",
  );

/**
 * What sanitized records must promise for a study to train on them: bounds that hold between any two records. Which
 * method gives them is each site's own choice.
 */
export const SanitizedPromise = z.discriminatedUnion("promise", [
  z.strictObject({
    promise: z.literal("record"),
    epsilon: z.number().positive().describe("Most that may tell any two records apart, randomised labels included."),
    labels,
  }),
  z.strictObject({
    promise: z.literal("metric"),
    epsilonPerDistance: z
      .number()
      .positive()
      .describe("Most that may tell apart two records' features, for a unit of their L2 distance."),
    labels,
  }),
  /** Noise on pixels, or without a proof: two stewards of each site signed that no figure holds for a record. */
  z.strictObject({ promise: z.literal("unprotected"), labels }),
]);
export type SanitizedPromise = z.infer<typeof SanitizedPromise>;
