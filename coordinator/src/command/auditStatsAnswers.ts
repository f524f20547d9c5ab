import { type ClassScore, classThresholds, type Groups, ratesUnder } from "@consilium/shared/attack/classThresholds";
import {
  offlineDensityScores,
  offlineScores,
  onlineScores,
  shadowParameters,
} from "@consilium/shared/attack/likelihoodRatio";
import {
  binOf,
  LEAST_VALUE,
  logHistogram,
  memberShares,
  privacyRiskScore,
  riskHistograms,
} from "@consilium/shared/attack/privacyRisk";
import { offlineRelativeScores, onlineRelativeScores } from "@consilium/shared/attack/relativeMembership";
import { SUMMARY_FPRS, summarise } from "@consilium/shared/attack/summary";
import { attackScore } from "@consilium/shared/audit/attacks";
import { oneRunEpsilon, oneRunTail } from "@consilium/shared/canary/oneRun";
import {
  federatedCanaryEpsilon,
  gaussianDpEpsilon,
  oneRunGaussianEpsilon,
} from "@consilium/shared/epsilonBound/gaussian";
import { epsilonOfRuns } from "@consilium/shared/epsilonBound/trainingRuns";
import type { EpsilonBounds, LikelihoodRatio, RelativeMembership, SongMittal, Statistics } from "./auditStatsInput.ts";

/** Each part that was asked for, under its own name; what was given beside it is left out. */
export function answerStatistics({ song_mittal, lira, rmia, epsilon_bounds }: Statistics) {
  return {
    ...(song_mittal === undefined ? {} : { song_mittal: songMittalOf(song_mittal) }),
    ...(lira === undefined ? {} : { lira: likelihoodRatioOf(lira) }),
    ...(rmia === undefined ? {} : { rmia: relativeMembershipOf(rmia) }),
    ...(epsilon_bounds === undefined ? {} : { epsilon_bounds: boundsOf(epsilon_bounds) }),
  };
}
export type StatisticsAnswers = ReturnType<typeof answerStatistics>;

/** An attack's summary under the names of `audit stats`. */
function summaryOf(members: readonly number[], nonMembers: readonly number[]) {
  const summary = summarise(members, nonMembers);
  const byRate = (tprs: readonly number[]) =>
    Object.fromEntries(SUMMARY_FPRS.map((fpr, index) => [`${fpr}`, tprs[index]]));
  return {
    auc: summary.auc,
    auc_convex_hull: summary.aucConvexHull,
    advantage: summary.advantage,
    advantage_abs: summary.advantageAbs,
    best_balanced_accuracy: summary.bestBalancedAccuracy,
    tpr_at_fpr_step: byRate(summary.tprAtFprStep),
    tpr_at_fpr_hull: byRate(summary.tprAtFprHull),
  };
}
export type SummaryAnswer = ReturnType<typeof summaryOf>;

type Attack = Parameters<typeof attackScore>[0];
type Outputs = SongMittal["inputs"]["target"]["member"];

function scoresOf(attack: Attack, { probs, labels }: Outputs): readonly ClassScore[] {
  return probs.map((probabilities, record) => {
    const label = labels[record] ?? -1;
    return { score: attackScore(attack, { probabilities, label }), label };
  });
}

function groupsOf(attack: Attack, { member, nonmember }: SongMittal["inputs"]["target"]): Groups<ClassScore> {
  return { members: scoresOf(attack, member), nonMembers: scoresOf(attack, nonmember) };
}

const scoreOf = ({ score }: ClassScore) => score;

/** First scores of members that are shown, so that conventions (sign, logarithm) can be seen. */
const SHOWN_SCORES = 5;
const RISK_BINS = 5;
const LOSS_BINS = 15;

