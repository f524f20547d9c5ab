import { z } from "zod";
import { AttackName } from "../study/audit.ts";
import { OverlapFigure } from "../study/overlap.ts";
import { DatasetId, SiteName, StudyName } from "../units/identity.ts";

/**
 * What a study would do and cost, worked out from its document alone; nothing is charged and nothing is asked.
 * ε is null where the accountant proves no bound.
 */
const epsilon = z.number().nonnegative().nullable();
const whole = z.number().int().nonnegative();
const bytes = whole;

/** ε of each part of a site's patients: a patient is in one part alone, so parts never add. */
export const PartEpsilons = z.strictObject({
  train: epsilon,
  validation: epsilon,
  audit: epsilon,
  /** 0 where the study has no reference models. */
  reference: epsilon.default(0),
});
export type PartEpsilons = z.infer<typeof PartEpsilons>;

/** After a training round with the evaluations until then; the last point has the audit too. */
export const CurvePoint = z.strictObject({ round: whole, audited: z.boolean(), epsilon: PartEpsilons });
export type CurvePoint = z.infer<typeof CurvePoint>;

/** The largest plan under a cap, both ways. */
export const Affordable = z.strictObject({
  /** Most training rounds at the plan's σ, with their evaluations and the audit; not more than a million. */
  rounds: whole,
  /** Least σ for the plan's rounds; null where no noise makes them fit. */
  noiseMultiplier: z.number().nullable(),
});
export type Affordable = z.infer<typeof Affordable>;

/** One site's budget: what was spent on its data set, its cap, what the study would bring it to. */
export const BudgetPlan = z.strictObject({
  site: SiteName,
  /** Null where the cap was given by hand. */
  dataset: DatasetId.nullable(),
  /** A cap over all studies counts what was spent before; one on a study counts this study alone. */
  scope: z.enum(["all studies", "this study", "a period"]),
  cap: z.number().nonnegative(),
  delta: z.number(),
  before: epsilon,
  after: epsilon,
  fits: z.boolean(),
  /** ε of the part that pays most, after the rounds of the study's curve. */
  curve: z.array(z.strictObject({ round: whole, audited: z.boolean(), epsilon })),
  /** Most training rounds that this cap affords at the plan's σ. */
  rounds: whole,
});
export type BudgetPlan = z.infer<typeof BudgetPlan>;

/** Upper bounds of signal over noise; how long gradients really are nobody knows before they are computed. */
export const Signal = z.strictObject({
  /** The sum over all sites has at most this norm on average: q·n·C. */
  sumNormMax: z.number(),
  /** Standard deviation of each coordinate of the sum's noise, all sites' together. */
  noiseStdDev: z.number(),
  /** Their ratio along one direction: the best that one round can tell of it. */
  alongOneDirection: z.number(),
  /** Norm of the sum over the norm of its noise. */
  wholeVector: z.number(),
  /** The same two for all rounds added up, if every gradient pointed the same way. */
  alongOneDirectionInAll: z.number(),
  wholeVectorInAll: z.number(),
});
export type Signal = z.infer<typeof Signal>;

/** Payload that one site sends and receives; messages' own frames, a kilobyte or so each, come on top. */
export const Traffic = z.strictObject({
  parameters: whole,
  bitsUp: whole,
  bitsDown: whole,
  trainUp: bytes,
  trainDown: bytes,
  /** Columns' statistics, once; 0 without. */
  normaliseUp: bytes.default(0),
  /** Steps of reference models, and those models themselves, in all; 0 without. */
  referencesUp: bytes.default(0),
  referencesDown: bytes.default(0),
  evaluateUp: bytes,
  auditUp: bytes,
  /** The study's weights file, once, before the first round. */
  weightsDown: bytes,
  totalUp: bytes,
  totalDown: bytes,
  /** Through the coordinator's own link: all sites together. */
  allSites: bytes,
});
export type Traffic = z.infer<typeof Traffic>;

export const Duration = z.strictObject({
  exchanges: whole,
  /** Every site answers at the public time. */
  leastHours: z.number(),
  /** With the given time of a step and the given link; null without them. */
  expectedHours: z.number().nullable(),
  /** Every exchange ends at its deadline; more only where rounds are lost and repeated. */
  mostHours: z.number(),
  warnings: z.array(z.string()),
});
export type Duration = z.infer<typeof Duration>;

/** The same records sanitized once instead, at the same promise; null fields where there is nothing of the kind. */
export const Sanitized = z.strictObject({
  /** Under replace-one: twice the study's ε, and its δ grows to (1 + e^ε)·δ. */
  epsilon: z.number(),
  delta: z.number(),
  recordsPerPatient: whole,
  /** Of each column of each record: an even share. */
  epsilonPerColumn: z.number(),
  /** Standard deviation of a number's Laplace noise, as a share of its public range. */
  noiseOfNumber: z.number().nullable(),
  /** Chance that the label stays what it is under randomised response, and that a guess is right. */
  labelKept: z.number(),
  labelGuessed: z.number(),
  /** ε per patient that sanitizing would need for noise of a tenth of each range and nine labels in ten kept. */
  epsilonForUse: z.number(),
});
export type Sanitized = z.infer<typeof Sanitized>;

export const Plan = z
  .strictObject({
    study: StudyName,
    accountant: z.literal("RDP"),
    samplingRate: z.number(),
    noiseMultiplier: z.number(),
    /** σ was left to the accountant. */
    noiseWasAuto: z.boolean(),
    rounds: whole,
    localSteps: whole,
    clippingNorm: z.number(),
    patients: whole,
    /** Expected patients in a step, all sites together. */
    expectedBatch: z.number(),
    sites: z.array(SiteName),
    /** What a patient pays at all sites of a declared group at once, all done. */
    overlap: z.array(OverlapFigure).default([]),
    /** What it learns of its columns' scale before training, in words; none without normalisation. */
    normalisation: z.array(z.string()).default([]),
    attacks: z.array(AttackName),
    /** privacy.epsilon and privacy.delta: what the study promises not to pass, at each site and part. */
    cap: z.number(),
    delta: z.number(),
    /** What each site is charged for in the end. */
    epsilon: PartEpsilons,
    /** The whole schedule by privacy loss distributions: what a release states where nobody goes beyond it. */
    scheduleEpsilon: PartEpsilons,
    fits: z.boolean(),
    curve: z.array(CurvePoint),
    affordable: Affordable,
    budgets: z.array(BudgetPlan),
    /** Under all of these at once; null where there are none. */
    underBudgets: Affordable.nullable(),
    signal: Signal,
    traffic: Traffic,
    duration: Duration,
    sanitized: Sanitized,
    warnings: z.array(z.string()),
  })
  .meta({ id: "Plan" });
export type Plan = z.infer<typeof Plan>;
