import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { publicUniform } from "../model/initial.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { SamplingRate } from "../units/privacy.ts";
import { addGaussianNoise } from "./fixedPoint.ts";
import { drawGaussianNoise, type GaussianNoise, wipe } from "./gaussianNoise.ts";
import { clippedSensitivity, coarseStep, gridOf, type NoisedGrid, noiseStdDev, roundedSensitivity } from "./grid.ts";
import { noisedContribution } from "./noisedContribution.ts";
import { packContribution, unpackInto } from "./pack.ts";
import { asClippedSum } from "./stages.ts";

const rate = SamplingRate.parse(0.1);

function seededRandom(seed: number): RandomSource {
  const next = publicUniform(seed);
  return { origin: "seeded", bytes: (count) => Uint8Array.from({ length: count }, () => Math.floor(next() * 256)) };
}

/** Noise that is known, to look at rounding alone. */
function fixedNoise(grid: NoisedGrid, value: (i: number) => number): GaussianNoise {
  const values = Int32Array.from({ length: grid.dimension }, (_, i) => value(i));
  return {
    values,
    stdDev: noiseStdDev(grid),
    drawDistance: { maxLogRatio: 0, totalVariation: 2 ** -70 },
    state: "fresh",
  };
}

const sumOf = (grid: NoisedGrid, values: Float32Array | Float64Array) => asClippedSum(values, clippedSensitivity(grid));

const grids = fc
  .record({
    dimension: fc.integer({ min: 1, max: 5000 }),
    patientNorm: fc.double({ min: 0.01, max: 50, noNaN: true }),
    noiseMultiplier: fc.double({ min: 0.3, max: 20, noNaN: true }),
    expectedBatch: fc.double({ min: 1, max: 8192, noNaN: true }),
  })
  .map((g) => ({ ...g, grid: gridOf(g.dimension, g.patientNorm, g.noiseMultiplier, g.expectedBatch) }));

describe("[RND12] the public grids follow from the signed study", () => {
  test("γ√d ≤ 0.02 C, a power of two; Δ covers rounding; coarse steps of σΔ/16 to σΔ/32; range B̄C + 7σΔ", () => {
    fc.assert(
      fc.property(grids, ({ grid, dimension, patientNorm, noiseMultiplier, expectedBatch }) => {
        expect(Number.isInteger(Math.log2(grid.fineStep))).toBe(true);
        expect(grid.fineStep * Math.sqrt(dimension)).toBeLessThanOrEqual(0.02 * patientNorm);
        const eta = Math.min(1 / 64, Math.max(1 / 1024, expectedBatch / 2 ** 18));
        const rounded = patientNorm * (1 + eta) + grid.fineStep * Math.sqrt(dimension);
        const stdDev = noiseMultiplier * rounded;
        expect((noiseStdDev(grid) * grid.fineStep) / stdDev).toBeCloseTo(1, 12);
        expect(coarseStep(grid)).toBeLessThanOrEqual(stdDev / 16);
        expect(coarseStep(grid)).toBeGreaterThan(stdDev / 32);
        const range = (2 ** (grid.bits - 1) - 1) * coarseStep(grid);
        expect(range).toBeGreaterThanOrEqual(expectedBatch * patientNorm + 7 * stdDev - coarseStep(grid));
      }),
    );
  });

  test("η: 1/1024 up to 256 expected patients, then B̄ / 2¹⁸, 1/64 from 4,096 on and for more than 2²⁰ numbers", () => {
    const ofBatch = (batch: number, dimension = 1000) => gridOf(dimension, 1, 1, batch).clipRounding;
    expect([0.5, 256, 512, 1024, 4096, 1e9].map((batch) => ofBatch(batch))).toEqual(
      [1024, 1024, 512, 256, 64, 64].map((part) => 1 / part),
    );
    expect([2 ** 20, 2 ** 20 + 1].map((dimension) => ofBatch(1, dimension))).toEqual([1 / 1024, 1 / 64]);
    // Each of several steps is one of the expected batch.
    expect(gridOf(1000, 1, 1, 1024, 5).clipRounding).toBe(1 / 256);
  });

  test("DeepType at batch 64, σ = 1 takes 12 bits", () => {
    expect(gridOf(21_011_974, 1, 1, 64).bits).toBe(12);
  });
});

