import { type PatientRecords, type PublicRules, toUnits } from "./patientRecords.ts";
import { coefficientsOf } from "./sanitize.ts";

/** Made of records without noise: for the site's own eyes, never for a link, a study or a release. */
export interface LocalEnergy {
  readonly kind: "local-energy";
  readonly kept: readonly { readonly coefficients: number; readonly share: number }[];
}

/**
 * Share of all records' energy (squares of their numbers in public units) that the first K coefficients keep, for each
 * K asked: what is lost before any noise, to be looked at before ε is spent. Records of zeros alone keep all of theirs.
 */
export function energyKept(patients: PatientRecords, rules: PublicRules, counts: readonly number[]): LocalEnergy {
  const columns = rules.low_C.length;
  const { values_RC } = toUnits(patients, rules, "[-1, 1]");
  // The transform is orthonormal: all coefficients have the energy of all numbers.
  const all = values_RC.reduce((sum, value) => sum + value * value, 0);
  const most = Math.max(1, ...counts.filter((count) => count < columns));
  const coefficients = coefficientsOf(patients, rules, most);
  const energy_K = new Float64Array(most);
  for (let at = 0; at < coefficients.length; at++) {
    energy_K[at % most] = (energy_K[at % most] ?? 0) + (coefficients[at] ?? 0) ** 2;
  }
  const upTo = (count: number): number =>
    count >= columns ? all : energy_K.subarray(0, count).reduce((sum, energy) => sum + energy, 0);
  const kept = counts.map((count) => ({ coefficients: count, share: all === 0 ? 1 : upTo(count) / all }));
  return { kind: "local-energy", kept };
}
