import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { coarseStep, gridOf, plainGridOf } from "@consilium/shared/contribution/grid";
import { unpackInto } from "@consilium/shared/contribution/pack";
import { initialParameters, publicUniform } from "@consilium/shared/model/initial";
import { modelBytes, modelDigest } from "@consilium/shared/model/modelDigest";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { parameterCount } from "@consilium/shared/model/spec";
import { RoundKey } from "@consilium/shared/protocol/messages";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { ClippingNorm, Epsilon, SamplingRate } from "@consilium/shared/units/privacy";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writePrepared, writeSanitized } from "../contract/preparedFile.ts";
import { asSanitized, PART_CODE, type PreparedPatients } from "../contract/preparedPatients.ts";
import { NoiseStore } from "../noise/noiseStore.ts";
import { Engine } from "./engine.ts";
import type { EngineReply, EngineRequest } from "./message.ts";
import { EngineSettings } from "./settings.ts";

const FEATURES = 3;
const PATIENTS = 40;
const NORM = 0.5;
const spec = modelSpecOf({ preset: "logistic" }, FEATURES, 2);
const dimension = parameterCount(spec);
const plain = plainGridOf(dimension, NORM, PATIENTS, 3);
const key = (round: number, purpose: RoundKey["purpose"] = "train") =>
  RoundKey.parse({ study: "heart", purpose, round, attempt: 1 });
/** Noise is never asked for. */
const noNoise = new URL("data:text/javascript,process.exit(1)");

let folder = "";
let engine: Engine;
const at = (name: string): string => join(folder, name);

/** Original and sanitized patients differ in every number; the originals' labels are the other way round. */
function patientsOf(seed: number, train: boolean): PreparedPatients {
  const next = publicUniform(seed);
  const part = train ? () => PART_CODE.train : (i: number) => i % 3;
  return {
    featureCount: FEATURES,
    features: Float32Array.from({ length: PATIENTS * FEATURES }, () => next() * 2 - 1),
    labels: Int32Array.from({ length: PATIENTS }, (_, i) => (train ? i % 2 : 1 - (i % 2))),
    recordStart: Int32Array.from({ length: PATIENTS + 1 }, (_, i) => i),
    parts: Uint8Array.from({ length: PATIENTS }, (_, i) => part(i)),
  };
}
const sanitized = patientsOf(2, true);

type Open = Extract<EngineRequest, { type: "open" }>;
const open = (patients: Open["patients"], grid: Open["grid"]): EngineRequest => ({
  ...{ type: "open", study: key(1).study, spec, grid, classes: 2, expectedBatch: PATIENTS, patients },
  ...{ clipping: { mode: "flat" }, clippingNorm: ClippingNorm.parse(NORM), samplingRate: SamplingRate.parse(1) },
});
const named = (path: string, clean: string) => ({ source: "sanitized" as const, path: at(path), sanitized: at(clean) });

const refused = (code: string) => ({ type: "failed", refusal: { code } });

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-sanitized-"));
  const noise = new NoiseStore(operatingSystemRandom, noNoise);
  const settings = EngineSettings.parse({});
  engine = new Engine({
    ...{ backend: await startBackend("wasm"), random: operatingSystemRandom, noise, workers: null, settings },
  });
  writePrepared(at("original"), patientsOf(1, false));
  writeSanitized(at("sanitized"), asSanitized(sanitized));
  await writeFile(at("model"), modelBytes(initialParameters(spec, 3)));
});
afterAll(() => rm(folder, { recursive: true }));

async function opened(): Promise<void> {
  expect(await engine.handle(open(named("original", "sanitized"), plain))).toMatchObject({ type: "opened" });
  const digest = modelDigest(initialParameters(spec, 3));
  const load: EngineRequest = { type: "load-model", study: key(1).study, path: at("model"), digest };
  expect(await engine.handle(load)).toEqual({ type: "done" });
}

async function sumIn(path: string): Promise<number[]> {
  const values = new Int32Array(dimension);
  unpackInto(values, plain.bits, await readFile(path));
  return [...values].map((value) => value * coarseStep(plain));
}

