/**
 * Training without privacy, to compare with: the study's model, optimizer and Poisson batches, no clipping, no noise.
 * For a simulation's own records alone: no study can ask for it, and nothing of it is charged or released.
 */
import { type Backend, useBackend } from "@consilium/engine/backend";
import { loadNetwork } from "@consilium/engine/network";
import { clipRuleOf } from "@consilium/shared/clipping/clipping";
import { clipRounding } from "@consilium/shared/contribution/grid";
import { floatingNormal } from "@consilium/shared/mechanism/floatingNormal";
import { initialParameters } from "@consilium/shared/model/initial";
import { openStudyWeights } from "@consilium/shared/model/studyWeights";
import type { Weights } from "@consilium/shared/model/weights";
import { initialState, UpdateByParts } from "@consilium/shared/optimizer/applyUpdate";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import type { StudyDocument } from "@consilium/shared/study/document";
import { expectedBatchOf, modelSpecOfStudy, weightsOfStudy } from "@consilium/shared/study/network";
import { ClippingNorm } from "@consilium/shared/units/privacy";
import { poissonSample } from "@consilium/site-agent/batch/poissonSampler";
import { type PreparedPatients, patientsOf } from "@consilium/site-agent/contract/preparedPatients";
import { clippedSum } from "@consilium/site-agent/gradient/clippedSum";
import { SumBuffer } from "@consilium/site-agent/gradient/sumBuffer";
import type { OpenGenerator } from "./openGenerator.ts";
import type { UnprovenNoise } from "./sweepFile.ts";

export interface BaselineOptions {
  readonly document: StudyDocument;
  readonly weights: Uint8Array | null;
  /** Whose patients train it together: all sites' for the pooled model, one's for a local one. */
  readonly sites: readonly PreparedPatients[];
  readonly backend: Backend;
  readonly random: RandomSource;
  /** Clips and noises every step as said, without a proof. */
  readonly unproven?: UnprovenNoise;
  /** Called with the model after each step; it may not be kept: the next step writes over it. */
  readonly onStep?: (step: number, weights: Weights) => void;
  /** Of a study with one: trained beside the discriminator. */
  readonly generator?: OpenGenerator;
}

/** No patient's gradient is as long. */
const UNCLIPPED = ClippingNorm.parse(1e9);
/** Sums become integers, as the optimizer takes them, on a grid this much finer than the largest of them. */
const LEVELS = 2 ** 30;

/** The model after all of the study's steps. With local steps (FedAvg) as many steps are taken on all sites' sums. */
export async function trainOpenly(options: BaselineOptions): Promise<Weights> {
  const { document, weights, sites, backend, random, unproven, onStep = () => {}, generator } = options;
  await useBackend(backend.name);
  const spec = modelSpecOfStudy(document);
  const { parameters, frozen } = startOf(document, weights);
  const { samplingRate } = document.privacy;
  const { optimizer, rounds, localSteps } = document.training;
  const rule = clipRuleOf({
    clipping: { mode: "flat" },
    clippingNorm: ClippingNorm.parse(unproven?.clippingNorm ?? UNCLIPPED),
  });
  const everyone = sites.map((patients) => ({ patients, train: patientsOf(patients, "train") }));
  // With noise by the study's public numbers, as a study does: the exact ones would tell of a patient more or less.
  const stated = document.sites.reduce((sum, { patients }) => sum + patients, 0);
  const exact = everyone.reduce((sum, { train }) => sum + train.length, 0);
  const divisor = samplingRate * (unproven === undefined ? exact : stated);
  const rounding = clipRounding(parameters.length, expectedBatchOf(document));
  const buffer = new SumBuffer(parameters.length);
  let state = initialState(optimizer, parameters.length);
  for (let step = 0; step < rounds * localSteps; step++) {
    // The generator's passes are on a backend of their own.
    await useBackend(backend.name);
    const network = loadNetwork(spec, parameters, frozen);
    const total = new Float64Array(parameters.length);
    const sampled = everyone.map(({ patients, train }) => {
      return { patients, batch: poissonSample(train, samplingRate, random).patients };
    });
    try {
      if (generator !== undefined && unproven?.clips === "pairs")
        generator.addPairs(total, network, sampled, { norm: unproven.clippingNorm, clipRounding: rounding });
      else
        for (const { patients, batch } of sampled) {
          const { values } = clippedSum(
            network,
            patients,
            { patients: batch },
            { rule, clipRounding: rounding },
            buffer,
          );
          for (let i = 0; i < total.length; i++) total[i] = (total[i] ?? 0) + (values[i] ?? 0);
        }
    } finally {
      network.dispose();
    }
    if (generator !== undefined && unproven?.clips !== "pairs")
      await generator.addMade(total, { parameters, batch: divisor, norm: unproven?.clippingNorm ?? Infinity });
    if (unproven !== undefined) addNoise(total, unproven.noiseMultiplier * unproven.clippingNorm, random);
    const { integers, unit } = quantised(total);
    const update = new UpdateByParts(optimizer, state, parameters);
    update.push(integers, unit / divisor);
    state = update.finish();
    await generator?.train(parameters);
    onStep(step + 1, { parameters, frozen });
  }
  return { parameters, frozen };
}

function startOf(document: StudyDocument, weights: Uint8Array | null): Weights {
  const spec = modelSpecOfStudy(document);
  const { initialSeed } = document.training;
  const named = weightsOfStudy(document);
  if (named !== undefined) return openStudyWeights(spec, named, initialSeed, weights ?? new Uint8Array(0));
  return { parameters: initialParameters(spec, initialSeed), frozen: new Float32Array(0) };
}

/** Of standard deviation σ·C, in one place: nothing here is proven of it (Abadi et al. 2016, Algorithm 1). */
function addNoise(sum: Float64Array, deviation: number, random: RandomSource): void {
  for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] ?? 0) + deviation * floatingNormal(random);
}

function quantised(values: Float64Array): { integers: Int32Array; unit: number } {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const unit = largest === 0 ? 1 : largest / LEVELS;
  return { integers: Int32Array.from(values, (value) => Math.round(value / unit)), unit };
}
