import { drawGaussianNoise } from "@consilium/shared/contribution/gaussianNoise";
import { gridOf, roundedSensitivity } from "@consilium/shared/contribution/grid";
import { packedBytes } from "@consilium/shared/contribution/pack";
import { asClippedSum } from "@consilium/shared/contribution/stages";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { parameterCount } from "@consilium/shared/model/spec";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { SamplingRate } from "@consilium/shared/units/privacy";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { SumDevice } from "../device/sumDevice.ts";
import { sumSensitivity } from "../gradient/clippedSum.ts";
import { ruleOf } from "../gradient/layerCases.test-support.ts";
import { privateStep } from "./privateStep.ts";

const spec = modelSpecOf({ preset: "logistic" }, 5, 2);
const dimension = parameterCount(spec);

/** A step of so many patients, all of whom are sampled; what the device was asked for. */
async function stepOf(expectedBatch: number, batch: number, clippingNorm: number) {
  const grid = gridOf(dimension, clippingNorm, 1, expectedBatch);
  const asked: { patients: number; clipRounding: number }[] = [];
  const device: SumDevice = {
    clippedSum: async ({ patients }, rule, clipRounding) => {
      asked.push({ patients: patients.length, clipRounding });
      return asClippedSum(new Float32Array(dimension), sumSensitivity(spec, rule, clipRounding));
    },
    wipe: () => undefined,
  };
  await privateStep({
    device,
    trainPatients: Int32Array.from({ length: batch }, (_, i) => i),
    samplingRate: SamplingRate.parse(1),
    rule: ruleOf(clippingNorm),
    grid,
    noise: drawGaussianNoise(new Int32Array(dimension), grid, operatingSystemRandom),
    random: operatingSystemRandom,
    packed: new Uint8Array(packedBytes(dimension, grid.bits)),
  });
  return { grid, asked };
}

describe("[ENG36] the engine adds within the η that the noise was made for", () => {
  test("that of the expected batch, however many patients a step has", async () => {
    const size = fc.integer({ min: 1, max: 6000 });
    const norm = fc.constantFrom(0.3, 1, 50);
    await fc.assert(
      fc.asyncProperty(size, size, norm, async (expectedBatch, batch, clippingNorm) => {
        const { grid, asked } = await stepOf(expectedBatch, batch, clippingNorm);
        expect(asked).toEqual([
          { patients: batch, clipRounding: Math.min(1 / 64, Math.max(256, expectedBatch) / 2 ** 18) },
        ]);
        const ofGrid = grid.fineStep * Math.sqrt(dimension);
        const charged = (roundedSensitivity(grid) - ofGrid) / clippingNorm - 1;
        expect(Math.abs((asked[0]?.clipRounding ?? 0) - charged)).toBeLessThan(1e-14);
      }),
      { numRuns: 30 },
    );
  });

  test("a sum of more than the noise covers is never noised", async () => {
    const grid = gridOf(dimension, 1, 1, 256);
    const larger = gridOf(dimension, 1, 1, 512).clipRounding;
    const device: SumDevice = {
      clippedSum: async (_, rule) => asClippedSum(new Float32Array(dimension), sumSensitivity(spec, rule, larger)),
      wipe: () => undefined,
    };
    const step = privateStep({
      device,
      trainPatients: Int32Array.of(0),
      samplingRate: SamplingRate.parse(1),
      rule: ruleOf(1),
      grid,
      noise: drawGaussianNoise(new Int32Array(dimension), grid, operatingSystemRandom),
      random: operatingSystemRandom,
      packed: new Uint8Array(packedBytes(dimension, grid.bits)),
    });
    await expect(step).rejects.toThrow(/covers/);
  });
});
