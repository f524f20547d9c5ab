import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { recordEpsilon } from "../accountant/recordEpsilon.ts";
import { PricedEvent } from "../event/pricedEvent.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { NoiseMultiplier } from "../units/privacy.ts";
import { FALSE_ALARM_NORMAL, fitScore, normalMass, seeded, tally } from "./fit.test-support.ts";
import { addMetricLaplace, addSphereNoise, clipToBall } from "./metricNoise.ts";
import { perPatient } from "./perPatient.ts";
import { boundedSteps } from "./recordGrid.ts";
import { addPixelLaplace, addRecordGaussian, addRecordLaplace, clipToL1 } from "./recordNoise.ts";

const noise = NoiseMultiplier.parse(1.3);
const laplace = (values: Float64Array, random: RandomSource) => addRecordLaplace(clipToL1(values, 3), 1.7, random);
const gaussian = (values: Float64Array, random: RandomSource) =>
  addRecordGaussian(clipToBall(values, 3), noise, random);
const metric = (values: Float64Array, random: RandomSource) => addMetricLaplace(clipToBall(values, 3), 1.7, random);
const sphere = (values: Float64Array, random: RandomSource) => addSphereNoise(clipToBall(values, 3), 1.7, random);

/** What is drawn doesn't hang on the record, so the same randomness shows how far two records' integers are apart. */
function apart(a: ArrayLike<number>, b: ArrayLike<number>): { readonly l1: number; readonly l2: number } {
  const differences = Array.from(a, (value, i) => Math.abs(value - (b[i] ?? Number.NaN)));
  return { l1: differences.reduce((sum, value) => sum + value, 0), l2: Math.hypot(...differences) };
}

/** Records of all kinds: within the bound, at it, far above it, on one axis, not finite. */
const number = fc.oneof(
  fc.double({ min: -9, max: 9, noNaN: true }),
  fc.constantFrom(0, 3, -3, 1e308, -1e308, Number.NaN, Number.POSITIVE_INFINITY, 5e-324, 1 / 3),
);
const record = fc.array(number, { minLength: 5, maxLength: 5 }).map((values) => Float64Array.from(values));

describe("[SAN2] integers of two records are never further apart than the event says", () => {
  test("by a search over pairs of records, through clip, rounding and noise", () => {
    fc.assert(
      fc.property(record, record, fc.integer({ min: 1, max: 200 }), (a, b, seed) => {
        const [l, l2] = [laplace(a, seeded(seed)), laplace(b, seeded(seed))];
        const [event] = l.events;
        expect(apart(l.value.steps, l2.value.steps).l1).toBeLessThanOrEqual(event?.diameter ?? 0);
        const [m, m2] = [metric(a, seeded(seed)), metric(b, seeded(seed))];
        const reach = (m.events[0]?.diameter ?? 0) / m.value.step;
        expect(apart(m.value.steps, m2.value.steps).l2).toBeLessThanOrEqual(reach * (1 + 1e-12));
        const [g, g2] = [gaussian(a, seeded(seed)), gaussian(b, seeded(seed))];
        expect(apart(g.value.steps, g2.value.steps).l2 * g.value.step).toBeLessThanOrEqual(6 * (1 + 1e-12));
      }),
      { numRuns: 300 },
    );
  });

  test("and the bound is met by opposite corners: nothing is charged for nothing", () => {
    const corner = (sign: number) => Float64Array.of(sign * 7, 0, 0, 0, 0);
    const [l, l2] = [laplace(corner(1), seeded(1)), laplace(corner(-1), seeded(1))];
    expect(apart(l.value.steps, l2.value.steps).l1).toBeGreaterThan(0.998 * (l.events[0]?.diameter ?? 0));
    const [g, g2] = [gaussian(corner(1), seeded(1)), gaussian(corner(-1), seeded(1))];
    expect(apart(g.value.steps, g2.value.steps).l2 * g.value.step).toBeGreaterThan(0.998 * 6);
  });

  test("the clip on integers holds by itself, whatever it is given", () => {
    fc.assert(
      fc.property(record, fc.integer({ min: 1, max: 2 ** 26 }), (values, bound) => {
        const l1 = boundedSteps(values, 2 ** -20, "l1", bound);
        const l2 = boundedSteps(values, 2 ** -20, "l2", bound);
        expect([...l1, ...l2].every(Number.isSafeInteger)).toBe(true);
        expect(l1.reduce((sum, value) => sum + Math.abs(value), 0)).toBeLessThanOrEqual(bound);
        expect(l2.reduce((sum, value) => sum + value ** 2, 0)).toBeLessThanOrEqual(bound ** 2);
      }),
    );
  });

  test("one pixel changed from black to white moves one integer by the event's sensitivity, the others by nothing", () => {
    const pixels = (last: number) => ({ kind: "unit-pixels", values: Float64Array.of(0.2, 1, 0.7, last) }) as const;
    const [a, b] = [0, 1].map((last) => addPixelLaplace(pixels(last), 2, seeded(3)));
    expect(apart(a?.value.steps ?? [], b?.value.steps ?? []).l1).toBe(a?.events[0]?.sensitivity);
    expect([...(a?.value.steps ?? [])].slice(0, 3)).toEqual([...(b?.value.steps ?? [])].slice(0, 3));
  });
});

