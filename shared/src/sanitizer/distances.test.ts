import { describe, expect, test } from "vitest";
import { seeded } from "../mechanism/fit.test-support.ts";
import { compareMethods } from "./compare.ts";
import { type DistanceSweep, distancesOf, methodOf } from "./distances.ts";
import { type PatientRecords, type PublicRules, toUnits } from "./patientRecords.ts";
import { sanitize } from "./sanitize.ts";

const COLUMNS = 40;
const RECORDS = 30;
const rules: PublicRules = {
  low_C: new Float64Array(COLUMNS).fill(2),
  high_C: new Float64Array(COLUMNS).fill(14),
  order_C: Int32Array.from({ length: COLUMNS }, (_, c) => COLUMNS - 1 - c),
  labelValues: 2,
  recordsPerPatient: 1,
};
const patients: PatientRecords = {
  values_RC: Float64Array.from({ length: RECORDS * COLUMNS }, (_, at) => 8 + 5 * Math.sin(at * at)),
  labels_R: new Int32Array(RECORDS),
  recordStart: Int32Array.from({ length: RECORDS + 1 }, (_, p) => p),
};
const wide: DistanceSweep = { promise: "record", l1Bound: 30, l2Bound: 6, coefficients: [8], epsilons: [20] };

/** The whole way there and back, and the distance of what came out. */
function slowDistance(method: ReturnType<typeof methodOf>, random: ReturnType<typeof seeded>): number {
  const { value } = sanitize(patients, rules, { method, labels: { label: "dropped" } }, random);
  const unitsOf = (values_RC: Float64Array) => values_RC.map((x) => (2 * (x - 2)) / 12 - 1);
  const [before, after] = [unitsOf(patients.values_RC), unitsOf(value.values_RC)];
  let sum = 0;
  for (let r = 0; r < RECORDS; r++) {
    let squares = 0;
    for (let c = 0; c < COLUMNS; c++) {
      squares += ((before[r * COLUMNS + c] ?? 0) - (after[r * COLUMNS + c] ?? 0)) ** 2;
    }
    sum += Math.sqrt(squares) / RECORDS;
  }
  return sum;
}

describe("how far sanitized records are from the original ones", () => {
  test.each(["record", "metric"] as const)("is what the whole way there and back shows (%s promise)", (promise) => {
    const sweep = { ...wide, promise, coefficients: [3, 8], epsilons: [4, 40] };
    const random = seeded(5);
    const slow = sweep.coefficients.flatMap((coefficients) =>
      sweep.epsilons.flatMap((epsilon) => {
        const asked = { promise, epsilon, coefficients, l1Bound: sweep.l1Bound, l2Bound: sweep.l2Bound };
        return compareMethods(asked).candidates.map((one) => slowDistance(methodOf(one, asked), random));
      }),
    );
    const { methods } = distancesOf(patients, rules, sweep, seeded(5));
    expect(methods).toHaveLength(slow.length);
    for (const [i, { distance }] of methods.entries()) expect(distance).toBeCloseTo(slow[i] ?? Number.NaN, 9);
  });

  test("falls with ε, to what the coefficients alone lose, whichever the method", () => {
    const epsilons = [1, 4, 16, 64, 2e4];
    const { methods, floors } = distancesOf(patients, rules, { ...wide, epsilons }, seeded(6));
    for (const sampler of ["dct-laplace exact", "dct-metric exact", "dct-metric floating-point"]) {
      const found = methods.filter((one) => `${one.method} ${one.sampler}` === sampler).map(({ distance }) => distance);
      expect(found).toEqual([...found].sort((a, b) => b - a));
      expect(found.at(-1)).toBeCloseTo(floors[0]?.distance ?? Number.NaN, 3);
    }
    const unit = toUnits(patients, rules, "[-1, 1]").values_RC;
    const all = distancesOf(patients, rules, { ...wide, coefficients: [COLUMNS] }, seeded(6)).floors[0]?.distance;
    expect(all).toBe(0);
    expect(floors[0]?.distance).toBeLessThan(Math.hypot(...unit));
  });

  test.each([
    [4, "dct-laplace"],
    [24, "dct-metric"],
  ])("at one ε for a record, with clips of %i : 1, %s comes nearer", (ratio, nearest) => {
    const sweep = { ...wide, l1Bound: 6 * ratio, l2Bound: 6, coefficients: [32], epsilons: [30] };
    const { methods } = distancesOf(patients, rules, sweep, seeded(7));
    const [laplace, , sphere] = methods.map(({ distance }) => distance);
    const found = (laplace ?? 0) < (sphere ?? 0) ? "dct-laplace" : "dct-metric";
    expect(found).toBe(nearest);
    // √((K + 1)/2) is where both are as long.
    expect(ratio > Math.sqrt(33 / 2)).toBe(nearest === "dct-metric");
  });
});
