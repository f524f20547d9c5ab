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
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import type { SumDevice } from "../device/sumDevice.ts";
import { sumSensitivity } from "../gradient/clippedSum.ts";
import { ruleOf, sumOf } from "../gradient/layerCases.test-support.ts";
import { privateStep } from "./privateStep.ts";
import { provenEpsilon } from "./provenEpsilon.test-support.ts";

/**
 * Neighbouring data sets through a whole site step (sample → clip → sum → round → noise → pack), many times: how well
 * the contributions tell them apart is a lower bound on ε (Nasr et al. 2023, arXiv:2302.07956), which must not exceed
 * what the ledger books. Sampling and noise are such that a step which is broken shows.
 */
export const OTHERS = 4;
const WIDTH = 3;
const spec = modelSpecOf({ preset: "logistic" }, WIDTH, 2);
export const dimension = parameterCount(spec);
const model = { spec, parameters: new Float32Array(dimension), frozen: new Float32Array(0) };
export const CLIPPING_NORM = 50;
export const samplingRate = SamplingRate.parse(0.25);
export const grid = gridOf(dimension, CLIPPING_NORM, 0.7, OTHERS * 0.25);
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
export const withOne = Int32Array.from({ length: OTHERS + 1 }, (_, i) => i);

/** The others pull against the one who may be there, as far as the norm lets them: the worst where a place is taken. */
const crowded: PreparedPatients = {
  ...patients,
  features: patients.features.map((value, i) => (i < OTHERS * WIDTH ? -1000 : value)),
  labels: new Int32Array(OTHERS + 1),
};

/** The operating system's stand-in, so that a run's verdict never changes. */
export const fixed = (seed: number): RandomSource =>
  aesCtrStream({ origin: "operating-system", bytes: (count) => new Uint8Array(count).fill(seed) });

/** What a broken site would do otherwise. */
export interface Broken {
  /** Norm that gradients are really clipped to. */
  readonly clippedTo?: number;
  /** Stated sensitivity, where it isn't that of what was done. */
  readonly stated?: number;
  readonly noiseScale?: number;
  /** Who takes part instead of the sample that is booked. */
  readonly joined?: (sampled: Int32Array, all: Int32Array) => Int32Array;
  /** Records of the one patient, each of which is clipped as if it were a patient. */
  readonly split?: number;
}

/** Whose neighbour is looked for, and in how many rounds. */
interface Setting {
  readonly isCrowded?: boolean;
  /** Two rounds whose noise is drawn anew, or the same: told apart by their difference. */
  readonly pairs?: "fresh" | "reused";
}

/** Gives the real clipped sums: that of each of the 2⁵ samples is computed once. */
export function deviceOf(
  { clippedTo = CLIPPING_NORM, stated, joined: join, split = 1 }: Broken,
  all: Int32Array,
  { isCrowded = false }: Setting = {},
): SumDevice {
  const records = isCrowded ? crowded : patients;
  const known = new Map<string, Float64Array>();
  const rule = ruleOf(clippedTo);
  return {
    clippedSum: async (batch, _, clipRounding) => {
      const joined = join === undefined ? batch.patients : join(batch.patients, all);
      const name = joined.join();
      const sum = known.get(name) ?? sumOf(model, records, joined, rule);
      known.set(name, sum);
      const more = joined.includes(OTHERS) ? split - 1 : 0;
      const one = more === 0 ? sum : sumOf(model, records, Int32Array.of(OTHERS), rule);
      return asClippedSum(
        more === 0 ? sum.slice() : sum.map((value, i) => value + more * (one[i] ?? 0)),
        stated ?? sumSensitivity(spec, rule, clipRounding),
      );
    },
    wipe: () => undefined,
  };
}

export function noiseOf(scale: number, random: RandomSource): GaussianNoise {
  const noise = drawGaussianNoise(new Int32Array(dimension), grid, random);
  for (const [i, value] of noise.values.entries()) noise.values[i] = Math.round(value * scale);
  return noise;
}

/** Contributions of one data set, each as one number: its part in the direction of the patient who may be there. */
async function scoresOf(trainPatients: Int32Array, seed: number, broken: Broken, setting: Setting) {
  const random = fixed(seed);
  const towards = sumOf(model, patients, Int32Array.of(OTHERS), ruleOf(CLIPPING_NORM));
  const device = deviceOf(broken, trainPatients, setting);
  const scores = new Float64Array(TRIALS);
  const values = new Int32Array(dimension);
  let event: PrivacyEvent | undefined;
  const packed = new Uint8Array(packedBytes(dimension, grid.bits));
  const ofStudy = { trainPatients, samplingRate, rule: ruleOf(CLIPPING_NORM), grid, random, packed, device };
  const partOf = async (noise: GaussianNoise): Promise<number> => {
    const step = await privateStep({ ...ofStudy, noise });
    event = step.event;
    unpackInto(values.fill(0), step.bits, step.bytes);
    return values.reduce((sum, value, i) => sum + value * (towards[i] ?? 0), 0);
  };
  const fresh = (): GaussianNoise => noiseOf(broken.noiseScale ?? 1, random);
  for (let trial = 0; trial < TRIALS; trial++) {
    const noise = fresh();
    const again = setting.pairs === "reused" ? { ...noise, values: noise.values.slice() } : noise;
    const first = await partOf(noise);
    if (setting.pairs === undefined) scores[trial] = first;
    else scores[trial] = Math.abs(first - (await partOf(setting.pairs === "reused" ? again : fresh())));
  }
  if (event === undefined) throw new Error("no step was made");
  return { scores, event };
}

/** ε that the contributions prove, at a confidence of 1 − 10⁻⁴ over both directions, and the event that was booked. */
export async function measure(
  broken: Broken = {},
  setting: Setting = {},
): Promise<{ epsilon: number; event: PrivacyEvent }> {
  const here = await scoresOf(withOne, 1, broken, setting);
  const gone = await scoresOf(without, 2, broken, setting);
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
export function bookedFor(event: PrivacyEvent, rounds = 1): { cap: number; least: number } {
  if (event.kind !== "poisson-gaussian") throw new Error("a step is a Gaussian");
  const booked = { ...event, count: event.count * rounds };
  const { samplerDistance: _, ...ideal } = booked;
  return { cap: epsilonOf(curveOf(booked), DELTA), least: pldEpsilon([ideal], DELTA).upper };
}
