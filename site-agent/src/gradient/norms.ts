/** What clipping needs to know of the records' gradients in one block of parameters, or in all. */
export interface BlockNorms {
  /** ‖gradient of the sum of the patient's losses‖², never too small; one for each patient. */
  readonly squared_P: Float64Array;
  /** Squared length of what float32 sums add for each record: its gradient's, cancellation between positions apart. */
  readonly triangleSquared_R: Float64Array;
  /** Largest ‖input‖ or ‖delta‖ of each record, NaN or ∞ where a number is not finite. */
  readonly largest_R: Float64Array;
}

/** Rows of patient i: rowStart[i] … rowStart[i + 1] − 1. */
export type RowStart = Int32Array;

/** Norms of nothing. */
export function noNorms(patients: number, records: number): BlockNorms {
  return {
    squared_P: new Float64Array(patients),
    triangleSquared_R: new Float64Array(records),
    largest_R: new Float64Array(records),
  };
}

/** What one float32 product can lose where it is too small for a normal number, on a device that flushes them to 0. */
export const UNDERFLOW = 2 ** -126;

/** Relative error of a float32 sum of n products, in whatever order: γ_n (Higham 2002, eq. 3.5). */
export function float32Error(terms: number): number {
  return (terms * 2 ** -24) / (1 - terms * 2 ** -24);
}

export function forPatients(rowStart: RowStart, visit: (patient: number, first: number, end: number) => void): void {
  for (let patient = 0; patient + 1 < rowStart.length; patient++) {
    visit(patient, rowStart[patient] ?? 0, rowStart[patient + 1] ?? 0);
  }
}

export function squaredNorm(values: Float64Array): number {
  let sum = 0;
  for (const value of values) sum += value * value;
  return sum;
}

/** Four running sums, so that the additions needn't wait for each other. */
export function dot(values: Float32Array, x: number, y: number, length: number): number {
  let a = 0;
  let b = 0;
  let c = 0;
  let d = 0;
  let i = 0;
  for (; i + 3 < length; i += 4) {
    a += (values[x + i] ?? 0) * (values[y + i] ?? 0);
    b += (values[x + i + 1] ?? 0) * (values[y + i + 1] ?? 0);
    c += (values[x + i + 2] ?? 0) * (values[y + i + 2] ?? 0);
    d += (values[x + i + 3] ?? 0) * (values[y + i + 3] ?? 0);
  }
  for (; i < length; i++) a += (values[x + i] ?? 0) * (values[y + i] ?? 0);
  return a + b + (c + d);
}
