import { assert, Failure } from "../failure/failure.ts";

/** Patients as a sanitizer takes them: never to leave as they are. Patient keys are gone. */
export interface PatientRecords {
  /** [records, columns], row by row, in the columns' own units; NaN where a value is missing. */
  readonly values_RC: Float64Array;
  /** [records]: index into the label's public values. */
  readonly labels_R: Int32Array;
  /** [patients + 1]: records of patient p are recordStart[p] … recordStart[p + 1] − 1. */
  readonly recordStart: Int32Array;
}

/** What is known of the records without looking at any: a study's public contract. */
export interface PublicRules {
  /** Least and greatest value of each column, in its own unit. */
  readonly low_C: Float64Array;
  readonly high_C: Float64Array;
  /** Public order of the columns (by chromosome, by pathway), a permutation of 0 … C − 1; null: as they stand. */
  readonly order_C: Int32Array | null;
  readonly labelValues: number;
  /** No patient has more records: a patient pays this often. */
  readonly recordsPerPatient: number;
}

/** Records in public units, [records, columns]: numbers in [−1, 1] or [0, 1], in the public order of columns. */
export interface UnitRecords {
  readonly columns: number;
  readonly values_RC: Float64Array;
}

/** Which interval a column's public range becomes. */
export type UnitRange = "[-1, 1]" | "[0, 1]";

/**
 * Clips each value to its column's public range and scales that; a missing one becomes the range's middle. Each record
 * by itself, so that a record can change no other. Throws where the records don't meet the public rules' shape.
 */
export function toUnits(patients: PatientRecords, rules: PublicRules, range: UnitRange): UnitRecords {
  checkShape(patients, rules);
  const columns = rules.low_C.length;
  const values_RC = new Float64Array(patients.values_RC.length);
  for (let start = 0; start < values_RC.length; start += columns) {
    for (let place = 0; place < columns; place++) {
      const column = columnAt(rules, place);
      const [low, high] = [rules.low_C[column] ?? 0, rules.high_C[column] ?? 0];
      const value = patients.values_RC[start + column] ?? Number.NaN;
      const share = Number.isNaN(value) ? 0.5 : Math.min(1, Math.max(0, (value - low) / (high - low)));
      values_RC[start + place] = range === "[0, 1]" ? share : 2 * share - 1;
    }
  }
  return { columns, values_RC };
}

/** The way back, of numbers that noise has carried anywhere: in the columns' own units, order and places. */
export function fromUnits({ columns, values_RC }: UnitRecords, rules: PublicRules, range: UnitRange): Float64Array {
  const own_RC = new Float64Array(values_RC.length);
  for (let start = 0; start < own_RC.length; start += columns) {
    for (let place = 0; place < columns; place++) {
      const column = columnAt(rules, place);
      const [low, high] = [rules.low_C[column] ?? 0, rules.high_C[column] ?? 0];
      const unit = values_RC[start + place] ?? Number.NaN;
      own_RC[start + column] = low + (high - low) * (range === "[0, 1]" ? unit : (unit + 1) / 2);
    }
  }
  return own_RC;
}

function columnAt({ order_C }: PublicRules, place: number): number {
  return order_C === null ? place : (order_C[place] ?? place);
}

function checkShape({ values_RC, labels_R, recordStart }: PatientRecords, rules: PublicRules): void {
  const { low_C, high_C, order_C, recordsPerPatient } = rules;
  const columns = low_C.length;
  const ranges = low_C.every((low, c) => Number.isFinite((high_C[c] ?? Number.NaN) - low) && low < (high_C[c] ?? low));
  if (columns === 0 || high_C.length !== columns || !ranges) {
    throw badRules("Each column needs a public range with a least value below its greatest.");
  }
  if (order_C !== null && [...order_C].sort((a, b) => a - b).some((column, place) => column !== place)) {
    throw badRules("The public order of columns names some column twice, or none that there is.");
  }
  assert(order_C === null || order_C.length === columns, "an order names each column once");
  const records = values_RC.length / columns;
  assert(labels_R.length === records && recordStart.at(-1) === records, "each record has its numbers and its label");
  const sizes = recordStart.subarray(1).map((end, patient) => end - (recordStart[patient] ?? 0));
  if (sizes.every((size) => size >= 0 && size <= recordsPerPatient)) return;
  throw new Failure({
    code: "sanitizer/too-many-records",
    kind: "config",
    what: `Some patient has more than ${recordsPerPatient} records, which is the number that every patient pays for.`,
    remedy: "Raise the public number of records for each patient, or let the contract choose as many at random.",
  });
}

function badRules(what: string): Failure {
  return new Failure({
    code: "sanitizer/bad-rules",
    kind: "config",
    what,
    remedy: "State the public rule anew: it may never be learnt from the data without a charge.",
  });
}
