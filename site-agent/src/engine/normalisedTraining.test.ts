import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { coarseStep, gridOf } from "@consilium/shared/contribution/grid";
import { unpackInto } from "@consilium/shared/contribution/pack";
import { initialParameters, publicUniform } from "@consilium/shared/model/initial";
import { modelBytes, modelDigest } from "@consilium/shared/model/modelDigest";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { parameterCount } from "@consilium/shared/model/spec";
import {
  applyScales,
  type FeatureScale,
  featureScales,
  type Normalised,
  normalisationOf,
} from "@consilium/shared/normalisation/columnScales";
import { NormaliseContribution } from "@consilium/shared/normalisation/contribution";
import { NormalisationRule, normalisedColumns } from "@consilium/shared/normalisation/rule";
import { applyUpdate, initialState } from "@consilium/shared/optimizer/applyUpdate";
import { RoundKey } from "@consilium/shared/protocol/messages";
import { aesCtrStream } from "@consilium/shared/random/aesCtrStream";
import { Optimizer } from "@consilium/shared/study/document";
import { SiteName, StudyName } from "@consilium/shared/units/identity";
import { ClippingNorm, SamplingRate } from "@consilium/shared/units/privacy";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writePrepared } from "../contract/preparedFile.ts";
import { PART_CODE, type PreparedPatients } from "../contract/preparedPatients.ts";
import { NoiseStore } from "../noise/noiseStore.ts";
import { Engine } from "./engine.ts";
import { EngineSettings } from "./settings.ts";

const SITES = ["aachen", "basel"].map((name) => SiteName.parse(name));
const PATIENTS = 800;
const WIDTH = 2;
const ROUNDS = 40;
const study = StudyName.parse("sepsis");
const spec = modelSpecOf({ preset: "logistic" }, WIDTH, 2);
const grid = gridOf(parameterCount(spec), 1, 2, 0.1 * PATIENTS);
const samplingRate = SamplingRate.parse(0.1);
const optimizer = Optimizer.parse({ name: "sgd", learningRate: 1, momentum: 0.5 });
const rule = NormalisationRule.parse({ by: "quantiles", noiseMultiplier: 4, bins: 200 });
const column = (name: string) => ({ name, type: "number" as const, min: 0, max: 1000, missing: "refuse" as const });
const normalised: Normalised = {
  data: { columns: [column("lactate"), column("crp")] },
  normalisation: rule,
  sites: SITES.map((name) => ({ name, patients: PATIENTS })),
};
const key = (purpose: RoundKey["purpose"], round: number) => RoundKey.parse({ study, purpose, round, attempt: 1 });

/** Both columns lie in the lowest twentieth of their range, where sick and healthy differ by their difference. */
function somePatients(seed: number): PreparedPatients {
  const next = publicUniform(seed);
  const labels = Int32Array.from({ length: PATIENTS }, () => (next() < 0.5 ? 0 : 1));
  const features = new Float32Array(PATIENTS * WIDTH);
  labels.forEach((label, patient) => {
    const [common, own] = [0.05 * next(), 0.05 * (next() - 0.5)];
    const apart = label === 1 ? 0.02 : -0.02;
    features[WIDTH * patient] = -0.95 + common + apart;
    features[WIDTH * patient + 1] = -0.95 + common - apart + own;
  });
  return {
    ...{ featureCount: WIDTH, features, labels },
    recordStart: Int32Array.from({ length: PATIENTS + 1 }, (_, i) => i),
    parts: new Uint8Array(PATIENTS).fill(PART_CODE.train),
  };
}

let folder: string;
const at = (name: string) => join(folder, name);
let engines: readonly Engine[];
const noise: NoiseStore[] = [];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-normalised-"));
  const backend = await startBackend("wasm");
  engines = SITES.map((site, index) => {
    writePrepared(at(site), somePatients(index + 1));
    const seed = new Uint8Array(32).fill(index + 1);
    const random = aesCtrStream({ origin: "operating-system", bytes: (count) => seed.slice(0, count) });
    const store = new NoiseStore(random);
    noise.push(store);
    return new Engine({ backend, random, noise: store, workers: null, settings: EngineSettings.parse({}) });
  });
});
afterAll(async () => {
  for (const store of noise) await store.stop();
  await rm(folder, { recursive: true });
});

async function open(scales?: readonly FeatureScale[]): Promise<void> {
  for (const [index, engine] of engines.entries()) {
    const path = at(SITES[index] ?? "");
    const opened = await engine.handle({
      ...{ type: "open", study, spec, grid, classes: 2, expectedBatch: 0.1 * PATIENTS },
      ...{ clipping: { mode: "flat" }, clippingNorm: ClippingNorm.parse(1), samplingRate },
      patients: { source: "prepared", path },
      ...(scales === undefined ? {} : { scales: [...scales] }),
    });
    expect(opened.type).toBe("opened");
  }
}

/** What the noised statistics of both sites come to. */
async function learnScales(): Promise<readonly FeatureScale[]> {
  const places = normalisedColumns(rule, normalised.data).map(({ place }) => place);
  const total = new Array<number>(WIDTH * 200).fill(0);
  for (const engine of engines) {
    const reply = await engine.handle({ type: "normalise", key: key("normalise", 0), path: at("sums"), rule, places });
    expect(reply).toMatchObject({ type: "written", events: [{ samplingRate: 1, noiseMultiplier: 4, count: 1 }] });
    const { sums } = NormaliseContribution.parse(JSON.parse(await readFile(at("sums"), "utf8")));
    for (const [index, sum] of sums.entries()) total[index] = (total[index] ?? 0) + sum;
  }
  const { scales } = normalisationOf(normalised, SITES, total);
  expect(scales.map(({ from }) => from)).toEqual(["statistics", "statistics"]);
  return featureScales(normalised, scales);
}

/** Private steps with their full noise; the accuracy on patients that no site holds. */
async function train(scales: readonly FeatureScale[]): Promise<number> {
  const parameters = initialParameters(spec, 3);
  let state = initialState(optimizer, parameters.length);
  for (let round = 1; round <= ROUNDS; round++) {
    await writeFile(at("model"), modelBytes(parameters));
    const sum = new Int32Array(grid.dimension);
    for (const engine of engines) {
      await engine.handle({ type: "load-model", study, path: at("model"), digest: modelDigest(parameters) });
      const reply = await engine.handle({ type: "step", key: key("train", round), path: at("step") });
      expect(reply.type).toBe("written");
      unpackInto(sum, grid.bits, await readFile(at("step")));
    }
    state = applyUpdate(optimizer, state, parameters, sum, coarseStep(grid), 0.1 * PATIENTS * SITES.length);
  }
  const held = somePatients(99);
  applyScales(held.features, WIDTH, scales);
  const [first = 0, second = 0, bias = 0] = parameters;
  const right = held.labels.filter((label, patient) => {
    const [a = 0, b = 0] = held.features.subarray(WIDTH * patient, WIDTH * patient + WIDTH);
    return first * a + second * b + bias > 0 === (label === 1);
  });
  return right.length / PATIENTS;
}

test("[NOR6] columns whose public range is far too wide are learnt from once they are normalised", async () => {
  await open();
  const before = await train([]);
  const scales = await learnScales();
  await open(scales);
  const after = await train(scales);
  expect(before).toBeLessThan(0.75);
  expect(after).toBeGreaterThan(0.85);
  const refused = await engines[0]?.handle({
    ...{ type: "normalise", key: key("normalise", 0), path: at("sums"), rule, places: [0, 1] },
  });
  expect(refused).toMatchObject({ type: "failed", refusal: { code: "engine/not-normalised" } });
}, 60_000);
