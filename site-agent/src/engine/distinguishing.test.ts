import { epsilonOf } from "@consilium/shared/accountant/convert";
import { pldEpsilon } from "@consilium/shared/accountant/pld";
import { curveOf } from "@consilium/shared/accountant/rdp";
import { drawGaussianNoise, type GaussianNoise } from "@consilium/shared/contribution/gaussianNoise";
import { gridOf } from "@consilium/shared/contribution/grid";
import { packedBytes, unpackInto } from "@consilium/shared/contribution/pack";
import { asClippedSum } from "@consilium/shared/contribution/stages";
import type { PrivacyEvent } from "@consilium/shared/event/event";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { parameterCount } from "@consilium/shared/model/spec";
import { aesCtrStream } from "@consilium/shared/random/aesCtrStream";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { SamplingRate } from "@consilium/shared/units/privacy";
import { beforeAll, describe, expect, test } from "vitest";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import type { SumDevice } from "../device/sumDevice.ts";
import { startExactly } from "../gradient/backends.test-support.ts";
import { sumSensitivity } from "../gradient/clippedSum.ts";
import { ruleOf, sumOf } from "../gradient/layerCases.test-support.ts";
import { privateStep } from "./privateStep.ts";
import { provenEpsilon } from "./provenEpsilon.test-support.ts";

/**
 * Neighbouring data sets through a whole site step (sample → clip → sum → round → noise → pack), many times: how well
 * the contributions tell them apart is a lower bound on ε (Nasr et al. 2023, arXiv:2302.07956), which must not exceed
 * what the ledger books. Sampling and noise are such that a step which is broken shows.
 */
const OTHERS = 4;
const WIDTH = 3;
const spec = modelSpecOf({ preset: "logistic" }, WIDTH, 2);
const dimension = parameterCount(spec);
const model = { spec, parameters: new Float32Array(dimension), frozen: new Float32Array(0) };
const CLIPPING_NORM = 50;
const samplingRate = SamplingRate.parse(0.25);
const grid = gridOf(dimension, CLIPPING_NORM, 0.7, OTHERS * 0.25);
const DELTA = 0.01;
const TRIALS = 12_000;

/** Patients with next to no gradient, and one whose is far longer than the norm: the worst neighbour there is. */
const patients: PreparedPatients = {
  featureCount: WIDTH,
  features: Float32Array.from({ length: (OTHERS + 1) * WIDTH }, (_, i) => (i < OTHERS * WIDTH ? 0.1 : 1000)),
  labels: Int32Array.from({ length: OTHERS + 1 }, (_, i) => i % 2),
  recordStart: Int32Array.from({ length: OTHERS + 2 }, (_, i) => i),
  parts: new Uint8Array(OTHERS + 1),
};
const without = Int32Array.from({ length: OTHERS }, (_, i) => i);
const withOne = Int32Array.from({ length: OTHERS + 1 }, (_, i) => i);

/** The operating system's stand-in, so that a run's verdict never changes. */
const fixed = (seed: number): RandomSource =>
  aesCtrStream({ origin: "operating-system", bytes: (count) => new Uint8Array(count).fill(seed) });

/** What a broken site would do otherwise. */
interface Broken {
  /** Norm that gradients are really clipped to. */
  readonly clippedTo?: number;
  /** Stated sensitivity, where it isn't that of what was done. */
  readonly stated?: number;
  readonly noiseScale?: number;
  /** Everybody takes part in each step, which is booked as a sample. */
  readonly everyone?: boolean;
}

/** Gives the real clipped sums: that of each of the 2⁵ samples is computed once. */
function deviceOf({ clippedTo = CLIPPING_NORM, stated, everyone = false }: Broken, all: Int32Array): SumDevice {
  const known = new Map<string, Float64Array>();
  const rule = ruleOf(clippedTo);
  return {
    clippedSum: async (batch, _, clipRounding) => {
      const joined = everyone ? all : batch.patients;
      const name = joined.join();
      const sum = known.get(name) ?? sumOf(model, patients, joined, rule);
      known.set(name, sum);
      return asClippedSum(sum.slice(), stated ?? sumSensitivity(spec, rule, clipRounding));
    },
    wipe: () => undefined,
  };
}

