import type { Network } from "@consilium/engine/network";
import { predictWith } from "@consilium/engine/predict";
import type { RiskOfPatient } from "@consilium/shared/metric/concordance";
import { riskFrom, survivalFrom } from "@consilium/shared/metric/survivalCurve";
import type { IntervalPlace } from "@consilium/shared/study/survival";
import type { PreparedPatients } from "../contract/preparedPatients.ts";

/** Patients gathered for one pass of the model. */
const PATIENTS_PER_PASS = 256;

/** What a model of hazards says of each patient over all intervals, whatever those that were lived through. */
export function risksOf(
  network: Network,
  patients: PreparedPatients,
  members: Int32Array,
  { offset, intervals }: IntervalPlace,
): RiskOfPatient[] {
  const { featureCount: width, recordStart, labels } = patients;
  const risks: RiskOfPatient[] = [];
  for (let from = 0; from < members.length; from += PATIENTS_PER_PASS) {
    const some = members.subarray(from, from + PATIENTS_PER_PASS);
    const features = new Float32Array(some.length * intervals * width);
    some.forEach((patient, place) => {
      const first = (recordStart[patient] ?? 0) * width;
      const record = patients.features.slice(first, first + width).fill(0, offset, offset + intervals);
      for (let interval = 0; interval < intervals; interval++) {
        const row = (place * intervals + interval) * width;
        features.set(record, row);
        features[row + offset + interval] = 1;
      }
    });
    const probabilities = predictWith(network, features);
    some.forEach((patient, place) => {
      const hazards = Array.from({ length: intervals }, (_, i) => probabilities[(place * intervals + i) * 2 + 1] ?? 0);
      const [first, end] = [recordStart[patient] ?? 0, recordStart[patient + 1] ?? 0];
      risks.push({
        risk: riskFrom(survivalFrom(hazards)),
        entered: end - first,
        hadEvent: labels.subarray(first, end).includes(1),
      });
    });
  }
  return risks;
}
