import { offlineScores, shadowParameters } from "../attack/likelihoodRatio.ts";
import { offlineRelativeScores } from "../attack/relativeMembership.ts";
import { unreachable } from "../failure/failure.ts";
import type { ReferenceAttack } from "../study/audit.ts";
import type { ReferenceRule } from "../study/references.ts";

/** Probabilities that models give the true class of some records. */
export interface Compared {
  /** By the model under attack. */
  readonly target: readonly number[];
  /** [reference model][record]; none of them was trained on any of the records. */
  readonly references: readonly (readonly number[])[];
}

/**
 * Membership score of each record from what the model and the reference models say of it and of made-up public records;
 * higher means "rather a member".
 * - `relative-membership`: the share of made-up records that it dominates: RMIA, offline, Zarifzadeh, Liu & Shokri 2024,
 *   arXiv:2312.03262, with the mean over all reference models.
 * - `likelihood-ratio`: log Φ((φ − μ_out) / σ): LiRA, offline, Carlini et al. 2022, arXiv:2112.03570, one-sided. μ_out is
 *   the median of the reference models' logits. σ is one for all records, as the paper has it for few reference models,
 *   but of the made-up records, which trained no model: how far the model under attack lies from their μ_out. The
 *   paper's is of the audited records, which would make each patient's score hang on all others.
 * A record's score depends on the models and that record alone.
 */
export function referenceScores(
  attack: ReferenceAttack,
  { offlineA, gamma }: Pick<ReferenceRule, "offlineA" | "gamma">,
  records: Compared,
  population: Compared,
): number[] {
  switch (attack) {
    case "relative-membership": {
      const probabilities = {
        ...records,
        isIn: out(records),
        targetOfPopulation: population.target,
        referencesOfPopulation: population.references,
      };
      return offlineRelativeScores(probabilities, offlineA, gamma);
    }
    case "likelihood-ratio": {
      const [own, made] = [logitsOf(records), logitsOf(population)];
      const { medianOut } = shadowParameters({ ...made, isIn: out(population) });
      const globalStdDevOut = rootMeanSquare(
        made.target.map((logit, record) => logit - (medianOut[record] ?? Number.NaN)),
      );
      const parameters = { ...shadowParameters({ ...own, isIn: out(records) }), globalStdDevOut };
      return offlineScores(own.target, parameters, "fixed");
    }
    default:
      return unreachable(attack);
  }
}

/**
 * The mean of a patient's records' scores (at least one) on a public scale in [0, 1], strictly increasing in it. NaN
 * becomes 0: an output that is no number must not change what a site sends but by one count.
 */
export function referenceUnit(attack: ReferenceAttack, scores: readonly number[]): number {
  const mean = scores.reduce((sum, score) => sum + score, 0) / scores.length;
  const unit = attack === "likelihood-ratio" ? Math.exp(mean) : mean;
  return unit > 0 ? Math.min(1, unit) : 0;
}

/** No reference model was trained on any record here. */
function out({ references, target }: Compared): readonly (readonly boolean[])[] {
  return references.map(() => target.map(() => false));
}

function rootMeanSquare(values: readonly number[]): number {
  return Math.sqrt(values.reduce((sum, value) => sum + value ** 2, 0) / values.length);
}

/** Half a float32's last bit below 1: models say no more of a probability that is nearly sure. */
const PROBABILITY_FLOOR = 2 ** -25;

/** φ = log(p / (1 − p)), with both logarithms' arguments at least the floor. */
function logitsOf({ target, references }: Compared) {
  const logit = (p: number) => Math.log(Math.max(p, PROBABILITY_FLOOR)) - Math.log(Math.max(1 - p, PROBABILITY_FLOOR));
  return { target: target.map(logit), shadow: references.map((own) => own.map(logit)) };
}