const Vectors = z.object({ laplaceOfScale1: z.object({ quantiles: z.record(z.string(), z.number()) }) });
const vectors = Vectors.parse(JSON.parse(readFileSync("test/vectors/dct.json", "utf8")));

describe("[SAN3] noise on records is what its event says, in the record's units", () => {
  const draws = 40_000;
  const zeros = new Float64Array(draws);

  test("Laplace of scale 2B/ε: the reference's quantiles, and all of the shape", () => {
    const { value, events } = addRecordLaplace(clipToL1(zeros, 2), 0.5, seeded(1));
    const units = [...value.steps].map((steps) => (steps * value.step) / 8);
    for (const [share, quantile] of Object.entries(vectors.laplaceOfScale1.quantiles)) {
      const below = units.filter((x) => x <= quantile).length;
      const p = Number(share);
      expect(Math.abs(below - p * draws)).toBeLessThan(
        FALSE_ALARM_NORMAL * Math.sqrt(draws * p * (1 - p)) + 0.001 * draws,
      );
    }
    const [event] = events;
    if (event === undefined) throw new Error("no event");
    expect(PricedEvent.parse(event)).toEqual(event);
    expect(recordEpsilon(event)).toBeLessThanOrEqual(0.5);
    expect(recordEpsilon(event)).toBeGreaterThan(0.5 * (1 - 1e-5));
    expect((event.scale * event.step) / 8).toBeCloseTo(1, 2);
  });

  test("pixels' of scale β, at an ε of 1/β", () => {
    const { value, events } = addPixelLaplace({ kind: "unit-pixels", values: zeros }, 4, seeded(2));
    const bins = tally([...value.steps].map((steps) => Math.floor((steps * value.step) / 4 + value.step / 8)));
    const expected = new Map<number, number>();
    for (let bin = -20; bin < 20; bin++) {
      const near = Math.min(Math.abs(bin), Math.abs(bin + 1));
      expected.set(bin, (Math.exp(-near) - Math.exp(-near - 1)) / 2);
    }
    expect(fitScore(bins, expected, draws)).toBeLessThan(FALSE_ALARM_NORMAL);
    expect((events[0]?.sensitivity ?? 0) / (events[0]?.scale ?? 0)).toBeLessThanOrEqual(1 / 4);
    expect((events[0]?.sensitivity ?? 0) / (events[0]?.scale ?? 0)).toBeGreaterThan(0.2499);
  });

  test("Gaussian of standard deviation σ·2B", () => {
    const { value } = addRecordGaussian(clipToBall(zeros, 5), NoiseMultiplier.parse(0.7), seeded(3));
    const bins = tally([...value.steps].map((steps) => Math.floor(((steps + 0.5) * value.step * 4) / 7)));
    const expected = new Map<number, number>();
    for (let bin = -24; bin < 24; bin++) expected.set(bin, normalMass(bin / 4, (bin + 1) / 4));
    expect(fitScore(bins, expected, draws)).toBeLessThan(FALSE_ALARM_NORMAL);
  });
});

