import { AttackName } from "@consilium/shared/study/audit";
import { Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { z } from "zod";

const rate = z.number().min(0).max(1);

/** Exact, by records; null where it can't be told (one class, or more than two). */
const ExactMetrics = z.strictObject({
  patients: z.number().int().nonnegative(),
  accuracy: rate.nullable(),
  auc: rate.nullable(),
  /** Mean over the classes that occur of the share of each that is told rightly (Brodersen et al. 2010). */
  balancedAccuracy: rate.nullable().optional(),
});

/** A figure with its interval; null where the study's noise leaves none. */
const Interval = z.strictObject({ low: rate, value: rate, high: rate }).nullable();
export type Interval = z.infer<typeof Interval>;

/**
 * What one simulated run came to. `exact` figures exist because a simulation holds everybody's records: they are for
 * data that whoever simulates may see, and no part of what the study itself would show.
 */
export const RunResult = z.strictObject({
  formatVersion: z.literal(1),
  /** Below the sockets in one process, or coordinator and sites in a process each. */
  processes: z.enum(["simulated", "real"]).default("simulated"),
  study: StudyName,
  studyDigest: Digest,
  /** How the study ended, and why; `not-private`: no study, but the same training without privacy. */
  state: z.enum(["signing", "released", "rejected", "aborted", "paused", "not-private"]),
  reason: z.string().nullable(),
  rounds: z.number().int().nonnegative(),
  /** Wall time of all rounds, on this machine. */
  seconds: z.number().nonnegative(),
  /** What a release would promise each patient, at the study's δ; null: nothing is proven. */
  epsilon: z.number().nonnegative().nullable(),
  delta: z.number(),
  /** Where sites trained on sanitized records: the largest ε that sanitizing promised a record, labels included. */
  recordEpsilon: z.number().nullable(),
  /** Of unproven noise: ε of an ideal Gaussian, by Rényi orders. */
  idealEpsilon: z.number().nullable().optional(),
  sites: z.array(z.strictObject({ site: SiteName, epsilon: z.number(), trainingEpsilon: z.number() })),
  /** The study's own noised figures. */
  noised: z.strictObject({
    auc: Interval,
    accuracy: Interval,
    concordance: Interval.optional(),
    bestAttackAuc: Interval,
    /** AUC on real patients, where there is one, of a classifier that synthetic records taught. */
    utility: Interval.optional(),
    gatePassed: z.boolean(),
  }),
  /** Upper AUC that the study's gate allows. */
  limit: rate,
  /** Rules of the gate that failed, with what was found. */
  broken: z.array(z.string()),
  exact: z.strictObject({
    train: ExactMetrics,
    /** Validation and audit parts: nobody that training saw. */
    held: ExactMetrics,
    /** Accuracy on each site's held-out patients. */
    heldOfSites: z.array(z.strictObject({ site: SiteName, accuracy: rate.nullable() })),
    attacks: z.array(
      z.strictObject({ attacks: z.array(AttackName), auc: rate, advantage: rate, tprAtOnePercentFpr: rate.nullable() }),
    ),
    bestAttackAuc: rate.nullable(),
    /** Of a study of times: Harrell's index by intervals, of held-out patients together and of each site's. */
    concordance: z
      .strictObject({
        held: rate.nullable(),
        ofSites: z.array(z.strictObject({ site: SiteName, held: rate.nullable() })),
      })
      .optional(),
    /** Accuracy round by round, where the sweep asks for it. */
    curve: z
      .array(
        z.strictObject({
          round: z.number().int().nonnegative(),
          trainAccuracy: rate.nullable(),
          heldAccuracy: rate.nullable(),
        }),
      )
      .optional(),
    /** Of a study with a generator: a classifier trained on synthetic or real records, tried on others. */
    synthetic: z
      .strictObject({ syntheticOnReal: ExactMetrics, realOnReal: ExactMetrics, realOnSynthetic: ExactMetrics })
      .optional(),
  }),
  /** Where the coordinator's ledger of this run ended: `ledger.jsonl` beside this file. None without privacy. */
  ledger: z.strictObject({ sequence: z.number().int(), hash: Digest }).nullable(),
  softwareVersion: z.string(),
});
export type RunResult = z.infer<typeof RunResult>;
