import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { describe, expect, test } from "vitest";
import { hashPatientKey } from "../deidentification/patientKey.ts";
import { KeptRecords } from "./keptRecords.ts";

const secret = new Uint8Array(32).fill(4);
const rowsOf = (keys: readonly string[]) =>
  keys.map((key, index) => ({
    ...{ row: index + 1, key, split: null, label: 0, features: new Float32Array(1) },
    patient: hashPatientKey(secret, key),
  }));

function keep(keys: readonly string[], limit: number): KeptRecords {
  const kept = new KeptRecords(limit, operatingSystemRandom);
  for (const record of rowsOf(keys)) kept.add(record);
  return kept;
}

describe("[SAN14] which records are kept, and where they go", () => {
  test("at most so many of each patient, each alike; patients stand together, by their hashed keys", () => {
    const times = [0, 0, 0, 0];
    for (let run = 0; run < 2000; run++) {
      const kept = keep(["a", "b", "a", "a", "c", "a"], 2);
      const order = kept.inOrder();
      expect(order.map(({ key }) => key).sort()).toEqual(["a", "a", "b", "c"]);
      expect(order.map(({ patient }) => patient)).toEqual(order.map(({ patient }) => patient).sort());
      expect(kept.leftOut).toBe(2);
      for (const { key, row } of order)
        if (key === "a") times[[1, 3, 4, 6].indexOf(row)] = (times[[1, 3, 4, 6].indexOf(row)] ?? 0) + 1;
    }
    // Each of four with probability 1/2: 1000 ± 22; beyond ± 134 once in 10⁸ runs of this test.
    for (const count of times) expect(Math.abs(count - 1000)).toBeLessThan(134);
  });

  test("the order hangs on the site's secret and patients' keys, never on where the source has them", () => {
    const keys = Array.from({ length: 30 }, (_, index) => `p${index}`);
    const order = keep(keys, 1)
      .inOrder()
      .map(({ key }) => key);
    expect(
      keep([...keys].reverse(), 1)
        .inOrder()
        .map(({ key }) => key),
    ).toEqual(order);
    expect(order).not.toEqual(keys);
  });

  test("a second pass that finds other rows, or fewer, is refused", () => {
    const kept = keep(["a", "b", "c"], 1);
    const [a, b, c] = rowsOf(["a", "b", "c"]);
    if (a === undefined || b === undefined || c === undefined) throw new Error("three rows");
    expect(new Set([a, b, c].map((record) => kept.placeOf(record)))).toEqual(new Set([0, 1, 2]));
    expect(() => kept.placeOf({ ...a, patient: b.patient })).toThrow(expect.objectContaining({ code: "data/changed" }));
    expect(() => kept.requireAll(2)).toThrow(expect.objectContaining({ code: "data/changed" }));
    expect(kept.placeOf({ ...a, row: 9 })).toBeNull();
    kept.requireAll(3);
  });
});