describe("[RND13] a sum is clamped, rounded once, noised in full, then made coarse and saturated", () => {
  test("neighbouring sums within C(1 + η) become integers within Δ/γ", () => {
    fc.assert(
      fc.property(grids, fc.integer(), ({ grid, dimension, patientNorm }, seed) => {
        const next = publicUniform(seed);
        const direction = Float64Array.from({ length: dimension }, () => next() - 0.5);
        const length = Math.hypot(...direction);
        const reach = clippedSensitivity(grid) / Math.max(length, 1e-9);
        const a = Float64Array.from({ length: dimension }, () => (next() - 0.5) * patientNorm);
        const b = a.map((value, i) => value + (direction[i] ?? 0) * reach);
        // A grid without a coarse step shows the fine integers themselves.
        const fine = { ...grid, coarseShift: 0, bits: 24 };
        const integers = [a, b].map(
          (values) =>
            addGaussianNoise(
              sumOf(grid, values),
              fixedNoise(fine, () => 0),
              fine,
              rate,
            ).values,
        );
        const moved = Math.hypot(...Array.from(integers[0] ?? [], (value, i) => value - (integers[1]?.[i] ?? 0)));
        expect(moved).toBeLessThanOrEqual((roundedSensitivity(grid) / grid.fineStep) * (1 + 1e-9));
      }),
      { numRuns: 60 },
    );
  });

  test("each value is the exact sum of rounded input and noise, to half a coarse step", () => {
    fc.assert(
      fc.property(grids, fc.integer(), ({ grid, dimension, patientNorm }, seed) => {
        const next = publicUniform(seed);
        const values = Float32Array.from({ length: dimension }, () => (next() - 0.5) * patientNorm);
        const noise = fixedNoise(grid, () => Math.round((next() - 0.5) * 6 * noiseStdDev(grid)));
        const draws = noise.values.slice();
        const noisy = addGaussianNoise(sumOf(grid, values), noise, grid, rate);
        for (const [i, value] of noisy.values.entries()) {
          const exact = Math.round((values[i] ?? 0) / grid.fineStep) + (draws[i] ?? 0);
          expect(Math.abs(value * 2 ** grid.coarseShift - exact)).toBeLessThanOrEqual(2 ** grid.coarseShift / 2);
        }
      }),
      { numRuns: 60 },
    );
  });

  test("in one pass with packing: the same bytes and event, the noise used, overwritten, and taken once", () => {
    fc.assert(
      fc.property(grids, fc.integer(), ({ grid, dimension, patientNorm }, seed) => {
        const next = publicUniform(seed);
        const values = Float32Array.from({ length: dimension }, () => (next() - 0.5) * patientNorm);
        const noise = fixedNoise(grid, () => Math.round((next() - 0.5) * 6 * noiseStdDev(grid)));
        const copy = { ...noise, values: noise.values.slice() };
        const expected = packContribution(addGaussianNoise(sumOf(grid, values), copy, grid, rate));
        expect(noisedContribution(sumOf(grid, values), noise, grid, rate)).toEqual(expected);
        expect(noise.state).toBe("wiped");
        expect(noise.values.every((value) => value === 0)).toBe(true);
        expect(() => noisedContribution(sumOf(grid, values), noise, grid, rate)).toThrow(/used once/);
      }),
      { numRuns: 60 },
    );
  });

  test("what is no number, or beyond the range, still gets its noise", () => {
    const grid = gridOf(4, 1, 1, 10);
    const limit = 2 ** (grid.bits - 1) - 1;
    const noise = (value: number) => fixedNoise(grid, () => value * 2 ** grid.coarseShift);
    for (const values of [
      Float32Array.of(Number.NaN, Infinity, -Infinity, 1e30),
      Float64Array.of(Number.NaN, Infinity, -Infinity, 1e300),
    ]) {
      expect([...addGaussianNoise(sumOf(grid, values), noise(-9), grid, rate).values]).toEqual([
        -9,
        limit - 9,
        -limit,
        limit - 9,
      ]);
    }
  });
});