function noiseOf(scale: number, random: RandomSource): GaussianNoise {
  const noise = drawGaussianNoise(new Int32Array(dimension), grid, random);
  for (const [i, value] of noise.values.entries()) noise.values[i] = Math.round(value * scale);
  return noise;
}

/** Contributions of one data set, each as one number: its part in the direction of the patient who may be there. */
async function scoresOf(trainPatients: Int32Array, seed: number, broken: Broken) {
  const random = fixed(seed);
  const towards = sumOf(model, patients, Int32Array.of(OTHERS), ruleOf(CLIPPING_NORM));
  const device = deviceOf(broken, trainPatients);
  const scores = new Float64Array(TRIALS);
  const values = new Int32Array(dimension);
  let event: PrivacyEvent | undefined;
  const packed = new Uint8Array(packedBytes(dimension, grid.bits));
  const ofStudy = { trainPatients, samplingRate, rule: ruleOf(CLIPPING_NORM), grid, random, packed, device };
  for (let trial = 0; trial < TRIALS; trial++) {
    const step = await privateStep({ ...ofStudy, noise: noiseOf(broken.noiseScale ?? 1, random) });
    event = step.event;
    unpackInto(values.fill(0), step.bits, step.bytes);
    scores[trial] = values.reduce((sum, value, i) => sum + value * (towards[i] ?? 0), 0);
  }
  if (event === undefined) throw new Error("no step was made");
  return { scores, event };
}

/** ε that the contributions prove, at a confidence of 1 − 10⁻⁴ over both directions, and the event that was booked. */
async function measure(broken: Broken = {}): Promise<{ epsilon: number; event: PrivacyEvent }> {
  const here = await scoresOf(withOne, 1, broken);
  const gone = await scoresOf(without, 2, broken);
  const epsilon = Math.max(
    provenEpsilon(here.scores, gone.scores, DELTA),
    provenEpsilon(
      gone.scores.map((score) => -score),
      here.scores.map((score) => -score),
      DELTA,
    ),
  );
  return { epsilon, event: here.event };
}

/** By the accountant that caps are made of, and the least that is known: the ideal Gaussian's loss distribution. */
function bookedFor(event: PrivacyEvent): { cap: number; least: number } {
  if (event.kind !== "poisson-gaussian") throw new Error("a step is a Gaussian");
  const { samplerDistance: _, ...ideal } = event;
  return { cap: epsilonOf(curveOf(event), DELTA), least: pldEpsilon([ideal], DELTA).upper };
}

describe("[ACC35] neighbours are told apart no better by a site's whole step than its booked ε allows", () => {
  beforeAll(() => startExactly("wasm"));

  test("with and without the worst patient: the proven ε is above nothing and below the booked one", async () => {
    const { epsilon, event } = await measure();
    const { cap, least } = bookedFor(event);
    expect(event).toMatchObject({ samplingRate: 0.25, noiseMultiplier: 0.7, count: 1 });
    expect(epsilon).toBeLessThanOrEqual(least);
    expect(least).toBeLessThanOrEqual(cap);
    expect(epsilon).toBeGreaterThan(0.2 * least);
  });

  test.each<[string, Broken]>([
    ["half of the noise", { noiseScale: 0.5 }],
    ["gradients clipped to four times the norm", { clippedTo: 4 * CLIPPING_NORM, stated: CLIPPING_NORM }],
    ["no sample drawn", { everyone: true }],
  ])("a step that is broken is caught: %s", async (_, broken) => {
    const { epsilon, event } = await measure(broken);
    expect(epsilon).toBeGreaterThan(bookedFor(event).least);
  });

  test("a sum that says how sensitive it is gets no noise that doesn't cover it", async () => {
    const noise = noiseOf(1, fixed(3));
    const ofStudy = { trainPatients: withOne, samplingRate, rule: ruleOf(CLIPPING_NORM), grid };
    const device = deviceOf({ clippedTo: 4 * CLIPPING_NORM }, withOne);
    const packed = new Uint8Array(packedBytes(dimension, grid.bits));
    await expect(privateStep({ ...ofStudy, device, noise, packed, random: fixed(4) })).rejects.toThrow(/covers/);
  });
});
