import type { Network } from "@consilium/engine/network";
import { classesOf, predictWith } from "@consilium/engine/predict";
import type { RecordOutput } from "@consilium/shared/audit/attacks";
import type { PreparedPatients } from "../contract/preparedPatients.ts";

/** Patients gathered for one pass of the model. */
const PATIENTS_PER_PASS = 256;

/** Each patient's records as the model sees them. */
export function outputsOf(network: Network, patients: PreparedPatients, members: Int32Array): RecordOutput[][] {
  const outputs: RecordOutput[][] = [];
  for (let from = 0; from < members.length; from += PATIENTS_PER_PASS) {
    outputs.push(...outputsOfSome(network, patients, members.subarray(from, from + PATIENTS_PER_PASS)));
  }
  return outputs;
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
