import type { Charged } from "@consilium/shared/mechanism/charged";
import { addRoundedGaussian } from "@consilium/shared/mechanism/roundedGaussian";
import { encodeNormalise } from "@consilium/shared/normalisation/contribution";
import type { NormalisationRule } from "@consilium/shared/normalisation/rule";
import { type PatientMeans, sumStatistics } from "@consilium/shared/normalisation/statistics";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { PreparedPatients } from "../contract/preparedPatients.ts";

/** The normalised columns: how, and where they stand in a record. */
export interface Normalising {
  readonly rule: NormalisationRule;
  readonly places: readonly number[];
}

/**
 * Joint guarantee. Each training patient adds one vector of bounded norm (`sumStatistics`), whatever its records are;
 * all sums bear exact Gaussian noise of the rule's multiplier times that norm, rounded, in one release. That is one
 * whole-part Gaussian event, which the bytes carry.
 */
export function noisedStatistics(
  patients: PreparedPatients,
  trainPatients: Int32Array,
  { rule, places }: Normalising,
  random: RandomSource,
): Charged<Uint8Array> {
  const sums = sumStatistics(rule, places.length, patientMeans(patients, trainPatients, places));
  return encodeNormalise(addRoundedGaussian(sums, rule.noiseMultiplier, random));
}

/** Of each patient's records, missing values filled as the study says: what a model would see without normalisation. */
function* patientMeans(
  { features, featureCount, recordStart }: PreparedPatients,
  members: Int32Array,
  places: readonly number[],
): Generator<PatientMeans> {
  for (const patient of members) {
    const [first, end] = [recordStart[patient] ?? 0, recordStart[patient + 1] ?? 0];
    yield places.map((place) => {
      let sum = 0;
      for (let record = first; record < end; record++) sum += features[record * featureCount + place] ?? 0;
      return sum / (end - first);
    });
  }
}
