import { describe, expect, test } from "vitest";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { pldEpsilon } from "../accountant/pld.ts";
import { recordEpsilon } from "../accountant/recordEpsilon.ts";
import { PricedEvent } from "../event/pricedEvent.ts";
import { FALSE_ALARM_NORMAL, fitScore, seeded, tally } from "./fit.test-support.ts";
import { addMetricLaplace, addSphereNoise, clipToBall, type RecordVector } from "./metricNoise.ts";

const zeros = (dimension: number): RecordVector => ({
  kind: "record-vector",
  values: new Float64Array(dimension),
  l2Bound: null,
});

/** Equal bins of a quantity whose distribution function is known. */
function binned(values: readonly number[], distribution: (x: number) => number, from: number, to: number): number {
  const bins = 60;
  const width = (to - from) / bins;
  const expected = new Map<number, number>();
  for (let bin = 0; bin < bins; bin++) {
    expected.set(bin, distribution(from + (bin + 1) * width) - distribution(from + bin * width));
  }
  return fitScore(tally(values.map((value) => Math.floor((value - from) / width))), expected, values.length);
}

describe("[ACC31] metric privacy: noise whose length and direction are those of the mechanism", () => {
  test("on the sphere: in three dimensions each coordinate of u is uniform, R ~ Gamma(3, 1/ε); a million numbers", () => {
    const random = seeded(1);
    const lengths: number[] = [];
    const coordinates: number[] = [];
    for (let i = 0; i < 333_334; i++) {
      const { steps, step } = addSphereNoise(zeros(3), 4, random).value;
      const length = Math.hypot(...steps);
      lengths.push(4 * length * step);
      // Rounding to steps of 2⁻¹² would show at the edges of [−1, 1], where a short R's direction is coarse.
      if (length * step > 0.05) coordinates.push((steps[i % 3] ?? 0) / length);
    }
    expect(binned(lengths, (r) => 1 - Math.exp(-r) * (1 + r + r ** 2 / 2), 0, 20)).toBeLessThan(FALSE_ALARM_NORMAL);
    expect(binned(coordinates, (u) => (u + 1) / 2, -1, 1 + 1e-12)).toBeLessThan(FALSE_ALARM_NORMAL);
  });

  test("exact: each coordinate is Laplace of scale √K/ε; 200,000 numbers", () => {
    const { steps, step } = addMetricLaplace(zeros(200_000), 30, seeded(2)).value;
    const scale = Math.sqrt(200_000) / 30;
    const distribution = (x: number): number => (x < 0 ? Math.exp(x) / 2 : 1 - Math.exp(-x) / 2);
    const units = [...steps].map((value) => (value * step) / scale + step / (2 * scale));
    expect(binned(units, distribution, -12, 12)).toBeLessThan(FALSE_ALARM_NORMAL);
    expect(step).toBe(2 ** Math.round(Math.log2(step)));
    expect(step * 2 ** 10).toBeLessThanOrEqual(scale);
    expect([...steps].every(Number.isSafeInteger)).toBe(true);
  });

  test("its mean length is K/ε on the sphere and √2 times that for exact noise, to 6 standard errors", () => {
    const [random, draws] = [seeded(3), 3000];
    const mean = (noise: typeof addSphereNoise): number => {
      let sum = 0;
      for (let i = 0; i < draws; i++) {
        const { steps, step } = noise(zeros(50), 50, random).value;
        sum += Math.hypot(...steps) * step;
      }
      return sum / draws;
    };
    expect(Math.abs(mean(addSphereNoise) - 1)).toBeLessThan((6 * Math.sqrt(50)) / 50 / Math.sqrt(draws));
    // √(2·50·b²) but for Jensen's gap of at most 2 %.
    const laplace = mean(addMetricLaplace);
    expect(laplace).toBeLessThan(Math.SQRT2);
    expect(laplace).toBeGreaterThan(0.97 * Math.SQRT2);
  });
});

describe("[ACC32] a metric release costs each record what its clipping proves, or is refused", () => {
  const random = seeded(4);

  test("clipped to B, with exact noise: pure ε·2B exactly, one record replaced", () => {
    const record = clipToBall(
      Float64Array.from({ length: 50 }, (_, i) => i),
      0.5,
    );
    expect(Math.hypot(...record.values)).toBeCloseTo(0.5, 12);
    const [event] = addMetricLaplace(record, 2, random).events;
    if (event === undefined) throw new Error("no event");
    expect(PricedEvent.parse(event)).toMatchObject({ kind: "metric", adjacency: "replace", sampler: "exact" });
    expect(recordEpsilon(event)).toBe(2);
    expect(epsilonOfEvents([event], 1e-12)).toBeCloseTo(recordEpsilon(event), 2);
  });

  test("the integers' loss between any two clipped records is within the event, rounding included", () => {
    const corners = [1, -1].map((sign) => clipToBall(new Float64Array(9).fill(sign * 7), 3));
    const [event] = addMetricLaplace(corners[0] ?? zeros(9), 1.5, random).events;
    const step = addMetricLaplace(corners[0] ?? zeros(9), 1.5, random).value.step;
    const [a = [], b = []] = corners.map(({ values }) => Array.from(values, (value) => Math.round(value / step)));
    const l1 = a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0);
    // Worst for L1 against L2: equal coordinates.
    expect((l1 * step * 1.5) / 3).toBeLessThanOrEqual(event === undefined ? 0 : recordEpsilon(event));
    expect((l1 * step * 1.5) / 3).toBeGreaterThan(0.999 * 1.5 * 6);
  });

  test("without a clip, drawn in floating point, or as a loss distribution: no accountant prices it", () => {
    for (const event of [
      ...addMetricLaplace(zeros(5), 1, random).events,
      ...addSphereNoise(clipToBall(new Float64Array(5), 1), 1, random).events,
    ]) {
      expect(() => epsilonOfEvents([event], 1e-5)).toThrow(expect.objectContaining({ code: "accountant/unsupported" }));
      expect(() => pldEpsilon([event], 1e-5)).toThrow(expect.objectContaining({ code: "accountant/unsupported" }));
    }
  });

  test("a short record stays as it is, one that is not finite becomes zero", () => {
    expect([...clipToBall(Float64Array.of(0.3, 0, 0), 1).values]).toEqual([0.3, 0, 0]);
    expect([...clipToBall(new Float64Array(2), 1).values]).toEqual([0, 0]);
    expect([...clipToBall(Float64Array.of(Number.NaN, 1), 1).values]).toEqual([0, 0]);
    expect([...clipToBall(Float64Array.of(Number.POSITIVE_INFINITY, 1), 1).values]).toEqual([0, 0]);
    expect(() => addMetricLaplace({ ...zeros(1), values: Float64Array.of(Number.NaN) }, 1, random)).toThrow("finite");
  });
});
