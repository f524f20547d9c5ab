/** A run of a batch's patients that the device takes at once. */
export interface PhysicalBatch {
  /** Indices of patients. */
  readonly patients: Int32Array;
  /** [patients + 1]: rows of patient i are rowStart[i] … rowStart[i + 1] − 1. */
  readonly rowStart: Int32Array;
}

/**
 * Cuts a batch of any size, in order, into physical batches of at most `rowsMax` records. A patient is never cut: one
 * with more records than that is a physical batch alone. An empty batch has none.
 */
export function physicalBatches(patients: Int32Array, recordStart: Int32Array, rowsMax: number): PhysicalBatch[] {
  const batches: PhysicalBatch[] = [];
  let first = 0;
  let rowStart = [0];
  const cut = (end: number): void => {
    if (end === first) return;
    batches.push({ patients: patients.subarray(first, end), rowStart: Int32Array.from(rowStart) });
    first = end;
    rowStart = [0];
  };
  for (let i = 0; i < patients.length; i++) {
    const patient = patients[i] ?? 0;
    const records = (recordStart[patient + 1] ?? 0) - (recordStart[patient] ?? 0);
    if ((rowStart.at(-1) ?? 0) + records > rowsMax) cut(i);
    rowStart.push((rowStart.at(-1) ?? 0) + records);
  }
  cut(patients.length);
  return batches;
}
