import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { concordanceHistogram, concordanceOf, concordanceOfCounts, type RiskOfPatient } from "./concordance.ts";
import { riskFrom, survivalFrom } from "./survivalCurve.ts";

const INTERVALS = 4;
const BINS = 5;

/** Every pair of patients, as Harrell states it; intervals are times, and whoever is lost in one lives through it. */
function slowly(patients: readonly RiskOfPatient[]): { right: number; pairs: number } {
  let [right, pairs] = [0, 0];
  for (const one of patients) {
    for (const other of patients) {
      if (one === other || !one.hadEvent) continue;
      const outlived = other.entered > one.entered || (other.entered === one.entered && !other.hadEvent);
      if (!outlived) continue;
      pairs += 1;
      const [a, b] = [one, other].map(({ risk }) => Math.min(BINS - 1, Math.floor(risk * BINS)));
      right += (a ?? 0) > (b ?? 0) ? 1 : a === b ? 0.5 : 0;
    }
  }
  return { right, pairs };
}

const patient = fc.record({
  risk: fc.double({ min: 0, max: 1, noNaN: true }),
  entered: fc.integer({ min: 1, max: INTERVALS }),
  hadEvent: fc.boolean(),
});

describe("[SUR2] the concordance index from counts", () => {
  test("is every pair's, counted slowly", () => {
    fc.assert(
      fc.property(fc.array(patient, { minLength: 2, maxLength: 25 }), (patients) => {
        const { right, pairs } = slowly(patients);
        const { counts } = concordanceHistogram(patients, INTERVALS, BINS);
        const rows = Array.from({ length: 2 * INTERVALS }, (_, group) =>
          counts.slice(group * BINS, (group + 1) * BINS),
        );
        const found = concordanceOfCounts(rows);
        expect(found.pairs).toBe(pairs);
        if (pairs > 0) expect(found.value).toBeCloseTo(right / pairs, 12);
      }),
    );
  });

  test("one patient more changes one count by 1", () => {
    fc.assert(
      fc.property(fc.array(patient, { maxLength: 10 }), patient, (patients, another) => {
        const before = concordanceHistogram(patients, INTERVALS, BINS).counts;
        const after = concordanceHistogram([...patients, another], INTERVALS, BINS).counts;
        expect(after.reduce((sum, count, cell) => sum + Math.abs(count - (before[cell] ?? 0)), 0)).toBe(1);
      }),
    );
  });

  test("few deaths under much noise are not resolvable, not a guess", () => {
    const patients = Array.from({ length: 30 }, (_, i) => ({ risk: i / 30, entered: 3, hadEvent: i < 3 }));
    const { counts } = concordanceHistogram(patients, INTERVALS, BINS);
    const noised = { classes: 2 * INTERVALS, bins: BINS, counts: [...counts], scale: 2 };
    expect(concordanceOf([noised], 1.96).state).toBe("not-resolvable");
    expect(concordanceOf([{ ...noised, scale: 1e-3 }], 1.96).state).toBe("resolved");
  });

  test("the margin of sampling and noise covers the index of binned risks as often as it says, and no oftener", () => {
    const random = seeded(7);
    const epsilon = 3;
    const geometric = () => Math.floor(-Math.log(1 - random()) / epsilon);
    const truth = binnedOf(drawn(random, 40_000));
    let [covered, resolved] = [0, 0];
    const draws = 300;
    for (let draw = 0; draw < draws; draw++) {
      const sites = [150, 120, 100].map((count) => {
        const counts = concordanceHistogram(drawn(random, count), INTERVALS, BINS).counts.map(
          (value) => value + geometric() - geometric(),
        );
        return { classes: 2 * INTERVALS, bins: BINS, counts, scale: 1 / epsilon };
      });
      const figure = concordanceOf(sites, 1.96);
      if (figure.state !== "resolved") continue;
      resolved += 1;
      const { samplingStdDev, noiseStdDev, value, low, high, halfBin } = figure;
      const margin = 1.96 * Math.hypot(samplingStdDev, noiseStdDev);
      if (Math.abs(value - truth) <= margin) covered += 1;
      expect(high).toBeCloseTo(Math.min(1, value + margin + halfBin), 9);
      expect(low).toBeCloseTo(Math.max(0, value - margin - halfBin), 9);
    }
    expect(resolved).toBeGreaterThan(0.9 * draws);
    const error = Math.sqrt((0.95 * 0.05) / resolved);
    expect(covered / resolved).toBeGreaterThan(0.95 - 4 * error);
    expect(covered / resolved).toBeLessThan(0.95 + 3.5 * error);
  });
});

describe("[SUR3] from hazards to one risk", () => {
  test("survival falls by each hazard; the risk is the share of intervals that is not lived through", () => {
    expect(survivalFrom([0.5, 0, 0.5])).toEqual([0.5, 0.5, 0.25]);
    expect(riskFrom([1, 1])).toBe(0);
    expect(riskFrom(survivalFrom([0.5, 0, 0.5]))).toBeCloseTo(1 - 1.25 / 3, 12);
  });

  test("a greater hazard anywhere never lowers it", () => {
    const hazards = fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 1, maxLength: 8 });
    fc.assert(
      fc.property(hazards, fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (all, at, more) => {
        const raised = all.map((hazard, i) => (i === at % all.length ? Math.max(hazard, more) : hazard));
        expect(riskFrom(survivalFrom(raised))).toBeGreaterThanOrEqual(riskFrom(survivalFrom(all)) - 1e-12);
      }),
    );
  });
});

/** Risk drives a hazard of 5 to 45 % an interval; a fifth are lost sight of on the way. */
function drawn(random: () => number, count: number): RiskOfPatient[] {
  return Array.from({ length: count }, () => {
    const risk = random();
    let entered = 1;
    for (; ; entered++) {
      if (random() < 0.05 + 0.4 * risk) return { risk, entered, hadEvent: true };
      if (entered === INTERVALS || random() < 0.07) return { risk, entered, hadEvent: false };
    }
  });
}

/** Of very many patients. */
function binnedOf(patients: readonly RiskOfPatient[]): number {
  const { counts } = concordanceHistogram(patients, INTERVALS, BINS);
  return concordanceOfCounts(
    Array.from({ length: 2 * INTERVALS }, (_, group) => counts.slice(group * BINS, (group + 1) * BINS)),
  ).value;
}

/** Seeded; for tests alone (Mulberry32). */
function seeded(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}
