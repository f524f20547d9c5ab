/** A study's metrics as people see them: see `views.ts`. */
import { Epsilon } from "@consilium/shared/units/privacy";
import { z } from "zod";

/** A noised figure with its 95 % interval, the noise's share included; or why the noise hides it. */
export const MetricFigure = z.discriminatedUnion("state", [
  z.strictObject({ state: z.literal("resolved"), low: z.number(), value: z.number(), high: z.number() }),
  z.strictObject({ state: z.literal("not-resolvable"), why: z.string() }),
]);
export type MetricFigure = z.infer<typeof MetricFigure>;
export type Resolved = Extract<MetricFigure, { state: "resolved" }>;

export const MetricPoint = z.strictObject({
  round: z.number().int().nonnegative(),
  /** Null where the study doesn't measure it. */
  auc: MetricFigure.nullable(),
  accuracy: MetricFigure.nullable(),
  /** Of a study of times. */
  concordance: MetricFigure.nullable(),
});
export type MetricPoint = z.infer<typeof MetricPoint>;

export const MetricSeries = z
  .strictObject({
    /** Noised at the sites and charged to their validation parts. */
    disclosure: z.literal("DP"),
    /** Pure ε of each point, at each site. */
    epsilonPerPoint: Epsilon,
    points: z.array(MetricPoint),
  })
  .meta({ id: "MetricSeries" });
export type MetricSeries = z.infer<typeof MetricSeries>;
