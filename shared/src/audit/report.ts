import { z } from "zod";
import { GradientCanaryReport } from "../canary/gradientCanaryRule.ts";
import { CanaryGuesses } from "../canary/guesses.ts";
import { AttackName } from "../study/audit.ts";
import { Digest, SiteName, StudyName } from "../units/identity.ts";
import { NoisedHistogram } from "./histogram.ts";
import { ShadowReport } from "./shadow.ts";

const rate = z.number().min(0).max(1);
const stdDev = z.number().nonnegative();

/** A rate with its interval and what makes it uncertain; or, in words, why it can't be told. */
export const Figure = z.discriminatedUnion("state", [
  z.strictObject({
    state: z.literal("resolved"),
    low: rate,
    value: rate,
    high: rate,
    samplingStdDev: stdDev,
    noiseStdDev: stdDev,
    /** Already in `low` and `high`: what the order inside bins could change. */
    halfBin: stdDev,
  }),
  z.strictObject({ state: z.literal("not-resolvable"), why: z.string().max(300) }),
]);
export type Figure = z.infer<typeof Figure>;

/** What one site sent for one attack. */
export const SiteAuditHistograms = z.strictObject({
  site: SiteName,
  attack: AttackName,
  members: NoisedHistogram,
  nonMembers: NoisedHistogram,
});
export type SiteAuditHistograms = z.infer<typeof SiteAuditHistograms>;

/** Figures of all attacks that order records alike; they share one ROC. */
export const OrderingReport = z.strictObject({
  attacks: z.array(AttackName).min(1),
  /** Noised totals. */
  members: z.number(),
  nonMembers: z.number(),
  /** The gate's figure: non-members re-weighted to the members' mix of sites; simultaneous over orderings. */
  auc: Figure,
  /** Smallest AUC that this audit would tell from 0.5 four times in five; absent where nothing is resolvable. */
  detectableAuc: rate.optional(),
  /** Sites mixed as they are: confounds site and membership; shown beside the matched figure. */
  pooledAuc: Figure,
  advantage: Figure,
  tprAtFpr: z.array(z.strictObject({ fpr: rate, tpr: Figure })),
  /** All of these hold together at the report's confidence; so do all of `perClass`, which are site-matched too. */
  perSite: z.array(z.strictObject({ site: SiteName, auc: Figure })),
  /** Empty where histograms pool the classes. */
  perClass: z.array(z.strictObject({ class: z.number().int().nonnegative(), auc: Figure })),
  /** Sites that were weighted together, being too small for their noise alone. */
  strata: z.array(z.array(SiteName)),
  /** Matched ROC at bin edges, from (0, 0) to (1, 1); noisy, so it may step back or leave the unit square. */
  roc: z.array(z.strictObject({ fpr: z.number(), tpr: z.number() })),
});
export type OrderingReport = z.infer<typeof OrderingReport>;

/**
 * - `leakage`: membership shows, beyond chance;
 * - `bounded`: leakage above the study's limit is ruled out at the stated confidence;
 * - `no-power`: too few records or too much noise to tell either way.
 */
export const Verdict = z.strictObject({
  kind: z.enum(["leakage", "bounded", "no-power"]),
  words: z.string().max(2000),
});
export type Verdict = z.infer<typeof Verdict>;

/**
 * What guesses about canaries prove of ε: of training alone, at this δ, with the report's confidence by itself. Not a
 * figure of patients: nobody's record is among canaries.
 */
export const CanaryReport = z.strictObject({
  sites: z.array(z.strictObject({ site: SiteName, ...CanaryGuesses.shape })).min(1),
  count: z.number().int().positive(),
  guesses: z.number().int().positive(),
  correct: z.number().int().nonnegative(),
  delta: z.number().gt(0).lt(1),
  /** Lower bound. */
  epsilon: z.number().nonnegative(),
  /** The bound if every guess had been right: no run of so many guesses shows more. */
  epsilonMax: z.number().nonnegative(),
});
export type CanaryReport = z.infer<typeof CanaryReport>;

/**
 * What synthetic records are good for: a classifier trained on them alone, tried on real patients of the audit part,
 * who trained nothing and chose nothing ("train on synthetic, test on real"; Esteban, Hyland & Rätsch 2017,
 * arXiv:1706.02633, section 5). From noised histograms, charged.
 */
export const UtilityReport = z.strictObject({
  /** Of the file that sites judged: the records as they are released, and the classifier. */
  made: Digest,
  sites: z.array(z.strictObject({ site: SiteName, histogram: NoisedHistogram })).min(1),
  evaluation: z.strictObject({ auc: Figure.optional(), accuracy: Figure }),
});
export type UtilityReport = z.infer<typeof UtilityReport>;

/** All that the audit of one model says, recomputable from the noised counts and guesses in it. Its AUCs bound no ε. */
export const AuditReport = z.strictObject({
  formatVersion: z.literal(1),
  study: StudyName,
  studyDigest: Digest,
  modelDigest: Digest,
  round: z.number().int().nonnegative(),
  /** Number of classes that the model tells apart. */
  modelClasses: z.number().int().min(2).max(1000),
  /** Probability that all `auc` intervals hold together; so do all of `advantage`, and all of `tprAtFpr`. */
  confidence: z.number().gt(0.5).lt(1),
  /** Upper AUC that the study's gate allows. */
  limit: rate,
  sites: z.array(SiteName),
  /** Sites of the study that sent no histograms for this audit. */
  sitesMissing: z.array(SiteName),
  histograms: z.array(SiteAuditHistograms),
  orderings: z.array(OrderingReport).min(1),
  canaries: CanaryReport.optional(),
  /** Where attacks were learnt from a reference model: by what, so that anyone can learn them again. */
  shadow: ShadowReport.optional(),
  gradientCanaries: GradientCanaryReport.optional(),
  /** Of a study with a generator: what its synthetic records are good for. */
  utility: UtilityReport.optional(),
  /** Largest low, value and high over orderings. */
  best: Figure,
  verdict: Verdict,
  label: z.literal("not an ε bound"),
});
export type AuditReport = z.infer<typeof AuditReport>;

/** One rule of a gate, with what was required and what was found. */
export const GateRule = z.strictObject({
  rule: z.string(),
  required: z.string(),
  found: z.string(),
  passed: z.boolean(),
  why: z.string(),
});
export type GateRule = z.infer<typeof GateRule>;

export const GateResult = z.strictObject({ passed: z.boolean(), rules: z.array(GateRule).min(1) });
export type GateResult = z.infer<typeof GateResult>;