describe("[SAN4] no output of one record rules another out", () => {
  const mechanisms = { laplace, gaussian, metric, sphere };

  test.each(Object.entries(mechanisms))("%s: the same steps, whole ones, with every residue as often", (_, add) => {
    const steps = [
      [0, 0, 0, 0, 0],
      [0.1, Math.PI, -1e-9, 1e-300, 2],
      [9e9, 0, 0, 0, -1],
    ].map((values, seed) => {
      const all: number[] = [];
      const random = seeded(40 + seed);
      for (let i = 0; i < 1500; i++) all.push(...add(Float64Array.from(values), random).value.steps);
      expect(all.every((value) => Number.isSafeInteger(value) && !Object.is(value, -0))).toBe(true);
      const residues = tally(all.map((value) => ((value % 16) + 16) % 16));
      const uniform = new Map(Array.from({ length: 16 }, (_u, k) => [k, 1 / 16]));
      expect(fitScore(residues, uniform, all.length)).toBeLessThan(FALSE_ALARM_NORMAL);
      return add(Float64Array.from(values), random).value.step;
    });
    expect(new Set(steps).size).toBe(1);
  });

  test("opposite records' outputs have odds of e^ε at the ends, and never more", () => {
    const random = seeded(50);
    const [draws, epsilon] = [30_000, 1.7];
    const outputs = [3, -3].map((at) => {
      const record = clipToL1(Float64Array.of(at), 3);
      const values = Array.from({ length: draws }, () => {
        const { steps, step } = addRecordLaplace(record, epsilon, random).value;
        return (steps[0] ?? 0) * step;
      });
      return tally(values.map((x) => Math.min(4, Math.max(-5, Math.floor(x)))));
    });
    const [up = new Map<number, number>(), down = new Map<number, number>()] = outputs;
    for (let bin = -5; bin <= 4; bin++) {
      const [a, b] = [up.get(bin) ?? 0, down.get(bin) ?? 0];
      const error = FALSE_ALARM_NORMAL * Math.sqrt(1 / a + 1 / b);
      expect(Math.abs(Math.log(a / b))).toBeLessThan(epsilon + error);
      if (bin === 4 || bin === -5) expect(Math.abs(Math.log(a / b))).toBeGreaterThan(epsilon - error);
    }
  });
});

describe("[SAN2] noise that no integer could carry exactly is refused", () => {
  test("too much of it or too little, for each mechanism", () => {
    const one = Float64Array.of(1);
    const ways = [
      (epsilon: number) => addRecordLaplace(clipToL1(one, 3), epsilon, seeded(1)),
      (epsilon: number) => addMetricLaplace(clipToBall(one, 3), epsilon, seeded(1)),
      (epsilon: number) => addRecordGaussian(clipToBall(one, 3), NoiseMultiplier.parse(1 / epsilon), seeded(1)),
    ];
    for (const way of ways) {
      expect(() => way(1e-9)).toThrow(expect.objectContaining({ code: "mechanism/too-much-noise" }));
      expect(() => way(1e9)).toThrow(expect.objectContaining({ code: "mechanism/too-little-noise" }));
      expect([...way(1e-5).value.steps].every(Number.isSafeInteger)).toBe(true);
    }
  });
});

describe("[SAN5] a patient pays for each record", () => {
  test("m times, however many the data set has; nothing done costs nothing", () => {
    const random = seeded(60);
    const records = Array.from({ length: 7 }, (_, i) => laplace(new Float64Array(5).fill(i), random));
    const { value, events } = perPatient(records, 3);
    expect(value).toHaveLength(7);
    expect(events).toEqual([{ ...records[0]?.events[0], count: 3 }]);
    expect(perPatient([], 3).events).toEqual([]);
    expect(() => perPatient(records, 0)).toThrow("a patient has records");
  });

  test("records that were noised otherwise than the first are never charged as it was", () => {
    const random = seeded(61);
    const other = addRecordLaplace(clipToL1(new Float64Array(5), 3), 9, random);
    expect(() => perPatient([laplace(new Float64Array(5), random), other], 1)).toThrow("alike");
  });
});
