/**
 * A data set as one study may use it: read through the contract, sanitized, split and scaled. Patient keys are gone.
 * Records of one patient are neighbours; patients are numbered from 0.
 */
export interface PreparedPatients {
  readonly featureCount: number;
  /** [records, features], row by row. */
  readonly features: Float32Array;
  /** [records]: index into the contract's label values. */
  readonly labels: Int32Array;
  /** [patients + 1]: records of patient p are recordStart[p] … recordStart[p + 1] − 1. */
  readonly recordStart: Int32Array;
  /** [patients]: as `PART_CODE` has them. */
  readonly parts: Uint8Array;
}

declare const sanitized: unique symbol;

/**
 * Training patients of a file that a sanitizer made and a charge paid for: made by `command/sanitizedSource.ts` once its
 * manifest held, and read back from files that hold nothing else.
 */
export type PreparedSanitized = PreparedPatients & { readonly [sanitized]: true };

/** For `command/sanitizedSource.ts` and `contract/preparedFile.ts` alone. */
export function asSanitized(patients: PreparedPatients): PreparedSanitized {
  return patients as PreparedSanitized;
}

/** Codes in `parts`. Canaries are made up, and nobody: one that a coin let in trains as a patient does. */
export const PART_CODE = { train: 0, validation: 1, audit: 2, canaryIn: 3, canaryOut: 4, reference: 5 } as const;
export type PartName = keyof typeof PART_CODE;

/** Indices of the patients of some parts, in their order. */
export function patientsOf({ parts }: Pick<PreparedPatients, "parts">, ...of: readonly PartName[]): Int32Array {
  const codes = new Set<number>(of.map((part) => PART_CODE[part]));
  const members: number[] = [];
  for (const [patient, code] of parts.entries()) if (codes.has(code)) members.push(patient);
  return Int32Array.from(members);
}
