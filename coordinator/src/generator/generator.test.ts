import { startBackend } from "@consilium/engine/backend";
import { forward, outputOf } from "@consilium/engine/forward";
import { loadNetwork } from "@consilium/engine/network";
import { predictWith } from "@consilium/engine/predict";
import { noiseFor } from "@consilium/shared/generator/made";
import { generate, initialGenerator, jointSpec } from "@consilium/shared/generator/network";
import { GeneratorRule } from "@consilium/shared/generator/rule";
import { initialParameters } from "@consilium/shared/model/initial";
import type { ModelSpec } from "@consilium/shared/model/spec";
import { acganDiscriminator, acganOfTable } from "@consilium/shared/model/zoo/acganDiscriminator";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { adamAtStart, adamStep } from "./adam.ts";
import { clippedGradientSum } from "./meanGradient.ts";

beforeAll(async () => {
  await startBackend("wasm");
});

const rule = GeneratorRule.parse({
  ...{ latent: 3, hidden: [6], keepEvery: 10, best: 2, epsilon: 0.2, records: 50, seed: 9 },
});

/** Short, so that few units cross their kink; float32 tells differences so far. */
const STEP = 2e-3;

/** Loss of one record by its definition: real or made, and which class (Odena et al. 2017, eq. 1 and 2). */
function lossOf(logits: ArrayLike<number>, label: number, classes: number): number {
  const isMade = label >= classes;
  const real = logits[0] ?? 0;
  const scores = Array.from({ length: classes }, (_, c) => Math.exp(logits[1 + c] ?? 0));
  const all = scores.reduce((sum, score) => sum + score, 0);
  return Math.log1p(Math.exp(isMade ? real : -real)) - Math.log((scores[label % classes] ?? 0) / all);
}

function meanLoss(
  spec: ModelSpec,
  numbers: readonly [Float32Array, Float32Array?],
  input: Float32Array,
  labels: Uint8Array,
) {
  const network = loadNetwork(spec, ...numbers);
  const width = input.length / labels.length;
  const logits = tf.tidy(() =>
    outputOf(forward(network, tf.tensor2d(input, [labels.length, width])))
      .dataSync()
      .slice(),
  );
  network.dispose();
  const outputs = logits.length / labels.length;
  const of = (record: number): number =>
    lossOf(logits.subarray(record * outputs, (record + 1) * outputs), labels[record] ?? 0, outputs - 1);
  return Array.from(labels, (_, record) => of(record)).reduce((sum, loss) => sum + loss, 0);
}

