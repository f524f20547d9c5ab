import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startBackend } from "@consilium/engine/backend";
import { gridOf } from "@consilium/shared/contribution/grid";
import { initialParameters } from "@consilium/shared/model/initial";
import { modelBytes, modelDigest } from "@consilium/shared/model/modelDigest";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { parameterCount } from "@consilium/shared/model/spec";
import { RoundKey } from "@consilium/shared/protocol/messages";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { ClippingNorm, SamplingRate } from "@consilium/shared/units/privacy";
import { afterAll, beforeAll, expect, test } from "vitest";
import { writePrepared } from "../contract/preparedFile.ts";
import { PART_CODE } from "../contract/preparedPatients.ts";
import { NoiseStore } from "../noise/noiseStore.ts";
import { Engine } from "./engine.ts";
import { EngineSettings } from "./settings.ts";

const PATIENTS = 10;
const spec = modelSpecOf({ preset: "logistic" }, 2, 2);
const local = { steps: 3, learningRate: 1, proximal: 0, expectedBatch: 4 };
const grid = gridOf(parameterCount(spec), 1, 2, local.expectedBatch, local.steps);
const key = RoundKey.parse({ study: "heart", purpose: "train", round: 1, attempt: 1 });
/** Its noise never comes: a block stays prepared until it is abandoned. */
const SILENT = new URL("data:text/javascript,setInterval(()=>{},1e6)");
const WAIT_MS = 1000;

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "consilium-local-"));
});
afterAll(() => rm(folder, { recursive: true }));

test("[ENG9] local steps that fail leave no prepared noise of their attempt behind", async () => {
  const noise = new NoiseStore(operatingSystemRandom, SILENT);
  // The first step refuses to draw its sample, when the second one's noise is under way.
  const random = { ...operatingSystemRandom, origin: "seeded" } as const;
  const settings = EngineSettings.parse({});
  const engine = new Engine({ backend: await startBackend("wasm"), random, noise, workers: null, settings });
  writePrepared(join(folder, "patients"), {
    featureCount: 2,
    features: new Float32Array(2 * PATIENTS),
    labels: Int32Array.from({ length: PATIENTS }, (_, i) => i % 2),
    recordStart: Int32Array.from({ length: PATIENTS + 1 }, (_, i) => i),
    parts: new Uint8Array(PATIENTS).fill(PART_CODE.train),
  });
  const { study } = key;
  const parameters = initialParameters(spec, 0);
  await writeFile(join(folder, "model"), modelBytes(parameters));
  const opened = await engine.handle({
    ...{ type: "open", study, spec, grid, classes: 2, expectedBatch: local.expectedBatch },
    ...{ clipping: { mode: "flat" }, clippingNorm: ClippingNorm.parse(1), samplingRate: SamplingRate.parse(0.5) },
    patients: { source: "prepared", path: join(folder, "patients") },
  });
  expect(opened.type).toBe("opened");
  await engine.handle({ type: "load-model", study, path: join(folder, "model"), digest: modelDigest(parameters) });

  const step = await engine.handle({ type: "step", key, path: join(folder, "1"), local });
  expect(step).toMatchObject({ type: "failed", refusal: { code: "internal/fault" } });
  // What is still prepared is waited for, in vain; what was abandoned is made anew.
  const late = new Promise((resolve) => setTimeout(() => resolve("still prepared"), WAIT_MS));
  expect(await Promise.race([noise.take(key, grid, 1), late])).toMatchObject({ state: "fresh" });
  await engine.handle({ type: "close", study });
  await noise.stop();
});
