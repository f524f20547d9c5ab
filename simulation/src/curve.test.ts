import { rmSync } from "node:fs";
import { join } from "node:path";
import { type Backend, startBackend } from "@consilium/engine/backend";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { LearningCurve } from "./curve.ts";
import { simulateOpenly } from "./openRun.ts";
import { studyAt } from "./points.ts";
import { simulate } from "./run.ts";
import { heartRecords, heartSweep, newFolder, onlyPoint } from "./sweep.test-support.ts";
import { runSweep } from "./sweep.ts";
import { readSweep } from "./sweepFile.ts";

const folder = newFolder();
let backend: Backend;
beforeAll(async () => {
  backend = await startBackend("wasm");
});
afterAll(() => rmSync(folder, { recursive: true }));

function optionsOf() {
  const set = { "training.rounds": 12, "evaluation.every": "12 rounds" };
  const { sweep, point } = onlyPoint(heartSweep(folder, { set }));
  const { document, weights } = studyAt(sweep, point);
  const around = { records: heartRecords(), backend, random: operatingSystemRandom, repetition: 1, curveEvery: 3 };
  return { document, weights, ...around, folder: join(folder, "run") };
}

describe("[SIM8] learning curves", () => {
  test("of a study: rounds in order, the last one the released model's, with its exact accuracy", async () => {
    const { exact, rounds } = await simulate(optionsOf());
    const points = exact.curve ?? [];
    const at = points.map(({ round }) => round);
    expect(at.length).toBeGreaterThan(1);
    expect(at).toEqual([...at].sort((a, b) => a - b));
    expect(at.at(-1)).toBe(rounds);
    // Fewer patients are held out at each hospital than a curve looks at.
    expect(points.at(-1)?.heldAccuracy).toBeCloseTo(exact.held.accuracy ?? Number.NaN, 12);
  });

  test("of a pooled training: every third step", async () => {
    const { exact } = await simulateOpenly(optionsOf(), "pooled");
    expect(exact.curve?.map(({ round }) => round)).toEqual([3, 6, 9, 12]);
    expect(exact.curve?.at(-1)?.heldAccuracy).toBeCloseTo(exact.held.accuracy ?? Number.NaN, 12);
  });

  test("aren't drawn of real processes, and that is said before anything is run", async () => {
    const sweep = readSweep(heartSweep(folder, { curve: 2 }));
    const options = {
      sweep,
      out: join(folder, "none"),
      jobs: 1,
      only: undefined,
      onProgress: () => undefined,
      onResolved: () => undefined,
      onOddity: () => undefined,
    };
    await expect(runSweep({ ...options, isReal: true })).rejects.toThrow("asks for learning curves");
  });

  test("a look that takes long skips rounds and is never taken twice at once; one that fails is told at the end", async () => {
    let [round, looks] = [0, 0];
    const curve = new LearningCurve(2, async () => {
      looks += 1;
      await new Promise((resolve) => setImmediate(resolve));
      return { round, trainAccuracy: 0, heldAccuracy: 0 };
    });
    for (round = 1; round < 8; round++) curve.reached(round);
    round = 7;
    expect(await curve.whole()).toHaveLength(1);
    expect(looks).toBe(2);
    const failing = new LearningCurve(1, () => Promise.reject(new Error("no model")));
    failing.reached(1);
    await expect(failing.whole()).rejects.toThrow("no model");
  });
});
