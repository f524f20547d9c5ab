import { backward } from "@consilium/engine/backward";
import { forward } from "@consilium/engine/forward";
import { loadNetwork, type Network } from "@consilium/engine/network";
import { borrowData } from "@consilium/engine/tensorData";
import { cut, type ParameterUse } from "@consilium/engine/use";
import { gridOf } from "@consilium/shared/contribution/grid";
import { packedBytes } from "@consilium/shared/contribution/pack";
import { initialParameters, publicUniform } from "@consilium/shared/model/initial";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { featureCount, type ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import { RoundKey } from "@consilium/shared/protocol/messages";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { SamplingRate } from "@consilium/shared/units/privacy";
import type { PreparedPatients } from "@consilium/site-agent/contract/preparedPatients";
import { ownDevice } from "@consilium/site-agent/device/sumDevice";
import { privateStep } from "@consilium/site-agent/engine/privateStep";
import { physicalRows } from "@consilium/site-agent/gradient/clippedSum";
import { SumBuffer } from "@consilium/site-agent/gradient/sumBuffer";
import { NoiseStore } from "@consilium/site-agent/noise/noiseStore";
import * as tf from "@tensorflow/tfjs-core";

export const MODELS = {
  "deeptype 20000-1024-512-6": () =>
    modelSpecOf({ preset: "deeptype", hidden: [1024, 512], clusters: 6, clusterWeight: 0.1 }, 20_000, 6),
  "logistic 21": () => modelSpecOf({ preset: "logistic" }, 21, 2),
} satisfies Record<string, () => ModelSpec>;
export type ModelName = keyof typeof MODELS;

/** Ways to take one step of the same model on the same records. */
export const STEPS = ["non-private", "private, noise ready", "private, noise made alongside"] as const;
export type StepKind = (typeof STEPS)[number];

/**
 * Times `runs` steps after two to warm up; milliseconds each. Sampling takes everyone (q = 1), so the batch is exact.
 */
export async function timeSteps(model: ModelName, batch: number, kind: StepKind, runs: number): Promise<number[]> {
  const spec = MODELS[model]();
  const patients = randomPatients(spec, batch);
  const network = loadNetwork(spec, initialParameters(spec, 1));
  const step = kind === "non-private" ? plainStep(network, patients) : noisedStep(network, patients, kind);
  const times: number[] = [];
  for (let i = -2; i < runs; i++) times.push(await step());
  return times.slice(2);
}

/** Forward, backward, sum of gradients read back: what training without privacy computes before its update. */
function plainStep(network: Network, patients: PreparedPatients): () => Promise<number> {
  const sum = new Float32Array(parameterCount(network.spec));
  return async () => {
    const start = performance.now();
    const features = patients.features.slice();
    const gradients = tf.tidy(() => {
      const rows = patients.labels.length;
      const pass = forward(network, tf.tensor2d(features, [rows, patients.featureCount]));
      const uses = backward(network, pass, tf.tensor1d(patients.labels, "int32"));
      return uses.map((use) => ({ offset: use.offset, gradient: meanlessSum(use) }));
    });
    for (const { offset, gradient } of gradients) sum.set(borrowData(gradient), offset);
    tf.dispose(gradients);
    return performance.now() - start;
  };
}

/** Σ over all records, without a clip between: one product a layer. */
function meanlessSum(use: ParameterUse): tf.Tensor {
  switch (use.kind) {
    case "direct":
      return tf.sum(use.gradient_RS, 0);
    case "product": {
      const [records, positions, inputs] = use.input_RTI.shape;
      const flat = (tensor: tf.Tensor, width: number): tf.Tensor2D => tf.reshape(tensor, [records * positions, width]);
      return tf.matMul(tf.transpose(flat(cut(use.input_RTI), inputs)), flat(use.delta_RTO, use.delta_RTO.shape[2]));
    }
    case "lookup":
      return tf.sum(use.delta_RTO, [0, 1]);
  }
}

/**
 * Sample, clip, sum, round, noise, pack. "Noise ready": made before, while a round would wait. "Alongside": ordered
 * for the next step when this one starts, so that a step waits for whatever is not yet done.
 */
function noisedStep(network: Network, patients: PreparedPatients, kind: StepKind): () => Promise<number> {
  const { spec } = network;
  const grid = gridOf(parameterCount(spec), 1, 1, patients.parts.length);
  const noises = new NoiseStore(operatingSystemRandom);
  const packed = new Uint8Array(packedBytes(grid.dimension, grid.bits));
  const rows = physicalRows(spec, patients.parts.length);
  const device = ownDevice({ network, patients, buffer: new SumBuffer(grid.dimension), rows });
  const trainPatients = Int32Array.from(patients.parts, (_, i) => i);
  const samplingRate = SamplingRate.parse(1);
  let round = 1;
  const key = (of: number) => RoundKey.parse({ study: "bench", purpose: "train", round: of, attempt: 1 });
  return async () => {
    if (round === 1 || kind === "private, noise ready") noises.prepare(key(round), grid);
    let noise = kind === "private, noise ready" ? await noises.take(key(round), grid) : undefined;
    const start = performance.now();
    if (kind === "private, noise made alongside") noises.prepare(key(round + 1), grid);
    noise ??= await noises.take(key(round), grid);
    await privateStep({ device, trainPatients, samplingRate, grid, noise, random: operatingSystemRandom, packed });
    noises.release(noise);
    round++;
    return performance.now() - start;
  };
}

function randomPatients(spec: ModelSpec, count: number): PreparedPatients {
  const next = publicUniform(2);
  const width = featureCount(spec);
  const classes = spec.loss.kind === "sigmoid-cross-entropy" ? 2 : spec.loss.classes;
  return {
    featureCount: width,
    features: Float32Array.from({ length: count * width }, () => 2 * next() - 1),
    labels: Int32Array.from({ length: count }, (_, i) => i % classes),
    recordStart: Int32Array.from({ length: count + 1 }, (_, i) => i),
    parts: new Uint8Array(count),
  };
}
