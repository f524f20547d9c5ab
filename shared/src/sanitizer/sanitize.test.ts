import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { PricedEvent } from "../event/pricedEvent.ts";
import { seeded } from "../mechanism/fit.test-support.ts";
import { operatingSystemRandom } from "../system/operatingSystemRandom.ts";
import { dct2 } from "../transform/dct.ts";
import { NoiseMultiplier } from "../units/privacy.ts";
import type { LabelRule, SanitizerMethod } from "./method.ts";
import type { PatientRecords, PublicRules } from "./patientRecords.ts";
import { project } from "./projection.ts";
import { sanitize } from "./sanitize.ts";

const COLUMNS = 12;
const rules: PublicRules = {
  low_C: Float64Array.from({ length: COLUMNS }, (_, c) => -c - 1),
  high_C: Float64Array.from({ length: COLUMNS }, (_, c) => 3 * c + 1),
  order_C: null,
  labelValues: 3,
  recordsPerPatient: 2,
};
const noiseMultiplier = NoiseMultiplier.parse(1.5);
const kept = { coefficients: 5, firstBound: null };
const methods = {
  laplace: { method: "dct-laplace", ...kept, l1Bound: 2, epsilon: 3 },
  "laplace, mean apart": { method: "dct-laplace", coefficients: 5, firstBound: 0.5, l1Bound: 2, epsilon: 3 },
  metric: { method: "dct-metric", ...kept, l2Bound: 1, epsilonPerDistance: 2, sampler: "exact" },
  "metric, mean apart": {
    method: "dct-metric",
    coefficients: 5,
    firstBound: 0.5,
    l2Bound: 1,
    epsilonPerDistance: 2,
    sampler: "exact",
  },
  "metric without a clip": { method: "dct-metric", ...kept, l2Bound: null, epsilonPerDistance: 2, sampler: "exact" },
  "metric on the sphere": {
    method: "dct-metric",
    ...kept,
    l2Bound: 1,
    epsilonPerDistance: 2,
    sampler: "floating-point",
  },
  pixel: { method: "pixel-laplace", beta: 2 },
  projection: { method: "projection", dimensions: 4, seed: 7, l2Bound: 1, noiseMultiplier },
} as const satisfies Record<string, SanitizerMethod>;
const randomised: LabelRule = { label: "randomised", epsilon: 1 };
const dropped: LabelRule = { label: "dropped" };

function patientsOf(rows: readonly (readonly number[])[]): PatientRecords {
  return {
    values_RC: Float64Array.from(rows.flat()),
    labels_R: Int32Array.from(rows, (_, r) => r % 3),
    recordStart: Int32Array.from({ length: rows.length + 1 }, (_, p) => p),
  };
}

/** Numbers in their columns' ranges as numbers in [−1, 1]. */
function unitsOf(values_RC: Float64Array): Float64Array {
  return values_RC.map((value, at) => {
    const c = at % COLUMNS;
    const [low, high] = [rules.low_C[c] ?? 0, rules.high_C[c] ?? 0];
    return (2 * (value - low)) / (high - low) - 1;
  });
}

const cell = fc.oneof(fc.double({ min: -60, max: 60, noNaN: true }), fc.constantFrom(Number.NaN, 1e300, -1e300, 0));
const row = fc.array(cell, { minLength: COLUMNS, maxLength: COLUMNS });

