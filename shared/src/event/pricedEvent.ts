import { z } from "zod";
import { Failure } from "../failure/failure.ts";
import { NoiseMultiplier, SamplingRate } from "../units/privacy.ts";
import { PrivacyEvent } from "./event.ts";
import { metricFields, PureRecordEvent } from "./recordEvent.ts";

const count = z.number().int().positive();
const addRemove = z.literal("add-remove");
const replace = z.literal("replace");
/** Of the noise, in the units of the answer. */
const scale = z.number().positive();
const sensitivity = z.number().positive();

/**
 * Everything that an accountant here can price: what this product's mechanisms do (`LedgerEvent`s, the only ones
 * that a ledger takes, and sanitizers' releases without a figure) and what others do, so that a consortium can add up
 * plans of both.
 */
export const PricedEvent = z.discriminatedUnion("kind", [
  PrivacyEvent,
  /** `count` answers of L1 sensitivity `sensitivity` with Laplace noise, each on a fresh Poisson sample. */
  z.strictObject({
    kind: z.literal("poisson-laplace"),
    adjacency: addRemove,
    samplingRate: SamplingRate,
    scale,
    sensitivity,
    count,
  }),
  /** The same with discrete Laplace noise on integers; one answer, or several whose L1 sensitivity this is together. */
  z.strictObject({
    kind: z.literal("poisson-discrete-laplace"),
    adjacency: addRemove,
    samplingRate: SamplingRate,
    scale,
    sensitivity: sensitivity.int(),
    count,
  }),
  /** One integer of that sensitivity with discrete Gaussian noise, standard deviation noiseMultiplier × sensitivity. */
  z.strictObject({
    kind: z.literal("poisson-discrete-gaussian"),
    adjacency: addRemove,
    samplingRate: SamplingRate,
    noiseMultiplier: NoiseMultiplier,
    sensitivity: sensitivity.int(),
    count,
  }),
  /** (ξ, ρ)-zCDP: Rényi divergence at most ξ + ρα at each order α (Bun & Steinke 2016, Definition 8.1). */
  z.strictObject({
    kind: z.literal("zcdp"),
    adjacency: addRemove,
    xi: z.number().nonnegative(),
    rho: z.number().nonnegative(),
    count,
  }),
  PureRecordEvent,
  /**
   * `count` releases of one record each, whose loss between two records is at most epsilonPerDistance times their L2
   * distance (dχ-privacy; Chatzikokolakis et al. 2013), and so at most epsilonPerDistance · diameter for any two where
   * records were clipped. `floating-point`: the sampler is near to that mechanism, not proven to be it.
   */
  z.strictObject({
    ...metricFields,
    /** Largest distance of two records as they were noised; null where nothing bounds it. */
    diameter: z.number().positive().nullable(),
    sampler: z.enum(["exact", "floating-point"]),
  }),
  /**
   * `count` releases of one picture each, its `pixels` with discrete Laplace noise of that scale each. Neighbours differ
   * in ONE pixel, by at most `sensitivity`: it is no figure for a record.
   */
  z.strictObject({
    kind: z.literal("pixel-laplace"),
    adjacency: z.literal("pixel"),
    pixels: count,
    /** In steps, as is `scale`. */
    sensitivity: sensitivity.int(),
    scale,
    count,
  }),
  /** Gaussian noise on `batch` of `population` patients drawn without replacement; σ over what a replaced one moves. */
  z
    .strictObject({
      kind: z.literal("gaussian-without-replacement"),
      adjacency: replace,
      batch: count,
      population: count,
      noiseMultiplier: NoiseMultiplier,
      count,
    })
    .refine(({ batch, population }) => batch <= population, { path: ["batch"], error: "above the population" }),
]);
export type PricedEvent = z.infer<typeof PricedEvent>;

/**
 * Costs under different neighbouring relations don't add: convert one first, by hand, as (ε, δ) add-remove is
 * (2ε, (1 + e^ε)·δ) replace (group privacy of size 2, Vadhan 2017, Lemma 2.2).
 */
export function assertOneAdjacency(events: readonly PricedEvent[]): void {
  const [first] = events;
  if (first === undefined || events.every(({ adjacency }) => adjacency === first.adjacency)) return;
  throw new Failure({
    code: "accountant/mixed-adjacency",
    kind: "config",
    what: "The events hold for different neighbours (a patient added or removed, one replaced, a pixel): no sum.",
    remedy: "Ask for them apart; (ε, δ) add-remove is (2ε, (1 + e^ε)·δ) replace.",
  });
}
