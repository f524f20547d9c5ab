import type { Network } from "@consilium/engine/network";
import { classesOf } from "@consilium/engine/predict";
import { patientScore } from "@consilium/shared/audit/attacks";
import { encodeAudit, encodeEvaluation, encodeShadow, inShape } from "@consilium/shared/audit/contribution";
import {
  attackHistogram,
  countScores,
  type HistogramShape,
  type NoisedHistogram,
  type ScoreHistogram,
} from "@consilium/shared/audit/histogram";
import { shadowHistogram, shadowScores } from "@consilium/shared/audit/shadow";
import { type CanaryGuesses, guessCanaries } from "@consilium/shared/canary/guesses";
import { decodeSynthetic, type Synthetic } from "@consilium/shared/generator/madeFile";
import type { Charged } from "@consilium/shared/mechanism/charged";
import { addDiscreteLaplace } from "@consilium/shared/mechanism/discreteLaplace";
import { concordanceHistogram, concordanceShape } from "@consilium/shared/metric/concordance";
import { evaluationHistogram, evaluationShape } from "@consilium/shared/metric/evaluation";
import type { FeatureScale } from "@consilium/shared/normalisation/columnScales";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { isReferenceAttack, isShadowAttack, isSyntheticAttack } from "@consilium/shared/study/audit";
import type { Epsilon } from "@consilium/shared/units/privacy";
import { PART_CODE, type PreparedPatients, patientsOf } from "../contract/preparedPatients.ts";
import { type Comparison, compareSides, notLoaded, type Side } from "./compare.ts";
import { classified, closestScores, fitting, madeOf } from "./made.ts";
import type { EngineRequest } from "./message.ts";
import { outputsOf } from "./outputs.ts";
import { risksOf } from "./risk.ts";

export type Scoring = Extract<EngineRequest, { type: "score" }>["what"];

/** The model that is scored, the study's model before its first step, and the audit's reference models. */
export interface Networks extends Comparison {
  first(): Network;
  /** The synthetic records that are released; absent where no generator makes any. */
  synthetic?(): Synthetic;
}

/**
 * Scores a part's patients with the released model and noises the histograms. Every patient of the part is counted
 * once in each histogram, whatever the model says of it, so each has L1 sensitivity 1.
 */
export function score(
  networks: Networks,
  patients: PreparedPatients,
  what: Scoring,
  random: RandomSource,
  scales: readonly FeatureScale[] = [],
): Charged<Uint8Array> {
  const { released, synthetic = () => decodeSynthetic(madeOf(null)) } = networks;
  const classes = classesOf(released.spec);
  const noised = (histogram: ScoreHistogram, epsilon: Epsilon, shape: HistogramShape) =>
    inShape(addDiscreteLaplace(histogram, epsilon, random), shape);
  switch (what.purpose) {
    case "evaluate": {
      const { interval, bins, epsilon } = what;
      if (interval !== undefined) {
        const risks = risksOf(released, patients, patientsOf(patients, "validation"), interval);
        const { intervals } = interval;
        return encodeEvaluation(
          noised(concordanceHistogram(risks, intervals, bins), epsilon, concordanceShape(intervals, bins)),
        );
      }
      const histogram = evaluationHistogram(
        outputsOf(released, patients, patientsOf(patients, "validation")),
        classes,
        bins,
      );
      return encodeEvaluation(noised(histogram, epsilon, evaluationShape(classes, bins)));
    }
    case "shadow":
      return shadowLooks(networks, patients, what, random);
    case "audit": {
      const sides = { members: patientsOf(patients, "train"), nonMembers: patientsOf(patients, "audit") };
      const outputs = {
        members: outputsOf(released, patients, sides.members),
        nonMembers: outputsOf(released, patients, sides.nonMembers),
      };
      const compared = what.references && compareSides(networks, patients, { sides, outputs, scales }, what.references);
      const counted = ({ attack, shape }: Looked, side: Side): ScoreHistogram => {
        if (isSyntheticAttack(attack)) {
          const scores = closestScores(synthetic().records, patients, sides[side]);
          return countScores(scores, shape.classes, shape.bins);
        }
        if (isShadowAttack(attack)) {
          const scores = shadowScores(attack, what.shadow ?? notLoaded(), outputs[side], classes);
          return countScores(scores, shape.classes, shape.bins);
        }
        if (!isReferenceAttack(attack)) return attackHistogram(attack, outputs[side], classes, shape);
        return countScores(compared?.(attack, side) ?? notLoaded(), shape.classes, shape.bins);
      };
      const attacks = what.attacks.map((looked) => {
        const look = (side: Side) => noised(counted(looked, side), what.epsilon[side], looked.shape);
        return { attack: looked.attack, members: look("members"), nonMembers: look("nonMembers") };
      });
      return encodeAudit(attacks, {
        ...(what.canaries === undefined ? {} : { canaries: canaryGuesses(networks, patients, what.canaries.guesses) }),
        ...(what.utility === undefined
          ? {}
          : {
              utility: noised(
                utilityHistogram(synthetic(), patients, { classes, bins: what.utility.bins }),
                what.epsilon.nonMembers,
                evaluationShape(classes, what.utility.bins),
              ),
            }),
      });
    }
  }
}

/** The last reference model, as those who trained it and those who trained nothing look to it: each counts once. */
function shadowLooks(
  { references, released }: Networks,
  patients: PreparedPatients,
  { bins, epsilon }: Extract<Scoring, { purpose: "shadow" }>,
  random: RandomSource,
): Charged<Uint8Array> {
  const classes = classesOf(released.spec);
  const network = (references[0] ?? notLoaded())();
  try {
    const look = (part: "reference" | "validation", of: Epsilon): Charged<NoisedHistogram> => {
      const counted = shadowHistogram(outputsOf(network, patients, patientsOf(patients, part)), classes, bins);
      return inShape(addDiscreteLaplace(counted, of, random), { classes, bins: bins ** 2 });
    };
    return encodeShadow(look("reference", epsilon.members), look("validation", epsilon.nonMembers));
  } finally {
    network.dispose();
  }
}

type Looked = Extract<Scoring, { purpose: "audit" }>["attacks"][number];

/** What a classifier of synthetic records alone makes of patients who trained nothing: each counts once. */
function utilityHistogram(
  { classifier }: Synthetic,
  patients: PreparedPatients,
  { classes, bins }: { readonly classes: number; readonly bins: number },
): ScoreHistogram {
  const outputs = classified(fitting(classifier, patients, classes), patients, patientsOf(patients, "audit"));
  return evaluationHistogram(outputs, classes, bins);
}

/**
 * Guesses which canaries trained, by how far the released model's loss on each lies below that of the study's first
 * model: both are public, so that nothing but the coins is told.
 */
function canaryGuesses(networks: Networks, patients: PreparedPatients, guesses: number): CanaryGuesses {
  const canaries = patientsOf(patients, "canaryIn", "canaryOut");
  const lossOf = (network: Network) =>
    outputsOf(network, patients, canaries).map((records) => patientScore("loss", records));
  const before = lossOf(networks.first());
  const scores = lossOf(networks.released).map((score, canary) => score - (before[canary] ?? Number.NaN));
  const coins = Uint8Array.from(canaries, (canary) => (patients.parts[canary] === PART_CODE.canaryIn ? 1 : 0));
  return guessCanaries(Float64Array.from(scores), coins, guesses);
}