/** Logistic regression's clipped gradients of the cross-entropy over two classes, patient by patient, in float64. */
function slowSum(parameters: ArrayLike<number>): number[] {
  const sum = new Array<number>(dimension).fill(0);
  for (let patient = 0; patient < PATIENTS; patient++) {
    const x = [...sanitized.features.subarray(patient * FEATURES, (patient + 1) * FEATURES)];
    const gradient = gradientOf(parameters, x, sanitized.labels[patient] ?? 0);
    const keep = Math.min(1, NORM / Math.hypot(...gradient));
    gradient.forEach((value, i) => {
      sum[i] = (sum[i] ?? 0) + keep * value;
    });
  }
  return sum;
}

/** Kernel [features, outputs] row by row, then the biases: one output of two classes is a sigmoid's. */
function gradientOf(parameters: ArrayLike<number>, x: readonly number[], label: number): number[] {
  const outputs = dimension / (FEATURES + 1);
  const logits = Array.from({ length: outputs }, (_, o) =>
    x.reduce(
      (sum, value, i) => sum + value * (parameters[i * outputs + o] ?? 0),
      parameters[FEATURES * outputs + o] ?? 0,
    ),
  );
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
  const delta =
    outputs === 1
      ? [1 / (1 + Math.exp(-(logits[0] ?? 0))) - label]
      : logits.map((logit, o) => Math.exp(logit) / total - (o === label ? 1 : 0));
  return [...x.flatMap((value) => delta.map((d) => d * value)), ...delta];
}

describe("[SAN16] steps read sanitized patients alone, and add nothing to their sum", () => {
  test("the sum is the sanitized patients' own, clipped, to the grid; the event costs nothing", async () => {
    await opened();
    expect(await engine.handle({ type: "prepare-noise", key: key(1) })).toEqual({ type: "done" });
    const reply = await engine.handle({ type: "step", key: key(1), path: at("1") });
    expect(reply).toMatchObject({
      type: "written",
      events: [{ kind: "post-processing", adjacency: "add-remove", count: 1 }],
    });
    const slow = slowSum(initialParameters(spec, 3));
    (await sumIn(at("1"))).forEach((value, i) => {
      expect(Math.abs(value - (slow[i] ?? 0))).toBeLessThan(2e-5);
    });
    expect(Math.hypot(...slow)).toBeGreaterThan(0.5);
  });

  test("local steps are each made at the site's own model", async () => {
    await opened();
    const local = { steps: 3, learningRate: 0.3, proximal: 0, expectedBatch: PATIENTS };
    const reply: EngineReply = await engine.handle({ type: "step", key: key(2), path: at("2"), local });
    expect(reply).toMatchObject({ type: "written", events: [{ kind: "post-processing", count: 3 }] });
    const model = Float64Array.from(initialParameters(spec, 3));
    const total = new Array<number>(dimension).fill(0);
    for (let step = 0; step < local.steps; step++) {
      slowSum(model).forEach((value, i) => {
        total[i] = (total[i] ?? 0) + value;
        model[i] = (model[i] ?? 0) - (local.learningRate * value) / PATIENTS;
      });
    }
    (await sumIn(at("2"))).forEach((value, i) => {
      expect(Math.abs(value - (total[i] ?? 0))).toBeLessThan(1e-4);
    });
  });

  test("metrics are of the original patients, noised and charged", async () => {
    await opened();
    const what = { purpose: "evaluate" as const, epsilon: Epsilon.parse(20), bins: 4 };
    const reply = await engine.handle({ type: "score", key: key(3, "evaluate"), path: at("3"), what });
    expect(reply).toMatchObject({ type: "written", events: [{ kind: "discrete-laplace" }] });
    const { histogram } = JSON.parse(await readFile(at("3"), "utf8"));
    // All 40 sanitized patients are of the train part; 13 of the original ones are of the validation part.
    expect(histogram.counts.flat().reduce((sum: number, count: number) => sum + count, 0)).toBeCloseTo(13, -0.5);
  });

  test("original patients are never summed without noise: neither their file nor a plain grid will do", async () => {
    const noised = gridOf(dimension, NORM, 2, PATIENTS);
    const original = { source: "prepared" as const, path: at("original") };
    expect(await engine.handle(open(named("original", "original"), plain))).toMatchObject(
      refused("data/prepared-file-damaged"),
    );
    expect(await engine.handle(open(original, plain))).toMatchObject(refused("engine/unfit"));
    expect(await engine.handle(open(named("original", "sanitized"), noised))).toMatchObject(refused("engine/unfit"));
    expect(await engine.handle(open({ source: "prepared", path: at("sanitized") }, noised))).toMatchObject(
      refused("data/prepared-file-damaged"),
    );
  });
});
