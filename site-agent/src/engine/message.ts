/**
 * What crosses between the agent and its engine process: names of files, digests and events, never a record,
 * a gradient or an un-noised number. One request is under way at a time; `prepare-noise`, `abandon` and `status` run
 * beside others.
 */

import { HistogramShape } from "@consilium/shared/audit/histogram";
import { PopulationSlot } from "@consilium/shared/audit/population";
import { ShadowAttacks } from "@consilium/shared/audit/shadow";
import { GradientCanaryRule } from "@consilium/shared/canary/gradientCanaryRule";
import { Clipping } from "@consilium/shared/clipping/clipping";
import { Grid, NoisedGrid } from "@consilium/shared/contribution/grid";
import { LocalSteps } from "@consilium/shared/contribution/pseudoGradient";
import { PrivacyEvent } from "@consilium/shared/event/event";
import { Refusal } from "@consilium/shared/failure/failure";
import { ModelSpec } from "@consilium/shared/model/spec";
import { StudyWeights } from "@consilium/shared/model/studyWeights";
import { FeatureScale } from "@consilium/shared/normalisation/columnScales";
import { NormalisationRule } from "@consilium/shared/normalisation/rule";
import { ModelUpdate, RoundKey } from "@consilium/shared/protocol/messages";
import { AttackName } from "@consilium/shared/study/audit";
import { Optimizer } from "@consilium/shared/study/document";
import { ReferenceRule } from "@consilium/shared/study/references";
import { Digest, SiteName, StudyName } from "@consilium/shared/units/identity";
import { ClippingNorm, Epsilon, SamplingRate } from "@consilium/shared/units/privacy";
import { z } from "zod";
import { StudyEngine, WorkerStatus } from "../device/status.ts";

const path = z.string().min(1);