function songMittalOf({ num_classes: classes, inputs }: SongMittal) {
  const target = (attack: Attack) => groupsOf(attack, inputs.target);
  const summarised = (attack: Attack) => {
    const { members, nonMembers } = target(attack);
    return summaryOf(members.map(scoreOf), nonMembers.map(scoreOf));
  };
  const thresholded = (attack: Attack) => {
    const thresholds = classThresholds(groupsOf(attack, inputs.shadow), classes);
    const { tpr, tnr, accuracy } = ratesUnder(thresholds, target(attack));
    return {
      target_summary: summarised(attack),
      class_thresholds: thresholds,
      tpr,
      tnr,
      attack_accuracy: accuracy,
    };
  };
  const first = (attack: Attack) => target(attack).members.slice(0, SHOWN_SCORES).map(scoreOf);
  const correct = ratesUnder(new Array<number>(classes).fill(1), target("correctness"));
  return {
    correctness: {
      target_summary: summarised("correctness"),
      attack_accuracy: correct.accuracy,
      tpr: correct.tpr,
      fpr: 1 - correct.tnr,
    },
    confidence: thresholded("confidence"),
    entropy: thresholded("entropy"),
    modified_entropy: thresholded("modified-entropy"),
    first5_member_values: {
      correctness: first("correctness"),
      confidence: first("confidence"),
      entropy: first("entropy"),
      modified_entropy: first("modified-entropy"),
    },
    privacy_risk_score: privacyRiskOf(inputs, classes),
    tfp_membership_probability_loss15: membershipByLoss(inputs.target),
  };
}

function privacyRiskOf({ shadow, target }: SongMittal["inputs"], classes: number) {
  const entropies = (groups: SongMittal["inputs"]["target"]) => {
    const { members, nonMembers } = groupsOf("modified-entropy", groups);
    const turned = ({ score, label }: ClassScore) => ({ score: -score, label });
    return { members: members.map(turned), nonMembers: nonMembers.map(turned) };
  };
  const histograms = riskHistograms(entropies(shadow), classes, RISK_BINS);
  const scores = entropies(target).members.flatMap(({ score, label }) => {
    const histogram = histograms[label];
    return histogram === undefined ? [] : [privacyRiskScore(score, histogram)];
  });
  return {
    statistic: "modified_entropy",
    num_bins: RISK_BINS,
    log_bins: true,
    small: LEAST_VALUE,
    class_hist: Object.fromEntries(
      histograms.map(({ edges, members, nonMembers }, label) => [
        `${label}`,
        { bins: edges, member_hist: members, nonmember_hist: nonMembers },
      ]),
    ),
    target_member_scores: scores,
    mean: meanOf(scores),
    frac_ge_0_8: scores.filter((score) => score >= 0.8).length / scores.length,
  };
}

/** TF Privacy's membership probability: Song & Mittal's risk by the loss, on the attacked model's own records. */
function membershipByLoss(target: SongMittal["inputs"]["target"]) {
  const { members, nonMembers } = groupsOf("loss", target);
  const loss = ({ score }: ClassScore) => -score;
  const losses = { members: members.map(loss), nonMembers: nonMembers.map(loss) };
  const histogram = logHistogram(losses, LOSS_BINS);
  const probabilities = memberShares(histogram);
  const meanProbability = (values: readonly number[]) =>
    meanOf(values.map((value) => probabilities[binOf(value, histogram.edges)] ?? Number.NaN));
  return {
    bins: histogram.edges,
    bin_probability: probabilities,
    member_mean: meanProbability(losses.members),
    nonmember_mean: meanProbability(losses.nonMembers),
  };
}

function scored(scores: readonly number[], isMember: readonly number[]) {
  const of = (wanted: number) => scores.filter((_, record) => isMember[record] === wanted);
  return { scores, summary: summaryOf(of(1), of(0)) };
}

