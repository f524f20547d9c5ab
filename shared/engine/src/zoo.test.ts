import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { initialParameters } from "@consilium/shared/model/initial";
import type { ModelSpec } from "@consilium/shared/model/spec";
import { EFFICIENTNET_LITE_NAMES, pytorchNames, SQUEEZENET_NAMES } from "@consilium/shared/model/weightNames";
import { readWeights, type WeightsWanted } from "@consilium/shared/model/weights";
import { acganDiscriminator } from "@consilium/shared/model/zoo/acganDiscriminator";
import { efficientnetLite0 } from "@consilium/shared/model/zoo/efficientnetLite0";
import { resnet18 } from "@consilium/shared/model/zoo/resnet18";
import { resnet20 } from "@consilium/shared/model/zoo/resnet20";
import { squeezenet } from "@consilium/shared/model/zoo/squeezenet";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { startBackend } from "./backend.ts";
import { forward } from "./forward.ts";
import { loadNetwork } from "./network.ts";
import { predict } from "./predict.ts";

beforeAll(async () => {
  await startBackend("wasm");
});

const Case = z.strictObject({
  network: z.string(),
  input: z.tuple([z.number(), z.number(), z.number()]),
  output: z.array(z.number()),
});
const Vectors = z.strictObject({
  source: z.string(),
  cases: z.array(Case),
  real: z.array(z.strictObject({ ...Case.shape, file: z.string() })),
});
const folder = new URL("../../../test/vectors/", import.meta.url);
const vectors = Vectors.parse(JSON.parse(readFileSync(new URL("zoo.json", folder), "utf8")));

type Input = [number, number, number];
const wanted = (names: WeightsWanted["names"], ...fresh: string[]): WeightsWanted => ({ names, fresh, seed: 1 });

/** The same networks with few channels, as the vectors' script builds them; and whole. */
const REDUCED: Readonly<Record<string, (input: Input) => [ModelSpec, WeightsWanted]>> = {
  resnet18: (input) => [
    resnet18({ input, classes: 3, norm: "frozen-batch", trains: "head", width: 4 }),
    wanted(pytorchNames()),
  ],
  "resnet18-small": (input) => [
    resnet18({ input, classes: 3, norm: "frozen-batch", trains: "last-block", width: 4 }),
    wanted(pytorchNames()),
  ],
  resnet20: (input) => [
    resnet20({ input, classes: 10, norm: "frozen-batch", trains: "full", width: 4 }),
    wanted(pytorchNames()),
  ],
  squeezenet: (input) => [
    squeezenet({ input, classes: 5, trains: "last-block", narrowing: 8 }),
    wanted(SQUEEZENET_NAMES),
  ],
};
const WHOLE: typeof REDUCED = {
  resnet20: (input) => [resnet20({ input, classes: 10, norm: "frozen-batch", trains: "head" }), wanted(pytorchNames())],
  squeezenet: (input) => [squeezenet({ input, classes: 2, trains: "last-block" }), wanted(SQUEEZENET_NAMES, "conv10")],
  "efficientnet-lite0": (input) => [
    efficientnetLite0({ input, classes: 1000, norm: "frozen-batch", trains: "head" }),
    wanted(EFFICIENTNET_LITE_NAMES),
  ],
};

/** Layers that the vectors hold: the real SqueezeNet comes without its head. */
const FEATURES: Readonly<Record<string, string>> = {
  squeezenet: "fire9",
  resnet20: "linear",
  "efficientnet-lite0": "fc",
};

/** Knuth's multiplicative hash of the flat index, in [−1, 1). */
function formula(count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => (Math.imul(i, 2654435761) >>> 0) / 2 ** 31 - 1);
}

/** What comes out of the named layer, averaged over its positions. */
function answer([spec, wantedWeights]: [ModelSpec, WeightsWanted], file: Uint8Array, layer: string): Float32Array {
  const { parameters, frozen } = readWeights(spec, file, wantedWeights);
  const network = loadNetwork(spec, parameters, frozen);
  try {
    const image = formula(spec.input.reduce((product, length) => product * length, 1));
    const output = tf.tidy(() => {
      const { results } = forward(network, tf.tensor2d(image, [1, image.length]));
      const found = results[spec.layers.findIndex(({ name }) => name === layer)]?.output;
      if (found === undefined) throw new Error(`there is no layer ${layer}`);
      const channels = found.shape.at(-1) ?? 1;
      return tf.mean(tf.reshape(found, [found.size / channels, channels]), 0);
    });
    const values = Float32Array.from(output.dataSync());
    output.dispose();
    return values;
  } finally {
    network.dispose();
  }
}

function expectSame(answered: Float32Array, expected: readonly number[]): void {
  expect(answered).toHaveLength(expected.length);
  const most = Math.max(...expected.map(Math.abs));
  const apart = expected.map((value, i) => Math.abs(value - (answered[i] ?? Number.NaN)) / most);
  expect(Math.max(...apart)).toBeLessThan(1e-4);
}

describe(`[ENG15] networks answer as elsewhere with the same weights, against ${vectors.source}`, () => {
  test.each(vectors.cases)("$network $input", ({ network, input, output }) => {
    const built = REDUCED[network]?.(input);
    if (built === undefined) throw new Error(`${network} is not in the zoo`);
    const file = readFileSync(new URL(`zoo-${network}.safetensors`, folder));
    expectSame(answer(built, file, built[0].layers.at(-1)?.name ?? ""), output);
  });
});

/** The weights that the world has are too large for the repository: CONSILIUM_WEIGHTS names a folder with them. */
const weights = process.env.CONSILIUM_WEIGHTS;
const files = weights === undefined ? [] : readdirSync(weights, { recursive: true, encoding: "utf8" });
const real = vectors.real.flatMap((one) => {
  const path = files.find((file) => file.endsWith(one.file));
  return path === undefined ? [] : [{ ...one, path: join(weights ?? "", path) }];
});

describe.each(real)("[ENG15] real weights of $network", ({ network, input, output, path }) => {
  test("answer as elsewhere", () => {
    const built = WHOLE[network]?.(input);
    if (built === undefined) throw new Error(`${network} is not in the zoo`);
    expectSame(answer(built, readFileSync(path), FEATURES[network] ?? ""), output);
  });
});

test("[ENG15] of a discriminator's two heads a prediction is the class alone", () => {
  const spec = acganDiscriminator(2);
  const parameters = initialParameters(spec, 5);
  const records = formula(2 * 36);
  const probabilities = predict(spec, { parameters, frozen: new Float32Array(0) }, records);
  const network = loadNetwork(spec, parameters);
  const logits = tf.tidy(() =>
    forward(network, tf.tensor2d(records, [2, 36]))
      .results.at(-1)
      ?.output.dataSync(),
  );
  network.dispose();
  expect(logits).toHaveLength(6);
  for (const record of [0, 1]) {
    const [first = 0, second = 0] = [logits?.[3 * record + 1], logits?.[3 * record + 2]];
    expect(probabilities[2 * record + 1]).toBeCloseTo(1 / (1 + Math.exp(first - second)), 6);
    expect((probabilities[2 * record] ?? 0) + (probabilities[2 * record + 1] ?? 0)).toBeCloseTo(1, 6);
  }
});
