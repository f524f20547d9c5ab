import type { PreparedPatients } from "../contract/preparedPatients.ts";

/**
 * Cuts a batch into `count` runs of patients as equal as can be; some are empty where there are fewer patients. Each
 * patient is in exactly one.
 */
export function shardsOf(patients: Int32Array, count: number): Int32Array[] {
  const start = (shard: number): number => Math.floor((shard * patients.length) / count);
  return Array.from({ length: count }, (_, shard) => patients.subarray(start(shard), start(shard + 1)));
}

/** Some patients by themselves, with all their records, in the order given. */
export function recordsOf(all: PreparedPatients, patients: Int32Array): PreparedPatients {
  const { featureCount, recordStart } = all;
  const start = new Int32Array(patients.length + 1);
  for (const [i, patient] of patients.entries()) {
    start[i + 1] = (start[i] ?? 0) + (recordStart[patient + 1] ?? 0) - (recordStart[patient] ?? 0);
  }
  const records = start.at(-1) ?? 0;
  const features = new Float32Array(records * featureCount);
  const labels = new Int32Array(records);
  const parts = Uint8Array.from(patients, (patient) => all.parts[patient] ?? 0);
  for (const [i, patient] of patients.entries()) {
    const [first, end] = [recordStart[patient] ?? 0, recordStart[patient + 1] ?? 0];
    features.set(all.features.subarray(first * featureCount, end * featureCount), (start[i] ?? 0) * featureCount);
    labels.set(all.labels.subarray(first, end), start[i] ?? 0);
  }
  return { featureCount, features, labels, recordStart: start, parts };
}
