import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { publicUniform } from "@consilium/shared/model/initial";
import { StudyName } from "@consilium/shared/units/identity";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { ROUNDING } from "../gradient/layerCases.test-support.ts";
import { plainSum, writePlainWorker } from "./plainWorker.test-support.ts";
import { recordsOf, shardsOf } from "./shard.ts";
import { batchOf, DIMENSION, QUIET, RULE, shardedStudy, somePatients, sumOf } from "./workers.test-support.ts";
import { DeviceWorkers, type WorkersOptions } from "./workers.ts";

const PATIENTS = 60;
const patients = somePatients(1, PATIENTS);
const folder = mkdtempSync(path.join(tmpdir(), "consilium-workers-"));
const started: DeviceWorkers[] = [];

afterEach(async () => {
  for (const workers of started.splice(0)) await workers.stop();
});
afterAll(() => rmSync(folder, { recursive: true }));

async function start(options: Pick<WorkersOptions, "program" | "timeoutMs" | "backOffMs">): Promise<DeviceWorkers> {
  const places = [0, 1].map((index) => ({
    device: `CPU ${index}`,
    environment: { WRONG: String(index) },
    backend: "wasm" as const,
  }));
  const workers = new DeviceWorkers({ places, logger: QUIET, ...options });
  started.push(workers);
  await workers.status();
  return workers;
}

const honest = writePlainWorker(folder, "honest", DIMENSION, "serve();");

/** Both shards' sums, added in float64. */
const expected = shardsOf(batchOf(PATIENTS).patients, 2)
  .map((shard) => recordsOf(patients, shard))
  .map(({ labels, features }) => plainSum(labels.length, features, DIMENSION))
  .reduce((a, b) => a.map((value, i) => value + (b[i] ?? 0)));

const isExpected = (sum: Float64Array): boolean => sum.every((value, i) => value === expected[i]);

async function kill(workers: DeviceWorkers, signal: "SIGKILL" | "SIGSTOP", which: readonly number[]): Promise<void> {
  const pids = (await workers.status()).map(({ pid }) => pid);
  for (const index of which) {
    const pid = pids[index];
    if (typeof pid === "number") process.kill(pid, signal);
  }
}

describe("[ENG31] a worker that ends in the middle of a step takes nothing of it along", () => {
  /** Ends of processes are no part of what a seed fixes: the same holds for any moment. */
  test.each([1, 2, 3])(
    "killed at moments of seed %i: the same sum to the last bit",
    async (seed) => {
      const workers = await start({ program: honest, backOffMs: 10 });
      const moment = publicUniform(seed);
      for (let step = 0; step < 6; step++) {
        const sum = sumOf(workers, shardedStudy(patients, 2), PATIENTS);
        await delay(moment() * 70);
        await kill(workers, "SIGKILL", [moment() < 0.5 ? 0 : 1]);
        expect(isExpected(await sum)).toBe(true);
        // Else its neighbour, killed next, could be the last.
        await delay(30);
        await workers.status();
      }
      expect((await workers.status()).reduce((all, { restarts }) => all + restarts, 0)).toBeGreaterThan(3);
    },
    60_000,
  );

  const sum = 'say({ type: "sum", id: 0, width: 8, bytes: dimension * 8 });';
  test.each([
    [
      "dies with half of its sum sent",
      `ready("wasm"); order(); ${sum.replace("0", "order().id")} write(Buffer.alloc(dimension * 4, 64));`,
    ],
    [
      "announces another length",
      'ready("wasm"); order(); say({ type: "sum", id: order().id, width: 8, bytes: 8 }); pause(9999);',
    ],
    ["sends a sum unasked", `ready("wasm"); ${sum} write(Buffer.alloc(dimension * 8, 64)); serve();`],
    ["says what is no frame", 'ready("wasm"); order(); write(Buffer.alloc(100, 1)); pause(9999);'],
    ["computes with something else", 'ready("tensorflow"); pause(9999);'],
    ["hangs", 'ready("wasm"); pause(9999);'],
    ["says nothing", "pause(9999);"],
    ["never starts", ""],
  ])("one that %s: the other computes its shard", async (name, wrong) => {
    const program = writePlainWorker(folder, name.replaceAll(" ", "-"), DIMENSION, wrong);
    const isSilent = name === "hangs" || name === "says nothing";
    const workers = await start({ program, timeoutMs: isSilent ? 4000 : 60_000, backOffMs: 60_000 });
    expect(isExpected(await sumOf(workers, shardedStudy(patients, 2), PATIENTS))).toBe(true);
    expect((await workers.status())[1]).toMatchObject({ device: "CPU 1", state: "ended", why: expect.any(String) });
  });

  test("when all have ended the step fails, wiped; the next starts them again", async () => {
    const workers = await start({ program: honest, backOffMs: 60_000 });
    const study = shardedStudy(patients, 2);
    await kill(workers, "SIGSTOP", [0]);
    const sum = workers.deviceOf(study).clippedSum(batchOf(PATIENTS), RULE, ROUNDING);
    await expect.poll(() => workers.status()).toMatchObject([{ state: "computing" }, { state: "ready" }]);
    await kill(workers, "SIGKILL", [0, 1]);
    await expect(sum).rejects.toMatchObject({ code: "engine/workers-ended" });
    workers.deviceOf(study).wipe();
    expect(study.buffers.take(1, 8, DIMENSION * 8).every((byte) => byte === 0)).toBe(true);
    expect(isExpected(await sumOf(workers, study, PATIENTS))).toBe(true);
  });

  test("a worker that keeps ending comes back later each time", async () => {
    const program = writePlainWorker(folder, "short-lived", DIMENSION, "");
    const workers = await start({ program, backOffMs: 100 });
    await delay(1500);
    const [, second] = await workers.status();
    // After 100, 200, 400 and 800 ms at the soonest.
    expect(second?.restarts).toBeGreaterThan(0);
    expect(second?.restarts).toBeLessThanOrEqual(4);
  });
});

describe("[ENG34] frozen parameters are sent once for all of a study's steps", () => {
  /** The honest worker ends at a study that is opened twice, and at one that isn't open. */
  test("each of two studies is opened once; what was closed is opened anew", async () => {
    const workers = await start({ program: honest, backOffMs: 60_000 });
    const study = StudyName.parse("other");
    for (const revision of [1, 2, 3]) {
      await sumOf(workers, shardedStudy(patients, 2, revision), PATIENTS);
      expect(isExpected(await sumOf(workers, { ...shardedStudy(patients, 2, revision), study }, PATIENTS))).toBe(true);
      if (revision === 2) workers.close(study);
    }
    expect(await workers.status()).toMatchObject([{ why: null }, { why: null }]);
  });
});

describe("[ENG32] sums and records of a worker stay in memory", () => {
  test("the engine's own buffers are overwritten when the step is over", async () => {
    const workers = await start({ program: honest });
    const study = shardedStudy(patients, 2);
    const device = workers.deviceOf(study);
    const { values } = await device.clippedSum(batchOf(PATIENTS), RULE, ROUNDING);
    const shards = [0, 1].map((index) => study.buffers.take(index, 8, DIMENSION * 8));
    expect([values, ...shards].every((all) => all.some((value) => value !== 0))).toBe(true);
    device.wipe();
    expect([values, ...shards].every((all) => all.every((value) => value === 0))).toBe(true);
  });
});
