import { PricedEvent } from "@consilium/shared/event/pricedEvent";
import { NoiseMultiplier, SamplingRate } from "@consilium/shared/units/privacy";
import { z } from "zod";

/** Several equal releases in a row, steps of training or answers; none at all costs nothing. */
const times = z.number().int().nonnegative();
const positive = z.number().positive();
const whole = positive.int();
const addRemove = z.literal("add-remove").default("add-remove");
const laplace = { scale: positive, sensitivity: positive, count: times, adjacency: addRemove };

/** One line of a plan: a mechanism as its users write it. */
export const PlannedSegment = z.discriminatedUnion("mechanism", [
  z.strictObject({
    mechanism: z.literal("poisson-gaussian"),
    samplingRate: SamplingRate,
    noiseMultiplier: NoiseMultiplier,
    steps: times,
    adjacency: addRemove,
  }),
  z.strictObject({ mechanism: z.literal("laplace"), ...laplace }),
  z.strictObject({ mechanism: z.literal("poisson-laplace"), samplingRate: SamplingRate, ...laplace }),
  z.strictObject({
    mechanism: z.literal("discrete-laplace"),
    ...laplace,
    sensitivity: whole,
    samplingRate: SamplingRate.default(SamplingRate.parse(1)),
  }),
  /** Standard deviation noiseMultiplier × sensitivity. */
  z.strictObject({
    mechanism: z.literal("discrete-gaussian"),
    samplingRate: SamplingRate.default(SamplingRate.parse(1)),
    noiseMultiplier: NoiseMultiplier,
    sensitivity: whole.default(1),
    steps: times,
    adjacency: addRemove,
  }),
  z.strictObject({
    mechanism: z.literal("zcdp"),
    rho: z.number().nonnegative(),
    xi: z.number().nonnegative().default(0),
    count: times.default(1),
    adjacency: addRemove,
  }),
  z
    .strictObject({
      mechanism: z.literal("gaussian-without-replacement"),
      batch: whole,
      population: whole,
      noiseMultiplier: NoiseMultiplier,
      steps: times,
      adjacency: z.literal("replace"),
    })
    .refine(({ batch, population }) => batch <= population, { path: ["batch"], error: "above the population" }),
]);
export type PlannedSegment = z.infer<typeof PlannedSegment>;

/** What an accountant here knows how to price; anything else is refused, never taken for one of these. */
export const MECHANISMS: readonly string[] = PlannedSegment.options.map(({ shape }) => shape.mechanism.value);

/** The event of a segment; null where it is done no times. */
export function eventOf(segment: PlannedSegment): PricedEvent | null {
  const count = "steps" in segment ? segment.steps : segment.count;
  return count === 0 ? null : PricedEvent.parse({ ...shapeOf(segment), adjacency: segment.adjacency, count });
}

function shapeOf(segment: PlannedSegment): object {
  switch (segment.mechanism) {
    case "poisson-gaussian": {
      const { mechanism: kind, samplingRate, noiseMultiplier } = segment;
      return { kind, samplingRate, noiseMultiplier };
    }
    case "laplace":
    case "poisson-laplace": {
      const samplingRate = segment.mechanism === "laplace" ? 1 : segment.samplingRate;
      return { kind: "poisson-laplace", samplingRate, scale: segment.scale, sensitivity: segment.sensitivity };
    }
    case "discrete-laplace": {
      const { samplingRate, scale, sensitivity } = segment;
      return { kind: "poisson-discrete-laplace", samplingRate, scale, sensitivity };
    }
    case "discrete-gaussian": {
      const { samplingRate, noiseMultiplier, sensitivity } = segment;
      return { kind: "poisson-discrete-gaussian", samplingRate, noiseMultiplier, sensitivity };
    }
    case "zcdp":
      return { kind: "zcdp", xi: segment.xi, rho: segment.rho };
    case "gaussian-without-replacement": {
      const { mechanism: kind, batch, population, noiseMultiplier } = segment;
      return { kind, batch, population, noiseMultiplier };
    }
  }
}