describe("[GEN10] gradients of made records, against differences of the loss", () => {
  const discriminator = acganOfTable([4], [5], 2);
  const own = initialParameters(discriminator, 3);
  const joint = jointSpec(rule, discriminator);
  const parameters = initialGenerator(rule, discriminator);
  const { input, labels } = noiseFor(rule, 2, 7, { use: "step", round: 1 });

  function check(
    spec: ModelSpec,
    numbers: readonly [Float32Array, Float32Array?],
    records: Float32Array,
    classes: Uint8Array,
  ): void {
    const network = loadNetwork(spec, ...numbers);
    const found = clippedGradientSum(network, { input: records, labels: classes }, Number.POSITIVE_INFINITY);
    network.dispose();
    const [at, frozen] = numbers;
    for (let i = 0; i < at.length; i += 3) {
      const near = (by: number): Float32Array => at.map((value, j) => (j === i ? value + by : value));
      const moved = (by: number): number =>
        meanLoss(spec, frozen === undefined ? [near(by)] : [near(by), frozen], records, classes);
      expect(found[i]).toBeCloseTo((moved(STEP) - moved(-STEP)) / (2 * STEP), 1);
    }
  }

  test("the discriminator's, for records that are made", () => {
    const made = generate(rule, 4, parameters, input, 7);
    check(
      discriminator,
      [own],
      made,
      labels.map((label) => 2 + label),
    );
  });

  test("the generator's, through a discriminator that is frozen", () => {
    check(joint, [parameters, own], input, labels);
  });

  test("each record's is clipped by itself", () => {
    const made = generate(rule, 4, parameters, input, 7);
    const network = loadNetwork(discriminator, own);
    const of = (from: number, to: number, norm: number) =>
      clippedGradientSum(network, { input: made.subarray(4 * from, 4 * to), labels: labels.subarray(from, to) }, norm);
    const norm = 0.05;
    const alone = Array.from(labels, (_, i) => of(i, i + 1, Number.POSITIVE_INFINITY));
    const slow = new Float64Array(own.length);
    for (const gradient of alone) {
      const length = Math.hypot(...gradient);
      expect(length).toBeGreaterThan(norm);
      gradient.forEach((value, i) => {
        slow[i] = (slow[i] ?? 0) + (value * norm) / length;
      });
    }
    of(0, 7, norm).forEach((value, i) => {
      expect(value).toBeCloseTo(slow[i] ?? 0, 6);
    });
    network.dispose();
  });

  test("a convolutional discriminator with dropout has them too, the same for the same masks", () => {
    const spec = acganDiscriminator(2, [3, 4, 1]);
    const network = loadNetwork(spec, initialParameters(spec, 1));
    const made = Float32Array.from({ length: 24 }, (_, i) => Math.sin(i));
    const records = { input: made, labels: Uint8Array.from([2, 3]) };
    const masked = (): Float64Array => {
      let state = 1;
      const next = (): number => {
        state = (state * 16_807) % 2_147_483_647;
        return state / 2_147_483_647;
      };
      return clippedGradientSum(network, records, 1, next);
    };
    const found = masked();
    expect(Buffer.compare(bytesOf(found), bytesOf(masked()))).toBe(0);
    expect(Math.sqrt(found.reduce((sum, value) => sum + value ** 2, 0))).toBeLessThanOrEqual(2 + 1e-6);
    expect(Buffer.compare(bytesOf(found), bytesOf(clippedGradientSum(network, records, 1)))).not.toBe(0);
    network.dispose();
  });
});

function bytesOf(numbers: Float64Array): Uint8Array {
  return new Uint8Array(numbers.buffer);
}

describe("[GEN11] a generator makes the same records on every machine", () => {
  test("as the network says, in one order of sums", () => {
    const discriminator = acganOfTable([4], [5], 2);
    const parameters = initialGenerator(rule, discriminator);
    const { input } = noiseFor(rule, 2, 9, { use: "release", round: 1 });
    const spec: ModelSpec = {
      input: [5],
      layers: [
        { kind: "dense", name: "d1", outputs: 6, activation: "relu" },
        { kind: "dense", name: "d2", outputs: 4, activation: "tanh" },
      ],
      loss: { kind: "softmax-cross-entropy", classes: 4 },
    };
    const network = loadNetwork(spec, parameters);
    const ours = generate(rule, 4, parameters, input, 9);
    const theirs = tf.tidy(() =>
      outputOf(forward(network, tf.tensor2d(input, [9, 5])))
        .dataSync()
        .slice(),
    );
    ours.forEach((value, i) => {
      expect(value).toBeCloseTo(theirs[i] ?? Number.NaN, 5);
    });
    expect(predictWith(network, input)).toHaveLength(36);
    network.dispose();
  });
});

describe("[GEN12] Adam, against its algorithm by hand", () => {
  test("two steps on two numbers", () => {
    const first = adamStep(Float32Array.of(1, -1), [0.5, -2], adamAtStart(2), 0.1);
    // A first step is as long as the rate, whatever the gradient's length.
    expect(first.parameters[0]).toBeCloseTo(0.9, 6);
    expect(first.parameters[1]).toBeCloseTo(-0.9, 6);
    const { parameters, memory } = adamStep(first.parameters, [0.5, 0], first.memory, 0.1);
    const m = (0.5 * 0.5 * 0.5 + 0.5 * 0.5) / (1 - 0.25);
    const v = (0.999 * 0.001 * 0.25 + 0.001 * 0.25) / (1 - 0.999 ** 2);
    expect(parameters[0]).toBeCloseTo(0.9 - (0.1 * m) / Math.sqrt(v), 5);
    expect(memory.step).toBe(2);
  });
});
