import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { publicUniform } from "../model/initial.ts";
import { SamplingRate } from "../units/privacy.ts";
import { addGaussianNoise } from "./fixedPoint.ts";
import { clippedSensitivity, coarseStep, gridOf, type NoisedGrid, noiseStdDev, roundedSensitivity } from "./grid.ts";
import { packContribution, unpackInto } from "./pack.ts";
import { PseudoGradient } from "./pseudoGradient.ts";
import { asClippedSum, type NoisySum } from "./stages.ts";

const rate = SamplingRate.parse(0.1);
const BATCH = 20;

/** A noisy sum that holds these coarse integers. */
function noisy(grid: NoisedGrid, values: readonly number[]): NoisySum {
  const noise = {
    values: Int32Array.from(values, (value) => value * 2 ** grid.coarseShift),
    stdDev: noiseStdDev(grid),
    drawDistance: { maxLogRatio: 0, totalVariation: 2 ** -70 },
    state: "fresh" as const,
  };
  const zeros = asClippedSum(new Float32Array(grid.dimension), clippedSensitivity(grid));
  return addGaussianNoise(zeros, noise, grid, rate);
}

const rounds = fc.record({
  dimension: fc.integer({ min: 1, max: 40 }),
  steps: fc.integer({ min: 1, max: 8 }),
  learningRate: fc.double({ min: 0.001, max: 2, noNaN: true }),
  pull: fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true })),
  seed: fc.integer(),
});

describe("[RND16] local steps add up to the pseudo-gradient, on the grid that every site sends", () => {
  test("one local step is the noisy sum, bit for bit, whatever the local rate and pull", () => {
    fc.assert(
      fc.property(rounds, ({ dimension, learningRate, pull, seed }) => {
        const grid = gridOf(dimension, 1, 1.5, BATCH);
        const next = publicUniform(seed);
        const values = Array.from({ length: dimension }, () => Math.round((next() - 0.5) * 300));
        const local = { learningRate, proximal: pull / learningRate, expectedBatch: BATCH };
        const one = packContribution(new PseudoGradient(noisy(grid, values), local).finish());
        const today = packContribution(noisy(grid, values));
        expect(one).toEqual(today);
        expect(gridOf(dimension, 1, 1.5, BATCH, 1)).toEqual(grid);
      }),
    );
  });

  test("models between steps and their end are those of the recurrence in float64", () => {
    fc.assert(
      fc.property(rounds, ({ dimension, steps, learningRate, pull, seed }) => {
        const grid = gridOf(dimension, 1, 1.5, BATCH, steps);
        const next = publicUniform(seed);
        const proximal = pull / learningRate;
        const unit = coarseStep(grid) / BATCH;
        const start = Float32Array.from({ length: dimension }, () => next() - 0.5);
        const own = new Float32Array(dimension);
        const slow = Float64Array.from(start);
        const sums = Array.from({ length: steps }, () =>
          Array.from({ length: dimension }, () => Math.round((next() - 0.5) * 100)),
        );
        let total: PseudoGradient<NoisySum> | undefined;
        for (const [step, values] of sums.entries()) {
          if (total === undefined) {
            total = new PseudoGradient(noisy(grid, values), { learningRate, proximal, expectedBatch: BATCH });
          } else total.add(noisy(grid, values));
          for (const [i, from] of start.entries()) {
            const gradient = (values[i] ?? 0) * unit;
            slow[i] = (slow[i] ?? 0) - learningRate * (gradient + proximal * ((slow[i] ?? 0) - from));
          }
          total.modelFrom(start, own);
          // Half a coarse step for each pull so far, and the model's own float32.
          const off = 0.5 * step * learningRate * unit + 1e-5;
          expect(own.every((value, i) => Math.abs(value - (slow[i] ?? 0)) <= off)).toBe(true);
        }
        const sent = total?.finish();
        expect(sent?.event.count).toBe(steps);
        for (const [i, value] of (sent?.values ?? []).entries()) {
          const exact = ((start[i] ?? 0) - (slow[i] ?? 0)) / learningRate / unit;
          expect(Math.abs(value - exact)).toBeLessThanOrEqual(0.5 * steps + 1e-6 * Math.abs(exact) + 1e-3);
        }
      }),
    );
  });

  test("the grid has room for all steps together, and what is beyond saturates", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 100 }), fc.double({ min: 1, max: 500, noNaN: true }), (steps, batch) => {
        const [one, grid] = [gridOf(8, 1, 1.5, batch), gridOf(8, 1, 1.5, batch, steps)];
        expect({ ...grid, bits: one.bits }).toEqual(one);
        const limit = 2 ** (grid.bits - 1) - 1;
        const reach = steps * batch + 7 * Math.sqrt(steps) * grid.noiseMultiplier * roundedSensitivity(grid);
        expect(limit * coarseStep(grid)).toBeGreaterThanOrEqual(reach - coarseStep(grid));
        const local = { learningRate: 1, proximal: 0, expectedBatch: batch };
        const total = new PseudoGradient(noisy(grid, new Array(8).fill(limit)), local);
        total.add(noisy(grid, [limit, -limit, 1, 0, -1, 2, 3, -limit]));
        const values = new Int32Array(8);
        const { bits, bytes } = packContribution(total.finish());
        unpackInto(values, bits, bytes);
        expect([...values]).toEqual([limit, 0, limit, limit, limit - 1, limit, limit, 0]);
      }),
    );
  });

  test("a step that cost something else, or a pull beyond the round's model, stops the process", () => {
    const [grid, other] = [gridOf(2, 1, 1.5, BATCH), gridOf(2, 1, 1.6, BATCH)];
    const local = { learningRate: 0.5, proximal: 0, expectedBatch: BATCH };
    const total = new PseudoGradient(noisy(grid, [1, 2]), local);
    expect(() => total.add(noisy(other, [1, 2]))).toThrow(/costs the same/);
    expect(() => new PseudoGradient(noisy(grid, [1, 2]), { ...local, proximal: 2.1 })).toThrow(/pull/);
  });
});
