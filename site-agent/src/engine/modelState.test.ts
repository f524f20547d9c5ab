import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { predictWith } from "@consilium/engine/predict";
import { aggregateBits, coarseStep, gridOf } from "@consilium/shared/contribution/grid";
import { packIntegers } from "@consilium/shared/contribution/pack";
import { digestOf } from "@consilium/shared/encoding/digest";
import { modelBytes, modelDigest } from "@consilium/shared/model/modelDigest";
import { ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import { studyWeights } from "@consilium/shared/model/studyWeights";
import { applyUpdate, initialState } from "@consilium/shared/optimizer/applyUpdate";
import { Optimizer } from "@consilium/shared/study/document";
import { SiteName, StudyName } from "@consilium/shared/units/identity";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ModelState } from "./modelState.ts";

const spec = ModelSpec.parse({
  input: [2],
  layers: [
    { kind: "scale", name: "norm", frozen: true },
    { kind: "dense", name: "head", outputs: 1, activation: "linear" },
  ],
  loss: { kind: "sigmoid-cross-entropy" },
});
const grid = gridOf(parameterCount(spec), 1, 2, 10);
const source = { file: "norm.safetensors", digest: digestOf("norm") };
const { named, bytes } = studyWeights(
  { parameters: new Float32Array([1, -2, 0.5]), frozen: new Float32Array([3, 4, -1, 1]) },
  { source, fresh: [] },
);

let folder: string;
let path: string;
beforeAll(async () => {
  await startBackend();
  folder = await mkdtemp(join(tmpdir(), "consilium-state-"));
  path = join(folder, "weights");
});
afterAll(() => rm(folder, { recursive: true }));

/** σ(w·(x·scale + shift) + b), by hand. */
function probability(weights: readonly [number, number, number]): number {
  const hidden = [0.25 * 3 - 1, 0.5 * 4 + 1] as const;
  const logit = weights[0] * hidden[0] + weights[1] * hidden[1] + weights[2];
  return 1 / (1 + Math.exp(-logit));
}

function answer(state: ModelState): number {
  return predictWith(state.network(), new Float32Array([0.25, 0.5]))[1] ?? Number.NaN;
}

describe("[STU41] the engine computes with a study's frozen parameters", () => {
  test("from its weights file, and still with every later model", async () => {
    await writeFile(path, bytes);
    const state = new ModelState(spec, grid);
    await state.begin({ path, weights: named, seed: 0 });
    expect(answer(state)).toBeCloseTo(probability([1, -2, 0.5]), 5);
    const later = new Float32Array([0.5, 0.25, -1]);
    const model = join(folder, "model");
    await writeFile(model, modelBytes(later));
    await state.load(model, modelDigest(later));
    expect(answer(state)).toBeCloseTo(probability([0.5, 0.25, -1]), 5);
    state.dispose();
  });

  test("an altered file is refused, and no model is held", async () => {
    await writeFile(path, bytes.with(13, 7));
    const state = new ModelState(spec, grid);
    await expect(state.begin({ path, weights: named, seed: 0 })).rejects.toThrow("its bytes are not those");
    expect(() => state.network()).toThrow("holds no model");
  });
});

describe("[HED2] a model with a head for each site", () => {
  const heads = { network: 3, offset: 0, size: 3, sites: 2 };
  const plain = ModelSpec.parse({ ...spec, layers: spec.layers.slice(1) });
  const numbers = Float32Array.of(1, -2, 0.5, 4, 5, 6, -7, -8, -9);

  test("answers by the site's own head, and replays all of it to the announced bits", async () => {
    const own = gridOf(heads.network, 1, 2, 10);
    const state = new ModelState(plain, own, { sites: 2, own: 1 });
    const file = join(folder, "headed");
    await writeFile(file, modelBytes(numbers));
    await state.load(file, modelDigest(numbers));
    expect([...state.parameters]).toEqual([-7, -8, -9]);
    const aggregate = Int32Array.of(3, -4, 5, 1, 2, 3, -6, 7, 8);
    const sites = ["a", "b"].map((name) => SiteName.parse(name));
    const bits = aggregateBits(own.bits, 2);
    const packed = packIntegers(aggregate, bits);
    await writeFile(join(folder, "aggregate"), packed);
    const optimizer = Optimizer.parse({ name: "sgd", learningRate: 0.5, momentum: 0.9 });
    const next = numbers.slice();
    for (const [from, divisor] of [
      [0, 30],
      [3, 20],
      [6, 10],
    ] as const) {
      const part = next.subarray(from, from + 3);
      applyUpdate(
        optimizer,
        initialState(optimizer, 3),
        part,
        aggregate.subarray(from, from + 3),
        coarseStep(own),
        divisor,
      );
    }
    const update = {
      ...{ from: modelDigest(numbers), step: 0, contributors: sites },
      aggregate: { digest: digestOf(packed), bytes: packed.length },
    };
    const request = {
      ...{ type: "advance-model" as const, study: StudyName.parse("heads"), update, path: join(folder, "aggregate") },
      ...{ stretches: [30, 20, 10].map((divisor) => ({ values: 3, divisor })), summands: 2, optimizer },
    };
    expect(() => state.advance({ ...request, to: modelDigest(numbers) })).toThrow("came to another model");
    state.advance({ ...request, to: modelDigest(next) });
    expect(state.parameters).toEqual(next.slice(6));
    await expect(state.load(file, modelDigest(numbers.slice(0, 3)))).rejects.toThrow("another model");
    state.dispose();
  });
});