describe("[SAN7] a sanitizer noises each record by itself, for what its event says", () => {
  /** Coefficients in steps: what is noised is found again, as the transform keeps all. */
  const stepsOf = (values_RC: Float64Array, step: number): Float64Array =>
    dct2(unitsOf(values_RC), COLUMNS, 5).map((value) => value / step);

  test.each(["laplace", "laplace, mean apart"] as const)(
    "%s: any record replaced moves the integers by at most the event's diameter in L1, and no other record",
    (name) => {
      fc.assert(
        fc.property(row, row, row, (first, second, other) => {
          const run = (rows: readonly (readonly number[])[]) =>
            sanitize(patientsOf(rows), rules, { method: methods[name], labels: dropped }, seeded(4));
          const [a, b] = [run([first, other]), run([second, other])];
          const [event] = a.events;
          if (event?.kind !== "record-laplace") throw new Error("wrong event");
          expect(b.events).toEqual(a.events);
          const [x, y] = [stepsOf(a.value.values_RC, event.step), stepsOf(b.value.values_RC, event.step)];
          let moved = 0;
          for (let k = 0; k < 5; k++) moved += Math.abs((x[k] ?? 0) - (y[k] ?? 0));
          expect(moved).toBeLessThanOrEqual(event.diameter + 1e-6);
          for (let k = 5; k < 10; k++) expect(Math.abs((x[k] ?? 0) - (y[k] ?? 0))).toBeLessThan(1e-6);
          expect(event.diameter / event.scale).toBeLessThanOrEqual(3);
        }),
        { numRuns: 60 },
      );
    },
  );

  test.each(["metric", "metric, mean apart", "metric on the sphere"] as const)(
    "%s: at most the event's diameter in L2",
    (name) => {
      fc.assert(
        fc.property(row, row, (first, second) => {
          const run = (values: readonly number[]) =>
            sanitize(patientsOf([values]), rules, { method: methods[name], labels: dropped }, seeded(4));
          const [a, b] = [run(first), run(second)];
          const [event] = a.events;
          if (event?.kind !== "metric") throw new Error("wrong event");
          const [x, y] = [stepsOf(a.value.values_RC, 1), stepsOf(b.value.values_RC, 1)];
          const moved = Math.hypot(...x.map((value, k) => value - (y[k] ?? 0)));
          expect(moved).toBeLessThanOrEqual((event.diameter ?? 0) + 1e-9);
          expect(event.diameter).toBeLessThanOrEqual(2 * (name === "metric, mean apart" ? Math.hypot(0.5, 1) : 1));
        }),
        { numRuns: 60 },
      );
    },
  );

  test("projection: two records' numbers are at most twice the bound apart, one replaced", () => {
    fc.assert(
      fc.property(row, row, (first, second) => {
        const run = (values: readonly number[]) =>
          sanitize(patientsOf([values]), rules, { method: methods.projection, labels: dropped }, seeded(5)).value;
        const [a, b] = [run(first), run(second)];
        expect(a.columns).toBe(4);
        expect(Math.hypot(...a.values_RC.map((value, d) => value - (b.values_RC[d] ?? 0)))).toBeLessThan(
          2 * (1 + 1e-9),
        );
      }),
      { numRuns: 60 },
    );
  });

  test("a patient with two records pays twice for features and label, however many patients there are", () => {
    const patients = {
      ...patientsOf([0, 1, 2].map((at) => new Array<number>(COLUMNS).fill(at))),
      recordStart: Int32Array.of(0, 2, 2, 3),
    };
    for (const method of Object.values(methods)) {
      const { events, value } = sanitize(patients, rules, { method, labels: randomised }, operatingSystemRandom);
      expect(events.map(({ count }) => count)).toEqual([2, 2]);
      expect(events.map((event) => PricedEvent.parse(event))).toEqual(events);
      expect(value.labels_R).toHaveLength(3);
      expect([...value.recordStart]).toEqual([0, 2, 2, 3]);
    }
    const three = { ...patients, recordStart: Int32Array.of(0, 3) };
    expect(() => sanitize(three, rules, { method: methods.laplace, labels: dropped }, seeded(1))).toThrow(
      expect.objectContaining({ code: "sanitizer/too-many-records" }),
    );
  });

  test("no records: no events; labels as they are only where they are public, none where dropped", () => {
    const none = sanitize(patientsOf([]), rules, { method: methods.laplace, labels: randomised }, seeded(1));
    expect([none.events, none.value.values_RC.length]).toEqual([[], 0]);
    const rows = patientsOf([0, 1, 2, 3].map((at) => new Array<number>(COLUMNS).fill(at)));
    const labelsBy = (labels: LabelRule) => sanitize(rows, rules, { method: methods.pixel, labels }, seeded(2));
    expect([...(labelsBy({ label: "public" }).value.labels_R ?? [])]).toEqual([0, 1, 2, 0]);
    expect(labelsBy({ label: "public" }).events).toHaveLength(1);
    expect(labelsBy(dropped).value.labels_R).toBeNull();
  });
});

