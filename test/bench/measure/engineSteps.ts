import { backward } from "@consilium/engine/backward";
import { forward } from "@consilium/engine/forward";
import { loadNetwork, type Network } from "@consilium/engine/network";
import { transposedTimes } from "@consilium/engine/product";
import { borrowData } from "@consilium/engine/tensorData";
import { cut, type ParameterUse } from "@consilium/engine/use";
import { clipRuleOf } from "@consilium/shared/clipping/clipping";
import { gridOf } from "@consilium/shared/contribution/grid";
import { packedBytes } from "@consilium/shared/contribution/pack";
import { initialParameters, publicUniform } from "@consilium/shared/model/initial";
import { featureCount, type LossSpec, type ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import { RoundKey } from "@consilium/shared/protocol/messages";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { ClippingNorm, SamplingRate } from "@consilium/shared/units/privacy";
import type { PreparedPatients } from "@consilium/site-agent/contract/preparedPatients";
import { ownDevice } from "@consilium/site-agent/device/sumDevice";
import { privateStep } from "@consilium/site-agent/engine/privateStep";
import { physicalRows } from "@consilium/site-agent/gradient/physicalRows";
import { SumBuffer } from "@consilium/site-agent/gradient/sumBuffer";
import { NoiseStore } from "@consilium/site-agent/noise/noiseStore";
import * as tf from "@tensorflow/tfjs-core";

/** Ways to take one step of the same model on the same records. */
export const STEPS = ["non-private", "private, noise ready", "private, noise made alongside"] as const;
export type StepKind = (typeof STEPS)[number];

/** Milliseconds of one step. */
export type Step = () => Promise<number>;

/** Sampling takes everyone (q = 1), so the batch is exact. */
export function stepOf(spec: ModelSpec, batch: number, kind: StepKind): Step {
  const patients = randomPatients(spec, batch);
  const network = loadNetwork(spec, initialParameters(spec, 1));
  return kind === "non-private" ? plainStep(network, patients) : noisedStep(network, patients, kind);
}

/** Forward, backward, sum of gradients read back: what training without privacy computes before its update. */
function plainStep(network: Network, patients: PreparedPatients): Step {
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
      return transposedTimes(flat(cut(use.input_RTI), inputs), flat(use.delta_RTO, use.delta_RTO.shape[2]));
    }
    case "lookup":
      return tf.sum(use.delta_RTO, [0, 1]);
  }
}

/**
 * Sample, clip, sum, round, noise, pack. "Noise ready": made before, while a round would wait. "Alongside": ordered
 * for the next step when this one starts, so that a step waits for whatever is not yet done.
 */
function noisedStep(network: Network, patients: PreparedPatients, kind: StepKind): Step {
  const { spec } = network;
  const grid = gridOf(parameterCount(spec), 1, 1, patients.parts.length);
  const noises = new NoiseStore(operatingSystemRandom);
  const packed = new Uint8Array(packedBytes(grid.dimension, grid.bits));
  const rows = physicalRows(spec, patients.parts.length);
  const device = ownDevice({ network, patients, buffer: new SumBuffer(grid.dimension), rows });
  const trainPatients = Int32Array.from(patients.parts, (_, i) => i);
  const samplingRate = SamplingRate.parse(1);
  const rule = clipRuleOf({ clipping: { mode: "flat" }, clippingNorm: ClippingNorm.parse(1) });
  let round = 1;
  const key = (of: number) => RoundKey.parse({ study: "bench", purpose: "train", round: of, attempt: 1 });
  return async () => {
    if (round === 1 || kind === "private, noise ready") noises.prepare(key(round), grid);
    let noise = kind === "private, noise ready" ? await noises.take(key(round), grid) : undefined;
    const start = performance.now();
    if (kind === "private, noise made alongside") noises.prepare(key(round + 1), grid);
    noise ??= await noises.take(key(round), grid);
    await privateStep({
      device,
      trainPatients,
      samplingRate,
      rule,
      grid,
      noise,
      random: operatingSystemRandom,
      packed,
    });
    noises.release(noise);
    round++;
    return performance.now() - start;
  };
}

function randomPatients(spec: ModelSpec, count: number): PreparedPatients {
  const next = publicUniform(2);
  const width = featureCount(spec);
  const features = new Float32Array(count * width);
  for (let i = 0; i < features.length; i++) features[i] = 2 * next() - 1;
  return {
    featureCount: width,
    features,
    labels: labelsOf(spec.loss, count),
    recordStart: Int32Array.from({ length: count + 1 }, (_, i) => i),
    parts: new Uint8Array(count),
  };
}

/** Classes in turn; for a discriminator, whose labels from `classes` on are of made records, real and made in turn. */
export function labelsOf(loss: LossSpec, count: number): Int32Array<ArrayBuffer> {
  const labels = Int32Array.from({ length: count }, (_, i) => i);
  switch (loss.kind) {
    case "sigmoid-cross-entropy":
      return labels.map((i) => i % 2);
    case "acgan":
      return labels.map((i) => (i % 2) * loss.classes + (Math.floor(i / 2) % loss.classes));
    default:
      return labels.map((i) => i % loss.classes);
  }
}