function likelihoodRatioOf({ inputs }: LikelihoodRatio) {
  const { target_phi: target, target_member: isMember } = inputs;
  const isIn = inputs.shadow_in.map((row) => row.map((flag) => flag === 1));
  const parameters = shadowParameters({ target, shadow: inputs.shadow_phi, isIn });
  const of = (scores: readonly number[]) => scored(scores, isMember);
  return {
    online: of(onlineScores(target, parameters, "own")),
    online_fixed_variance: of(onlineScores(target, parameters, "fixed")),
    offline_one_sided_logcdf: of(offlineScores(target, parameters, "own")),
    offline_one_sided_fixed_variance: of(offlineScores(target, parameters, "fixed")),
    offline_density_reference_code: of(offlineDensityScores(target, parameters)),
    global_threshold: of(target),
    params: {
      median_in: parameters.medianIn,
      median_out: parameters.medianOut,
      std_in: parameters.stdDevIn,
      std_out: parameters.stdDevOut,
      global_std_in: parameters.globalStdDevIn,
      global_std_out: parameters.globalStdDevOut,
    },
  };
}

const RMIA_OFFLINE_A = [0.3, 0.6, 1] as const;
const RMIA_GAMMAS = [1, 2] as const;

function relativeMembershipOf({ inputs }: RelativeMembership) {
  const probabilities = {
    target: inputs.target_p,
    references: inputs.ref_p,
    isIn: inputs.ref_in.map((row) => row.map((flag) => flag === 1)),
    targetOfPopulation: inputs.target_z,
    referencesOfPopulation: inputs.ref_z,
  };
  const of = (scores: readonly number[]) => scored(scores, inputs.target_member);
  const decimal = (value: number) => (Number.isInteger(value) ? value.toFixed(1) : `${value}`);
  const offline = RMIA_OFFLINE_A.flatMap((a) =>
    RMIA_GAMMAS.map((gamma) => {
      const name = `offline_a${decimal(a)}_gamma${decimal(gamma)}`;
      return [name, of(offlineRelativeScores(probabilities, a, gamma))] as const;
    }),
  );
  const online = RMIA_GAMMAS.map(
    (gamma) => [`online_gamma${decimal(gamma)}`, of(onlineRelativeScores(probabilities, gamma))] as const,
  );
  return Object.fromEntries([...offline, ...online]);
}

function boundsOf(asked: EpsilonBounds) {
  const runs = asked.clopper_pearson?.map(({ tp, n_pos, fp, n_neg, alpha, delta }) => {
    const counts = { truePositives: tp, positives: n_pos, falsePositives: fp, negatives: n_neg };
    const bounds = epsilonOfRuns(counts, alpha, delta);
    return {
      ...{ tp, n_pos, fp, n_neg, alpha, delta },
      eps_cp_two_sided_rule: bounds.twoSided,
      eps_cp_tpr_over_fpr_only: bounds.tprOverFpr,
      eps_jeffreys: bounds.jeffreys,
      fnr_upper: bounds.fnrUpper,
      fpr_upper: bounds.fprUpper,
    };
  });
  const oneRun = asked.one_run?.map(({ m, r, v, p, delta }) => {
    const run = { count: m, guesses: r, correct: v };
    return {
      ...{ m, r, v, p, delta },
      eps_lower: oneRunEpsilon(run, delta, 1 - p),
      p_value_at_eps_1: oneRunTail(run, 1, delta),
      // No Gaussian mechanism is (ε, 0)-private.
      eps_fdp_gaussian: delta === 0 ? null : oneRunGaussianEpsilon(run, p, delta),
    };
  });
  const canary = asked.one_shot_federated_canary?.map(({ mean_cos, std_cos, dim, delta }) => {
    const eps = federatedCanaryEpsilon({ mean: mean_cos, stdDev: std_cos, dimension: dim }, delta);
    return { mean_cos, std_cos, dim, delta, eps };
  });
  const gaussian = asked.gdp_conversion?.map(({ mu, delta }) => ({ mu, delta, eps: gaussianDpEpsilon(mu, delta) }));
  return {
    ...(runs === undefined ? {} : { clopper_pearson: runs }),
    ...(oneRun === undefined ? {} : { one_run: oneRun }),
    ...(canary === undefined ? {} : { one_shot_federated_canary: canary }),
    ...(gaussian === undefined ? {} : { gdp_conversion: gaussian }),
  };
}

function meanOf(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