describe("[SAN8] what is kept of a record without noise follows from public rules alone", () => {
  /** So much ε that noise and rounding are lost. */
  const loud = { method: "dct-laplace", coefficients: COLUMNS, firstBound: null, l1Bound: 40, epsilon: 5e4 } as const;
  const values = Array.from({ length: COLUMNS }, (_, c) => c);

  test("with every coefficient and next to no noise a record comes back in its own units, clipped to its ranges", () => {
    const wild = [Number.NaN, -1e9, 1e9, ...values.slice(3)];
    const { value } = sanitize(patientsOf([values, wild]), rules, { method: loud, labels: dropped }, seeded(1));
    const expected = [...values, 0, rules.low_C[1] ?? 0, rules.high_C[2] ?? 0, ...values.slice(3)];
    for (const [at, number] of expected.entries())
      expect(Math.abs((value.values_RC[at] ?? 0) - number)).toBeLessThan(0.5);
    const silent = { ...loud, epsilon: 2e5 };
    expect(() => sanitize(patientsOf([values]), rules, { method: silent, labels: dropped }, seeded(1))).toThrow(
      expect.objectContaining({ code: "mechanism/too-little-noise" }),
    );
  });

  test("in a public order of columns too, and a truncated record is that order's smooth part", () => {
    const order_C = Int32Array.from({ length: COLUMNS }, (_, place) => (5 * place + 3) % COLUMNS);
    const ordered = { ...rules, order_C };
    const { value } = sanitize(patientsOf([values]), ordered, { method: loud, labels: dropped }, seeded(1));
    for (const [c, number] of values.entries()) expect(Math.abs((value.values_RC[c] ?? 0) - number)).toBeLessThan(0.5);
    const ramp = new Array<number>(COLUMNS);
    for (const [place, column] of order_C.entries()) {
      const [low, high] = [rules.low_C[column] ?? 0, rules.high_C[column] ?? 0];
      ramp[column] = low + ((high - low) * (place + 0.5)) / COLUMNS;
    }
    const few = { ...loud, coefficients: 4 };
    const distance = (by: PublicRules) => {
      const out = sanitize(patientsOf([ramp]), by, { method: few, labels: dropped }, seeded(1)).value.values_RC;
      return Math.hypot(...ramp.map((number, c) => number - (out[c] ?? 0)));
    };
    expect(distance(ordered)).toBeLessThan(0.2 * distance(rules));
  });

  test("a mean with a bound of its own takes nothing from the others' bound, and both are paid for", () => {
    const steep = rules.low_C.map((low, c) => (c < 2 ? (rules.high_C[c] ?? 0) : low));
    const at = (firstBound: number | null, l1Bound: number) => {
      const method = { ...loud, firstBound, l1Bound, epsilon: 4e4 };
      const { value, events } = sanitize(patientsOf([[...steep]]), rules, { method, labels: dropped }, seeded(1));
      const c = dct2(unitsOf(value.values_RC), COLUMNS, COLUMNS);
      const [event] = events;
      if (event?.kind !== "record-laplace") throw new Error("wrong event");
      const others = c.subarray(1).reduce((sum, number) => sum + Math.abs(number), 0);
      return { first: c[0] ?? 0, others, diameter: event.diameter * event.step };
    };
    const apart = at(0.5, 2);
    expect(apart.first).toBeCloseTo(-0.5, 2);
    expect(apart.others).toBeCloseTo(2, 1);
    expect(apart.diameter).toBeCloseTo(5, 3);
    expect(at(null, 2.5).first).toBeLessThan(-0.6);
  });

  test("rules that are none are refused: empty ranges, an order with a column twice, more coefficients than columns", () => {
    const patients = patientsOf([values]);
    const how = { method: methods.laplace, labels: dropped };
    const bad = (code: string) => expect.objectContaining({ code });
    for (const rule of [
      { ...rules, high_C: rules.low_C },
      { ...rules, high_C: new Float64Array(COLUMNS).fill(Number.POSITIVE_INFINITY) },
      { ...rules, order_C: new Int32Array(COLUMNS) },
    ]) {
      expect(() => sanitize(patients, rule, how, seeded(1))).toThrow(bad("sanitizer/bad-rules"));
    }
    const many = { method: { ...methods.laplace, coefficients: COLUMNS + 1 }, labels: dropped };
    expect(() => sanitize(patients, rules, many, seeded(1))).toThrow(bad("sanitizer/too-many-coefficients"));
  });

  test("a projection is the seed's alone, keeps lengths on the average, and equals a plain product", () => {
    const x = Float64Array.from({ length: 900 }, (_, i) => Math.sin(i));
    const rows = { columns: 300, values_RC: x };
    const signs = project({ columns: 300, values_RC: unit(300) }, 64, 5);
    const by = project(rows, 64, 5);
    for (const [row, d] of [
      [0, 0],
      [2, 63],
    ] as const) {
      let sum = 0;
      for (let c = 0; c < 300; c++) sum += (x[row * 300 + c] ?? 0) * (signs[c * 64 + d] ?? 0);
      expect(by[row * 64 + d]).toBeCloseTo(sum, 10);
    }
    expect(new Set([...signs].map((value) => Math.abs(value)))).toEqual(new Set([1 / 8]));
    expect(project(rows, 64, 5)).toEqual(by);
    expect(project(rows, 64, 6)).not.toEqual(by);
    const lengths = Array.from({ length: 60 }, (_, seed) => Math.hypot(...project(rows, 64, seed)) ** 2);
    const mean = lengths.reduce((sum, value) => sum + value, 0) / 60;
    expect(mean / Math.hypot(...x) ** 2).toBeCloseTo(1, 1);
  });
});

/** All rows of the identity. */
function unit(size: number): Float64Array {
  return Float64Array.from({ length: size * size }, (_, at) => (at % (size + 1) === 0 ? 1 : 0));
}
