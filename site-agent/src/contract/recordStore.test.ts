import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { describe, expect, test } from "vitest";
import { hashPatientKey } from "../deidentification/patientKey.ts";
import { RecordStore } from "./recordStore.ts";

const patient = hashPatientKey(new Uint8Array(32), "p");

describe("[DAT6] of a patient's records, each set up to the limit is equally likely to be kept", () => {
  test("each of 6 records stays with probability 2/6", () => {
    const trials = 1000;
    const kept = [0, 0, 0, 0, 0, 0];
    for (let trial = 0; trial < trials; trial++) {
      const store = new RecordStore(1, 2, operatingSystemRandom);
      for (let record = 0; record < 6; record++) store.add(patient, Float32Array.of(record), record);
      const records = store.recordsOf(patient);
      expect([records.length, store.kept, store.leftOut]).toEqual([2, 2, 4]);
      for (const record of records) {
        const value = store.features(record)[0] ?? Number.NaN;
        expect(store.label(record)).toBe(value);
        kept[value] = (kept[value] ?? 0) + 1;
      }
    }
    // Five standard deviations of a binomial, six times: a false alarm in fewer than 1 of 200,000 runs.
    const stdDev = Math.sqrt(trials * (1 / 3) * (2 / 3));
    for (const times of kept) expect(Math.abs(times - trials / 3)).toBeLessThan(5 * stdDev);
  });

  test("records wider than a block, and more than one block", () => {
    const width = 2 ** 19 + 1;
    const store = new RecordStore(width, 3, operatingSystemRandom);
    for (let record = 0; record < 3; record++) store.add(patient, new Float32Array(width).fill(record), record);
    expect([0, 1, 2].map((record) => store.features(record)[width - 1])).toEqual([0, 1, 2]);
  });
});
