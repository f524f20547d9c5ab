import { z } from "zod";
import { NoiseMultiplier } from "../units/privacy.ts";
import type { PrivacyEvent } from "./event.ts";

const count = z.number().int().positive();
const adjacency = z.literal("replace");

/**
 * `count` releases of one record each: its `coordinates` integers with discrete Laplace noise, P(k) ∝ exp(−|k| / scale).
 * The integers of any two records differ by at most `diameter` in L1, so each release is ε = diameter / scale.
 */
const RecordLaplace = z.strictObject({
  kind: z.literal("record-laplace"),
  adjacency,
  coordinates: count,
  /** In steps, as is `scale`. */
  diameter: z.number().int().positive(),
  scale: z.number().positive(),
  /** Width of one step, in the record's units. */
  step: z.number().positive(),
  count,
});

/**
 * `count` releases of one record each: numbers with Gaussian noise, of standard deviation noiseMultiplier times the
 * largest L2 distance of two records; rounded afterwards, if at all.
 */
const RecordGaussian = z.strictObject({
  kind: z.literal("record-gaussian"),
  adjacency,
  noiseMultiplier: NoiseMultiplier,
  count,
});

/** `count` answers, each the true one of `values` or else one of the others alike; `odds`: of truth to any other. */
const RandomisedResponse = z.strictObject({
  kind: z.literal("randomised-response"),
  adjacency,
  values: z.number().int().min(2),
  odds: z.number().min(1),
  count,
});

/** Of a metric release: its loss between two records is at most epsilonPerDistance times their L2 distance. */
export const metricFields = {
  kind: z.literal("metric"),
  adjacency,
  epsilonPerDistance: z.number().positive(),
  count,
};

/** Whatever was done to records one by one, each of which has a figure for a record as it stands. */
export const PureRecordEvent = z.discriminatedUnion("kind", [RecordLaplace, RecordGaussian, RandomisedResponse]);

/**
 * What a sanitizer did to each of a patient's records, where a figure for a record is proven: neighbours differ in one
 * patient, replaced by another with as many records. Metric noise has one where records were clipped and it was drawn
 * exactly; noise on single pixels has none. A kind's meaning never changes.
 */
export const RecordEvent = z.discriminatedUnion("kind", [
  PureRecordEvent,
  z.strictObject({ ...metricFields, diameter: z.number().positive(), sampler: z.literal("exact") }),
]);
export type RecordEvent = z.infer<typeof RecordEvent>;

/** All that a ledger takes: what rounds did to sums, and what sanitizers did to records. */
export type LedgerEvent = PrivacyEvent | RecordEvent;
