import type { RandomSource } from "../random/randomSource.ts";
import type { DctMethod } from "./method.ts";
import type { PatientRecords, PublicRules } from "./patientRecords.ts";
import { coefficientsOf, noisedCoefficients } from "./sanitize.ts";

/** Made of records, one half of it without noise: for the site's own eyes, never for a link, a study or a release. */
export interface LocalSpectrum {
  readonly kind: "local-spectrum";
  /** [columns]: mean of the squares of each coefficient, in public units. */
  readonly before_C: Float64Array;
  /** [K]: the same of what a method makes of those that it keeps. */
  readonly after_K: Float64Array;
}

/** The records' mean power, coefficient by coefficient, before and after a method on the DCT. */
export function spectrumOf(
  patients: PatientRecords,
  rules: PublicRules,
  method: DctMethod,
  random: RandomSource,
): LocalSpectrum {
  const columns = rules.low_C.length;
  const coefficients_RC = coefficientsOf(patients, rules, columns);
  const records = coefficients_RC.length / columns;
  const [before_C, after_K] = [new Float64Array(columns), new Float64Array(method.coefficients)];
  for (let r = 0; r < records; r++) {
    const record = coefficients_RC.subarray(r * columns, (r + 1) * columns);
    const { steps, step } = noisedCoefficients(record.subarray(0, method.coefficients), method, random).value;
    addSquares(before_C, record, records);
    addSquares(
      after_K,
      steps.map((value) => value * step),
      records,
    );
  }
  return { kind: "local-spectrum", before_C, after_K };
}

function addSquares(into: Float64Array, values: Float64Array, records: number): void {
  for (let k = 0; k < into.length; k++) into[k] = (into[k] ?? 0) + (values[k] ?? 0) ** 2 / records;
}