describe("[RND13] nothing wraps around", () => {
  test("the widest range and noise that a grid may have", () => {
    const wide: NoisedGrid = { ...gridOf(3, 1, 1, 10), bits: 24, coarseShift: 20 };
    const extreme = 2 ** 30 - 2 ** 20;
    const noise = { ...fixedNoise(wide, () => 0), values: Int32Array.of(extreme, -extreme, -extreme) };
    const noisy = addGaussianNoise(sumOf(wide, Float32Array.of(1e30, -1e30, 1e30)), noise, wide, rate);
    expect([...noisy.values]).toEqual([2047, -2047, 1]);
  });

  test("noise too wide for 32 bits is refused when the grid is made", () => {
    expect(() => gridOf(2 ** 31, 1, 100, 64)).toThrow(/fits 32 bits/);
  });
});

describe("[ENG7] noise is bound to one grid and one use", () => {
  const grid = gridOf(50, 1, 2, 10);
  const zeros = () => sumOf(grid, new Float32Array(50));

  test("used twice, wiped, for another grid or a longer sum: the process stops", () => {
    const noise = drawGaussianNoise(new Int32Array(50), grid, seededRandom(1));
    addGaussianNoise(zeros(), noise, grid, rate);
    expect(() => addGaussianNoise(zeros(), noise, grid, rate)).toThrow(/used once/);
    const wiped = drawGaussianNoise(new Int32Array(50), grid, seededRandom(2));
    wipe(wiped);
    expect(wiped.values.every((value) => value === 0)).toBe(true);
    expect(() => addGaussianNoise(zeros(), wiped, grid, rate)).toThrow(/used once/);
    const other = drawGaussianNoise(new Int32Array(50), gridOf(50, 1, 1, 10), seededRandom(3));
    expect(() => addGaussianNoise(zeros(), other, grid, rate)).toThrow(/for this grid/);
    const fresh = drawGaussianNoise(new Int32Array(50), grid, seededRandom(4));
    expect(() => addGaussianNoise(asClippedSum(new Float32Array(50), 1.5), fresh, grid, rate)).toThrow(/covers/);
    expect(() => addGaussianNoise(asClippedSum(new Float32Array(51), 1), fresh, grid, rate)).toThrow(/dimension/);
  });

  test("the event says what was done, the sampler's distance for all draws together, rounded up", () => {
    const noise = fixedNoise(grid, () => 0);
    expect(addGaussianNoise(zeros(), noise, grid, rate).event).toEqual({
      kind: "poisson-gaussian",
      adjacency: "add-remove",
      samplingRate: 0.1,
      noiseMultiplier: 2,
      count: 1,
      samplerDistance: { maxLogRatio: 0, totalVariation: 2 ** -64 },
      gridStdDev: 2 ** Math.floor(Math.log2(noiseStdDev(grid))),
    });
  });

  test("an empty batch's contribution has the noise's mean and variance (12,800 draws, 6 standard errors)", () => {
    const wide = gridOf(12_800, 3, 2, 64);
    const noise = drawGaussianNoise(new Int32Array(12_800), wide, seededRandom(7));
    const contribution = packContribution(addGaussianNoise(sumOf(wide, new Float32Array(12_800)), noise, wide, rate));
    const values = new Int32Array(12_800);
    unpackInto(values, contribution.bits, contribution.bytes);
    const unit = (wide.noiseMultiplier * roundedSensitivity(wide)) / coarseStep(wide);
    const mean = values.reduce((a, b) => a + b, 0) / 12_800;
    const variance = values.reduce((a, b) => a + b * b, 0) / 12_800;
    expect(Math.abs(mean)).toBeLessThan((6 * unit) / Math.sqrt(12_800));
    // Rounding to coarse steps adds 1/12 of a step squared.
    expect(Math.abs(variance / (unit ** 2 + 1 / 12) - 1)).toBeLessThan(6 * Math.sqrt(2 / 12_800));
  });
});