export const EngineRequest = z.discriminatedUnion("type", [
  /** Loads a study's prepared patients and builds its model. `source` is "random" in the round bench alone. */
  z.strictObject({
    type: z.literal("open"),
    study: StudyName,
    spec: ModelSpec,
    /** With a noise multiplier where steps are noised; without, where they read sanitized records alone. */
    grid: z.union([NoisedGrid, Grid]),
    clipping: Clipping,
    /** C as signed: no patient's gradient is longer in any contribution. */
    clippingNorm: ClippingNorm,
    /** Where each site has a last layer of its own: how many have, and which is this site's. */
    heads: z.strictObject({ sites: z.number().int().min(2), own: z.number().int().nonnegative() }).optional(),
    samplingRate: SamplingRate,
    /** Patients in a step on average, by the study's public numbers: never the site's own count. */
    expectedBatch: z.number().positive(),
    classes: z.number().int().min(2),
    patients: z.discriminatedUnion("source", [
      z.strictObject({ source: z.literal("prepared"), path }),
      /** Training reads the file of sanitized patients, metrics and the audit the original ones. */
      z.strictObject({ source: z.literal("sanitized"), path, sanitized: path }),
      z.strictObject({ source: z.literal("random-sums"), seed: z.number().int() }),
    ]),
    /** Of a reference model: steps sum gradients of the reference part, in place of training patients'. */
    trainedOn: z.literal("reference").optional(),
    /** Canaries among the prepared patients; none without. */
    canaries: z.number().int().positive().optional(),
    /** Of the study's own model: this site's directions among its patients. */
    gradientCanaries: GradientCanaryRule.extend({ site: SiteName }).optional(),
    /** What the study's normalisation makes of the prepared features; none before it, and without one. */
    scales: z.array(FeatureScale).optional(),
    /** The study's weights file, where it has one: what is frozen, and the model before the first step. */
    start: z.strictObject({ path, weights: StudyWeights, seed: z.number().int().nonnegative() }).optional(),
  }),
  /** Takes a full model from a file (float32, little-endian); refuses another digest. */
  z.strictObject({ type: z.literal("load-model"), study: StudyName, path, digest: Digest }),
  /** Replays the optimizer on the model in memory; refuses, changing nothing, unless the outcome has digest `to`. */
  z.strictObject({
    type: z.literal("advance-model"),
    study: StudyName,
    update: ModelUpdate,
    /** Packed aggregate of the update. */
    path,
    /** How the optimizer takes the aggregate (`stretchesOf` the step's contributors and norm). */
    stretches: z.array(
      z.strictObject({ values: z.number().int().positive(), divisor: z.number().positive().nullable() }),
    ),
    /** Contributions that the aggregate has room for (`aggregatedAs`). */
    summands: z.number().int().positive(),
    optimizer: Optimizer,
    to: Digest,
  }),
  /** Takes the study's finished reference models, in their order, for its audit; refuses another digest. */
  z.strictObject({
    type: z.literal("load-references"),
    study: StudyName,
    models: z.array(z.strictObject({ path, digest: Digest })).min(1),
  }),
  /** Takes what the study's generators made, for the choice or the audit; refuses another digest. */
  z.strictObject({ type: z.literal("load-made"), study: StudyName, path, digest: Digest }),
  /** Has classifiers of candidates tried on validation patients, and writes which were chosen to `path`, fsynced. */
  z.strictObject({
    type: z.literal("choose"),
    key: RoundKey,
    path,
    best: z.number().int().positive(),
    epsilon: Epsilon,
  }),
  /** Makes noise for one attempt of a training round, in memory only. */
  z.strictObject({ type: z.literal("prepare-noise"), key: RoundKey }),
  /**
   * Sample → clip → sum → round → noise → pack; writes the contribution to `path`, fsynced. The ledger is `acting`
   * before. With `local` there are several such steps, and what they add up to is written. No noise on sums of sanitized
   * records.
   */
  z.strictObject({
    type: z.literal("step"),
    key: RoundKey,
    path,
    local: LocalSteps.optional(),
    /** Norm that an adaptive round clips to; else the signed one. */
    roundNorm: ClippingNorm.optional(),
  }),
  /** Sums each training patient's means once and writes the noised sums to `path`, fsynced: before any scale is known. */
  z.strictObject({
    type: z.literal("normalise"),
    key: RoundKey,
    path,
    rule: NormalisationRule,
    /** Of the normalised columns among a record's features. */
    places: z.array(z.number().int().nonnegative()).min(1),
  }),
  /** Scores patients with the model in memory and writes noised histograms (canonical JSON) to `path`, fsynced. */
  z.strictObject({
    type: z.literal("score"),
    key: RoundKey,
    path,
    what: z.discriminatedUnion("purpose", [
      z.strictObject({
        purpose: z.literal("evaluate"),
        epsilon: Epsilon,
        bins: z.number().int().min(2),
        /** Of a study of times: where a record's interval stands. */
        interval: z
          .strictObject({ offset: z.number().int().nonnegative(), intervals: z.number().int().positive() })
          .optional(),
      }),
      /** Looks at the last reference model, which was loaded before. */
      z.strictObject({
        purpose: z.literal("shadow"),
        bins: z.number().int().min(2),
        epsilon: z.strictObject({ members: Epsilon, nonMembers: Epsilon }),
      }),
      z.strictObject({
        purpose: z.literal("audit"),
        /** Attacks that were learnt from the shadow. */
        shadow: ShadowAttacks.optional(),
        attacks: z.array(z.strictObject({ attack: AttackName, shape: HistogramShape })).min(1),
        /** What attacks by reference models take; those were loaded before. */
        references: z
          .strictObject({
            rule: ReferenceRule.pick({ offlineA: true, gamma: true }),
            /** Of the made-up records. */
            population: z.strictObject({
              slots: z.array(PopulationSlot).min(1),
              count: z.number().int().positive(),
              seed: z.number().int().nonnegative(),
            }),
          })
          .optional(),
        epsilon: z.strictObject({ members: Epsilon, nonMembers: Epsilon }),
        /** Bins of the look at the synthetic records' classifier; those records were loaded before. */
        utility: z.strictObject({ bins: z.number().int().min(2) }).optional(),
        /** Of how many canaries to guess; `seed` is the study's, of its first model. */
        canaries: z
          .strictObject({ guesses: z.number().int().positive(), seed: z.number().int().nonnegative() })
          .optional(),
      }),
    ]),
  }),
  /** Forgets noise and state of an attempt. */
  z.strictObject({ type: z.literal("abandon"), key: RoundKey }),
  z.strictObject({ type: z.literal("close"), study: StudyName }),
  z.strictObject({ type: z.literal("status") }),
]);
export type EngineRequest = z.infer<typeof EngineRequest>;

export const EngineReply = z.discriminatedUnion("type", [
  z.strictObject({ type: z.literal("done") }),
  StudyEngine.extend({ type: z.literal("opened") }),
  /** A contribution stands in its file. */
  z.strictObject({
    type: z.literal("written"),
    digest: Digest,
    bytes: z.number().int().positive(),
    /** What was done, in the order of the study's charges for this round. */
    events: z.array(PrivacyEvent).min(1),
  }),
  z.strictObject({
    type: z.literal("status"),
    backend: z.enum(["tensorflow-gpu", "tensorflow", "wasm"]),
    /** One line for each faster backend that is not in use: why. */
    notUsed: z.array(z.string()),
    threads: z.number().int().positive(),
    rssMiB: z.number(),
    /** One for each worker process; none: the engine process computes gradients itself. */
    workers: z.array(WorkerStatus),
    /** Open studies. */
    studies: z.array(StudyEngine),
  }),
  z.strictObject({ type: z.literal("failed"), refusal: Refusal }),
]);
export type EngineReply = z.infer<typeof EngineReply>;
