import type { Network } from "@consilium/engine/network";
import { classesOf, predictWith } from "@consilium/engine/predict";
import { patientScore, type RecordOutput } from "@consilium/shared/audit/attacks";
import { encodeAudit, encodeEvaluation, inShape } from "@consilium/shared/audit/contribution";
import { attackHistogram, type HistogramShape, type ScoreHistogram } from "@consilium/shared/audit/histogram";
import { type CanaryGuesses, guessCanaries } from "@consilium/shared/canary/guesses";
import type { Charged } from "@consilium/shared/mechanism/charged";
import { addDiscreteLaplace } from "@consilium/shared/mechanism/discreteLaplace";
import { evaluationHistogram, evaluationShape } from "@consilium/shared/metric/evaluation";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { Epsilon } from "@consilium/shared/units/privacy";
import { PART_CODE, type PreparedPatients, patientsOf } from "../contract/preparedPatients.ts";
import type { EngineRequest } from "./message.ts";

export type Scoring = Extract<EngineRequest, { type: "score" }>["what"];

/** The model that is scored, and the study's model before its first step. */
export interface Networks {
  readonly released: Network;
  first(): Network;
}

/** Patients gathered for one pass of the model. */
const PATIENTS_PER_PASS = 256;

/**
 * Scores a part's patients with the released model and noises the histograms. Every patient of the part is counted
 * once in each histogram, whatever the model says of it, so each has L1 sensitivity 1.
 */
export function score(
  networks: Networks,
  patients: PreparedPatients,
  what: Scoring,
  random: RandomSource,
): Charged<Uint8Array> {
  const { released } = networks;
  const classes = classesOf(released.spec);
  const noised = (histogram: ScoreHistogram, epsilon: Epsilon, shape: HistogramShape) =>
    inShape(addDiscreteLaplace(histogram, epsilon, random), shape);
  switch (what.purpose) {
    case "evaluate": {
      const histogram = evaluationHistogram(
        outputsOf(released, patients, patientsOf(patients, "validation")),
        classes,
        what.bins,
      );
      return encodeEvaluation(noised(histogram, what.epsilon, evaluationShape(classes, what.bins)));
    }
    case "audit": {
      const members = outputsOf(released, patients, patientsOf(patients, "train"));
      const nonMembers = outputsOf(released, patients, patientsOf(patients, "audit"));
      const attacks = what.attacks.map(({ attack, shape }) => {
        const look = (of: RecordOutput[][], epsilon: Epsilon) =>
          noised(attackHistogram(attack, of, classes, shape), epsilon, shape);
        return {
          attack,
          members: look(members, what.epsilon.members),
          nonMembers: look(nonMembers, what.epsilon.nonMembers),
        };
      });
      if (what.canaries === undefined) return encodeAudit(attacks);
      return encodeAudit(attacks, canaryGuesses(networks, patients, what.canaries.guesses));
    }
  }
}

/** Each patient's records as the model sees them. */
function outputsOf(network: Network, patients: PreparedPatients, members: Int32Array): RecordOutput[][] {
  const outputs: RecordOutput[][] = [];
  for (let from = 0; from < members.length; from += PATIENTS_PER_PASS) {
    outputs.push(...outputsOfSome(network, patients, members.subarray(from, from + PATIENTS_PER_PASS)));
  }
  return outputs;
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

function outputsOfSome(network: Network, patients: PreparedPatients, members: Int32Array): RecordOutput[][] {
  const { featureCount: width, recordStart } = patients;
  const classes = classesOf(network.spec);
  const spans = Array.from(members, (patient) => ({
    first: recordStart[patient] ?? 0,
    end: recordStart[patient + 1] ?? 0,
  }));
  const records = spans.reduce((sum, { first, end }) => sum + end - first, 0);
  const features = new Float32Array(records * width);
  let row = 0;
  for (const { first, end } of spans) {
    features.set(patients.features.subarray(first * width, end * width), row * width);
    row += end - first;
  }
  const probabilities = predictWith(network, features);
  let at = 0;
  return spans.map(({ first, end }) =>
    Array.from({ length: end - first }, (_, index) => {
      const start = at++ * classes;
      return {
        probabilities: probabilities.subarray(start, start + classes),
        label: patients.labels[first + index] ?? 0,
      };
    }),
  );
}
