import type { Network } from "@consilium/engine/network";
import { classesOf, predictWith } from "@consilium/engine/predict";
import type { RecordOutput } from "@consilium/shared/audit/attacks";
import { encodeAudit, encodeEvaluation, inShape } from "@consilium/shared/audit/contribution";
import { attackHistogram, type HistogramShape, type ScoreHistogram } from "@consilium/shared/audit/histogram";
import type { Charged } from "@consilium/shared/mechanism/charged";
import { addDiscreteLaplace } from "@consilium/shared/mechanism/discreteLaplace";
import { evaluationHistogram, evaluationShape } from "@consilium/shared/metric/evaluation";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { Epsilon } from "@consilium/shared/units/privacy";
import { PART_CODE, type PreparedPatients } from "../contract/preparedPatients.ts";
import type { EngineRequest } from "./message.ts";

export type Scoring = Extract<EngineRequest, { type: "score" }>["what"];

/** Patients gathered for one pass of the model. */
const PATIENTS_PER_PASS = 256;

/**
 * Scores a part's patients with the released model and noises the histograms. Every patient of the part is counted
 * once in each histogram, whatever the model says of it, so each has L1 sensitivity 1.
 */
export function score(
  network: Network,
  patients: PreparedPatients,
  what: Scoring,
  random: RandomSource,
): Charged<Uint8Array> {
  const classes = classesOf(network.spec);
  const noised = (histogram: ScoreHistogram, epsilon: Epsilon, shape: HistogramShape) =>
    inShape(addDiscreteLaplace(histogram, epsilon, random), shape);
  switch (what.purpose) {
    case "evaluate": {
      const histogram = evaluationHistogram(outputsOf(network, patients, "validation"), classes, what.bins);
      return encodeEvaluation(noised(histogram, what.epsilon, evaluationShape(classes, what.bins)));
    }
    case "audit": {
      const members = outputsOf(network, patients, "train");
      const nonMembers = outputsOf(network, patients, "audit");
      const attacks = what.attacks.map(({ attack, shape }) => {
        const look = (of: RecordOutput[][], epsilon: Epsilon) =>
          noised(attackHistogram(attack, of, classes, shape), epsilon, shape);
        return {
          attack,
          members: look(members, what.epsilon.members),
          nonMembers: look(nonMembers, what.epsilon.nonMembers),
        };
      });
      return encodeAudit(attacks);
    }
  }
}

/** Each patient's records as the model sees them, for the patients of one part. */
function outputsOf(network: Network, patients: PreparedPatients, part: keyof typeof PART_CODE): RecordOutput[][] {
  const members = patientsOf(patients, part);
  const outputs: RecordOutput[][] = [];
  for (let from = 0; from < members.length; from += PATIENTS_PER_PASS) {
    outputs.push(...outputsOfSome(network, patients, members.subarray(from, from + PATIENTS_PER_PASS)));
  }
  return outputs;
}

/** Indices of a part's patients. */
export function patientsOf(patients: PreparedPatients, part: keyof typeof PART_CODE): Int32Array {
  const members: number[] = [];
  for (const [patient, code] of patients.parts.entries()) if (code === PART_CODE[part]) members.push(patient);
  return Int32Array.from(members);
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
