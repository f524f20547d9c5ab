import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { gridOf } from "@consilium/shared/contribution/grid";
import { packedBytes } from "@consilium/shared/contribution/pack";
import { digestOf } from "@consilium/shared/encoding/digest";
import { initialParameters } from "@consilium/shared/model/initial";
import { modelBytes, modelDigest } from "@consilium/shared/model/modelDigest";
import { parameterCount } from "@consilium/shared/model/spec";
import { studyWeights } from "@consilium/shared/model/studyWeights";
import { RoundKey } from "@consilium/shared/protocol/messages";
import { jsonLinesLogger } from "@consilium/shared/system/logger";
import { StudyName } from "@consilium/shared/units/identity";
import { SamplingRate } from "@consilium/shared/units/privacy";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writePrepared } from "../contract/preparedFile.ts";
import {
  DIMENSION,
  frozenOf,
  PRETRAINED,
  RULE,
  SPEC,
  shardedStudy,
  somePatients,
} from "../device/workers.test-support.ts";
import type { EngineRequest } from "./message.ts";
import { type BuiltProgram, buildEngineProgram } from "./program.test-support.ts";
import { EngineSettings } from "./settings.ts";
import { EngineProcess } from "./supervise.ts";

const study = StudyName.parse("shared");
const grid = gridOf(DIMENSION, 1, 1, 30);
const patients = somePatients(4, 60);
const { parameters } = shardedStudy(patients, 2);
const { clipping, clippingNorm } = RULE;
const common = { clipping, clippingNorm, samplingRate: SamplingRate.parse(0.5), expectedBatch: 30, classes: 3 };
const key = (round: number) => RoundKey.parse({ study, purpose: "train", round, attempt: 1 });

let folder: string;
let program: BuiltProgram;
let engine: EngineProcess;
const at = (name: string): string => path.join(folder, name);

beforeAll(async () => {
  folder = await mkdtemp(path.join(tmpdir(), "consilium-shared-"));
  program = await buildEngineProgram();
  const settings = EngineSettings.parse({ workers: 2 });
  const logger = jsonLinesLogger("test", () => undefined);
  engine = new EngineProcess({ program: program.main, logger, engines: "none", settings });
  writePrepared(at("patients"), patients);
  await writeFile(at("model"), modelBytes(parameters));
}, 60_000);
afterAll(async () => {
  await engine.stop();
  await rm(folder, { recursive: true });
  await program.remove();
});

async function ask(request: EngineRequest) {
  const reply = await engine.request(request);
  if (reply.type === "failed") throw new Error(reply.refusal.code);
  return reply;
}

async function workers() {
  const status = await ask({ type: "status" });
  return status.type === "status" ? status.workers : [];
}

describe("[ENG34] a study with frozen weights from a file", () => {
  test("is computed by the workers: while they stand still it has no sum", async () => {
    const pretrained = StudyName.parse("pretrained");
    const weights = { parameters: initialParameters(PRETRAINED, 1), frozen: frozenOf(PRETRAINED).numbers };
    const source = { file: "layer.safetensors", digest: digestOf("layer") };
    const { named, bytes } = studyWeights(weights, { source, fresh: [] });
    await writeFile(at("weights"), bytes);
    const size = parameterCount(PRETRAINED);
    await ask({
      ...{ ...common, type: "open", study: pretrained, spec: PRETRAINED, grid: gridOf(size, 1, 1, 30) },
      patients: { source: "prepared", path: at("patients") },
      start: { path: at("weights"), weights: named, seed: 1 },
    });
    const pids = (await workers()).flatMap(({ pid }) => pid ?? []);
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    const step = ask({ type: "step", key: { ...key(1), study: pretrained }, path: at("pretrained") });
    expect(await Promise.race([step, delay(700, "none yet")])).toBe("none yet");
    for (const pid of pids) process.kill(pid, "SIGCONT");
    expect(await step).toMatchObject({ type: "written" });
    await ask({ type: "close", study: pretrained });
  });
});

describe("[ENG31] an engine process with workers", () => {
  test("a step outlives the end of one; status tells of it; they end with the engine process", async () => {
    const ready = await workers();
    expect(ready).toMatchObject([
      { device: "CPU 0", backend: "wasm", state: "ready", restarts: 0, why: null },
      { device: "CPU 1", backend: "wasm", state: "ready", restarts: 0, why: null },
    ]);
    const ofStudy = { ...common, study, spec: SPEC, grid };
    await ask({ type: "open", ...ofStudy, patients: { source: "prepared", path: at("patients") } });
    await ask({ type: "load-model", study, path: at("model"), digest: modelDigest(parameters) });
    process.kill(ready[0]?.pid ?? 0, "SIGKILL");
    const reply = await ask({ type: "step", key: key(1), path: at("1") });
    expect(reply).toMatchObject({
      type: "written",
      digest: digestOf(await readFile(at("1"))),
      bytes: packedBytes(grid.dimension, grid.bits),
      events: [{ kind: "poisson-gaussian", count: 1 }],
    });
    expect((await workers())[0]).toMatchObject({ device: "CPU 0", why: "ended by SIGKILL" });
    await engine.stop();
    await expect.poll(() => isRunning(ready[1]?.pid ?? 0)).toBe(false);
  });
});

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
