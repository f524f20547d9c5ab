import { describe, expect, test } from "vitest";
import { deltaOf } from "../accountant/convert.ts";
import { curveOf } from "../accountant/rdp.ts";
import { makeAliasTable } from "../mechanism/aliasTable.ts";
import { NoiseMultiplier, SamplingRate } from "../units/privacy.ts";
import type { GaussianNoise } from "./gaussianNoise.ts";
import { clippedSensitivity, clipRounding, type NoisedGrid, noiseStdDev, roundedSensitivity } from "./grid.ts";
import { noisedContribution } from "./noisedContribution.ts";
import { unpackInto } from "./pack.ts";
import { asClippedSum } from "./stages.ts";

/**
 * The whole way of one coordinate (clamp, round, noise, coarse grid, saturate, pack) as a distribution, computed and
 * not sampled: one contribution whose coordinates all hold the same input, each with another value that the noise can
 * take.
 */
const FINE_STEPS = 33;
const table = makeAliasTable(FINE_STEPS);
const DRAWS = 2 * table.radius + 1;

const norms = { dimension: DRAWS, patientNorm: 1, clipRounding: clipRounding(1, 1), fineStep: 1 / 32 };
/** A patient moves one coordinate alone, by 32 fine steps and one of rounding, and each has noise of as many. */
const noiseMultiplier = (FINE_STEPS * norms.fineStep) / roundedSensitivity(norms);
const grid: NoisedGrid = { ...norms, noiseMultiplier, coarseShift: 1, bits: 8 };

/** P(noise = k), as `wideGaussian.test.ts` holds the table to it. */
const mass = Float64Array.from({ length: DRAWS }, (_, i) =>
  Math.exp(-((i - table.radius) ** 2) / (2 * FINE_STEPS ** 2)),
);
const total = mass.reduce((sum, value) => sum + value, 0);

/** What leaves for this input, and how probably. */
function outputsOf(input: number, noiseScale = 1): ReadonlyMap<number, number> {
  const noise: GaussianNoise = {
    values: Int32Array.from({ length: DRAWS }, (_, i) => Math.round((i - table.radius) * noiseScale)),
    stdDev: noiseStdDev(grid),
    drawDistance: { maxLogRatio: 0, totalVariation: table.totalVariation },
    state: "fresh",
  };
  const sum = asClippedSum(new Float64Array(DRAWS).fill(input), clippedSensitivity(grid));
  const { bytes, bits } = noisedContribution(sum, noise, grid, SamplingRate.parse(1));
  const values = new Int32Array(DRAWS);
  unpackInto(values, bits, bytes);
  const outputs = new Map<number, number>();
  for (const [i, value] of values.entries()) {
    outputs.set(value, (outputs.get(value) ?? 0) + (mass[i] ?? 0) / total);
  }
  return outputs;
}

/** Least δ at which these two are (ε, δ)-close, this way round. */
function deltaBetween(a: ReadonlyMap<number, number>, b: ReadonlyMap<number, number>, epsilon: number): number {
  return [...a].reduce((sum, [output, p]) => sum + Math.max(0, p - Math.exp(epsilon) * (b.get(output) ?? 0)), 0);
}

const booked = curveOf({
  kind: "poisson-gaussian",
  adjacency: "add-remove",
  samplingRate: SamplingRate.parse(1),
  noiseMultiplier: NoiseMultiplier.parse(1),
  count: 1,
  samplerDistance: { maxLogRatio: 0, totalVariation: table.totalVariation },
});

/** Inputs in the middle, at and beyond the range's ends, and none. */
const inputs = [0, 0.013, -3.7, 127 / 16, -127 / 16, 126.6 / 16, 1e30, -1e30, Number.NaN];

describe("[ACC34] no output rules a neighbour out, rounding, saturation and packing included", () => {
  test.each(inputs)("input %d and one further by a patient's part", (input) => {
    const start = Number.isNaN(input) ? 0 : input;
    for (const neighbour of [start + 1, start - 1]) {
      const [a, b] = [outputsOf(input), outputsOf(neighbour)];
      for (const [from, to] of [
        [a, b],
        [b, a],
      ] as const) {
        const alone = [...from].reduce((sum, [output, p]) => (to.has(output) ? sum : sum + p), 0);
        expect(alone).toBeLessThanOrEqual(table.totalVariation);
        for (const epsilon of [0, 0.3, 1, 2, 4, 8]) {
          expect(deltaBetween(from, to, epsilon)).toBeLessThanOrEqual(deltaOf(booked, epsilon) * (1 + 1e-9));
        }
      }
    }
  });

  test("every output that the packing can hold is possible in the middle of the range", () => {
    const wide = outputsOf(0);
    expect([...wide.keys()].sort((a, b) => a - b)).toEqual(Array.from({ length: 255 }, (_, i) => i - 127));
  });

  test("the figures are tight enough to catch noise of six tenths", () => {
    const worst = [0, 0.3, 1, 2, 4, 8].some(
      (epsilon) => deltaBetween(outputsOf(0, 0.6), outputsOf(1, 0.6), epsilon) > deltaOf(booked, epsilon),
    );
    expect(worst).toBe(true);
  });
});
