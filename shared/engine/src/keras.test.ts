import { readFileSync } from "node:fs";
import { readKeras } from "@consilium/shared/model/keras";
import { ModelSpec } from "@consilium/shared/model/spec";
import { kerasNames } from "@consilium/shared/model/weightNames";
import { readWeights } from "@consilium/shared/model/weights";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { startBackend } from "./backend.ts";
import { forward, outputOf } from "./forward.ts";
import { loadNetwork } from "./network.ts";

beforeAll(async () => {
  await startBackend("wasm");
});

const Vectors = z.strictObject({
  source: z.string(),
  cases: z.array(z.strictObject({ model: z.string(), output: z.array(z.number()) })),
});
const folder = new URL("../../../test/vectors/", import.meta.url);
const read = (file: string): Buffer => readFileSync(new URL(file, folder));
const vectors = Vectors.parse(JSON.parse(read("keras.json").toString()));

/** As the vectors' script has it: numbers in [−1, 1), or codes from 0 to 4. */
function formula(count: number, isCodes: boolean): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    const unit = (Math.imul(i, 2654435761) >>> 0) / 2 ** 31 - 1;
    return isCodes ? Math.floor((unit + 1) * 2.5) : unit;
  });
}

describe(`[ENG17] models brought from Keras answer as there, against ${vectors.source}`, () => {
  test.each(vectors.cases)("$model", ({ model, output }) => {
    const { input, layers, outputs, naming } = readKeras(read(`keras-${model}.json`).toString(), { hasWeights: true });
    const loss =
      outputs === 1
        ? ({ kind: "sigmoid-cross-entropy" } as const)
        : ({ kind: "softmax-cross-entropy", classes: outputs } as const);
    const spec = ModelSpec.parse({ input, layers, loss });
    const weights = readWeights(spec, read(`keras-${model}.safetensors`), { names: kerasNames(naming), seed: 1 });
    const network = loadNetwork(spec, weights.parameters, weights.frozen);
    const record = formula(
      input.reduce((product, length) => product * length, 1),
      model === "codes",
    );
    const answered = tf.tidy(() => {
      const logits = outputOf(forward(network, tf.tensor2d(record, [1, record.length])));
      return (outputs === 1 ? tf.sigmoid(logits) : tf.softmax(logits)).dataSync();
    });
    network.dispose();
    expect(answered).toHaveLength(output.length);
    for (const [i, value] of output.entries()) expect(Math.abs(value - (answered[i] ?? Number.NaN))).toBeLessThan(1e-5);
  });
});
