import { addGaussianNoise } from "@consilium/shared/contribution/fixedPoint";
import { drawGaussianNoise, type GaussianNoise } from "@consilium/shared/contribution/gaussianNoise";
import { clippedSensitivity, coarseStep, gridOf, noiseStdDev } from "@consilium/shared/contribution/grid";
import { packedBytes, unpackInto } from "@consilium/shared/contribution/pack";
import { asClippedSum } from "@consilium/shared/contribution/stages";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { SamplingRate } from "@consilium/shared/units/privacy";
import { describe, expect, test } from "vitest";
import { poissonSample } from "../batch/poissonSampler.ts";
import type { SumDevice } from "../device/sumDevice.ts";
import { ruleOf } from "../gradient/layerCases.test-support.ts";
import { privateRound } from "./privateRound.ts";

const PATIENTS = 60;
const DIMENSION = 3;
const samplingRate = SamplingRate.parse(0.4);
const local = { steps: 4, learningRate: 0.3, proximal: 0.5, expectedBatch: 24 };
const grid = gridOf(DIMENSION, 1, 1.2, local.expectedBatch, local.steps);
const start = Float32Array.of(0.5, -0.25, 1);
const trainPatients = Int32Array.from({ length: PATIENTS }, (_, i) => i);

/** Each patient's gradient pulls the model towards a place of its own; no longer than 1. */
function gradientOf(patient: number, model: ArrayLike<number>): number[] {
  const towards = [Math.sin(patient), Math.cos(patient), Math.sin(2 * patient)];
  const gradient = towards.map((place, i) => (model[i] ?? 0) - place);
  const norm = Math.hypot(...gradient);
  return gradient.map((value) => value / Math.max(1, norm));
}

function sumOf(patients: Iterable<number>, model: ArrayLike<number>): Float64Array {
  const sum = new Float64Array(DIMENSION);
  for (const patient of patients)
    for (const [i, value] of gradientOf(patient, model).entries()) sum[i] = (sum[i] ?? 0) + value;
  return sum;
}

/** Bytes of the operating system, kept to be given again. */
function recorded(): { random: RandomSource; again: RandomSource } {
  const kept: Uint8Array[] = [];
  const random: RandomSource = {
    origin: "operating-system",
    bytes: (count) => {
      const bytes = operatingSystemRandom.bytes(count);
      kept.push(bytes.slice());
      return bytes;
    },
  };
  return { random, again: { origin: "operating-system", bytes: () => kept.shift() ?? new Uint8Array() } };
}

async function run(fail = false) {
  const { random, again } = recorded();
  const blocks: GaussianNoise[] = [];
  const draws: Int32Array[] = [];
  const released: GaussianNoise[] = [];
  const models: Float32Array[] = [];
  const sums: Float64Array[] = [];
  const deviceAt = (model: Float32Array): SumDevice => ({
    clippedSum: async (batch) => {
      models.push(model.slice());
      if (fail && models.length === 2) throw new Error("the device failed");
      const sum = sumOf(batch.patients, model);
      sums.push(sum);
      return asClippedSum(sum, clippedSensitivity(grid));
    },
    wipe: () => sums.at(-1)?.fill(0),
  });
  const own = new Float32Array(DIMENSION);
  const round = privateRound({
    local,
    start,
    own,
    trainPatients,
    samplingRate,
    rule: ruleOf(1),
    grid,
    random,
    packed: new Uint8Array(packedBytes(DIMENSION, grid.bits)),
    noise: {
      take: async (step) => {
        expect(step).toBe(blocks.length);
        const noise = drawGaussianNoise(new Int32Array(DIMENSION), grid, operatingSystemRandom);
        blocks.push(noise);
        draws.push(noise.values.slice());
        return noise;
      },
      release: (noise) => {
        noise.values.fill(0);
        noise.state = "wiped";
        released.push(noise);
      },
    },
    withDevice: (parameters, use) => use(deviceAt(parameters)),
  });
  return { round, again, blocks, draws, released, models, sums, own };
}

describe("[ENG25] several local steps: each with a sample and noise of its own, all of them charged", () => {
  test("is the slow round with the same samples and the same noise", async () => {
    const { round, again, draws, models } = await run();
    const contribution = await round;
    const unit = coarseStep(grid) / local.expectedBatch;
    let slow = [...start];
    const exact = [0, 0, 0];
    for (const [step, noise] of draws.entries()) {
      // The step's model is the one that follows from noised sums alone, to what integers and float32 lose.
      for (const [i, value] of slow.entries())
        expect(Math.abs((models[step]?.[i] ?? 0) - value)).toBeLessThan(unit * local.steps);
      const batch = poissonSample(trainPatients, samplingRate, again);
      const sum = asClippedSum(sumOf(batch.patients, models[step] ?? []), clippedSensitivity(grid));
      const block = {
        values: noise,
        stdDev: noiseStdDev(grid),
        drawDistance: { maxLogRatio: 0, totalVariation: 0 },
        state: "fresh" as const,
      };
      const noised = addGaussianNoise(sum, block, grid, samplingRate).values;
      slow = slow.map((value, i) => {
        const gradient = (noised[i] ?? 0) * unit;
        return value - local.learningRate * (gradient + local.proximal * (value - (start[i] ?? 0)));
      });
      for (const [i, value] of slow.entries()) exact[i] = ((start[i] ?? 0) - value) / local.learningRate / unit;
    }
    const values = new Int32Array(DIMENSION);
    unpackInto(values, contribution.bits, contribution.bytes);
    for (const [i, value] of values.entries()) expect(Math.abs(value - (exact[i] ?? 0))).toBeLessThan(local.steps);
    expect(contribution.event).toMatchObject({ samplingRate: 0.4, noiseMultiplier: 1.2, count: local.steps });
  });

  test("a block a step, each used once; blocks, sums and the site's own model are overwritten", async () => {
    const { round, blocks, released, sums, own } = await run();
    await round;
    expect(blocks).toHaveLength(local.steps);
    expect(new Set(released)).toEqual(new Set(blocks));
    expect(blocks.every(({ state, values }) => state === "wiped" && values.every((value) => value === 0))).toBe(true);
    expect(sums).toHaveLength(local.steps);
    expect(sums.every((sum) => sum.every((value) => value === 0))).toBe(true);
    expect(own.every((value) => value === 0)).toBe(true);
  });

  test("a device that fails midway leaves nothing behind", async () => {
    const { round, blocks, released, own } = await run(true);
    await expect(round).rejects.toThrow(/device failed/);
    expect(blocks).toHaveLength(2);
    expect(new Set(released)).toEqual(new Set(blocks));
    expect(own.every((value) => value === 0)).toBe(true);
  });
});
