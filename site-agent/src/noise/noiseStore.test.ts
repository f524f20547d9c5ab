import { gridOf, noiseStdDev } from "@consilium/shared/contribution/grid";
import { RoundKey } from "@consilium/shared/protocol/messages";
import type { RandomSource } from "@consilium/shared/random/randomSource";
import { operatingSystemRandom } from "@consilium/shared/system/operatingSystemRandom";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type BuiltProgram, buildEngineProgram } from "../engine/program.test-support.ts";
import { NoiseStore } from "./noiseStore.ts";

const grid = gridOf(5000, 1, 1.5, 64);
const key = (round: number, attempt = 1) => RoundKey.parse({ study: "heart", purpose: "train", round, attempt });

/** A source that may not be asked: all noise must come from the worker. */
const forbidden: RandomSource = {
  origin: "operating-system",
  bytes: () => {
    throw new Error("noise was made here, not in the worker");
  },
};

let program: BuiltProgram;
beforeAll(async () => {
  program = await buildEngineProgram();
}, 60_000);
afterAll(() => program.remove());

describe("[ENG9] noise made ahead belongs to one attempt of one round, is used once and overwritten", () => {
  test("the worker's noise is the grid's, fresh for each attempt", async () => {
    const store = new NoiseStore(forbidden, program.noiseWorker);
    store.prepare(key(1), grid);
    store.prepare(key(1), grid);
    store.prepare(key(1, 2), grid);
    const first = await store.take(key(1), grid);
    const second = await store.take(key(1, 2), grid);
    expect(first).toMatchObject({ stdDev: noiseStdDev(grid), state: "fresh" });
    expect(first.values.buffer).toBeInstanceOf(SharedArrayBuffer);
    expect([...first.values]).not.toEqual([...second.values]);
    const variance = first.values.reduce((sum, value) => sum + (value / noiseStdDev(grid)) ** 2, 0) / 5000;
    expect(Math.abs(variance - 1)).toBeLessThan(6 * Math.sqrt(2 / 5000));
    await store.stop();
  });

  test("a block is handed out once: a second step of the attempt has to make its own", async () => {
    const store = new NoiseStore(forbidden, program.noiseWorker);
    store.prepare(key(1), grid);
    await store.take(key(1), grid);
    await expect(store.take(key(1), grid)).rejects.toThrow(/made here/);
    await store.stop();
  });

  test("what was used is overwritten, and its memory serves the next", async () => {
    const store = new NoiseStore(forbidden, program.noiseWorker);
    store.prepare(key(1), grid);
    const used = await store.take(key(1), grid);
    store.release(used);
    expect(used.state).toBe("wiped");
    expect(used.values.every((value) => value === 0)).toBe(true);
    store.prepare(key(2), grid);
    expect((await store.take(key(2), grid)).values.buffer).toBe(used.values.buffer);
    await store.stop();
  });

  test("each local step of an attempt has a block of its own; all of them go with the attempt", async () => {
    const store = new NoiseStore(forbidden, program.noiseWorker);
    store.prepare(key(1), grid, 1);
    store.prepare(key(1), grid, 2);
    const second = await store.take(key(1), grid, 2);
    const first = await store.take(key(1), grid, 1);
    expect([...first.values]).not.toEqual([...second.values]);
    await expect(store.take(key(1), grid, 1)).rejects.toThrow(/made here/);
    store.prepare(key(1), grid, 3);
    store.prepare(key(11), grid, 3);
    store.abandon(key(1));
    await expect(store.take(key(1), grid, 3)).rejects.toThrow(/made here/);
    expect((await store.take(key(11), grid, 3)).state).toBe("fresh");
    await store.stop();
  });

  test("abandoned or displaced noise is gone", async () => {
    const store = new NoiseStore(forbidden, program.noiseWorker);
    for (const round of [1, 2, 3, 4]) store.prepare(key(round), grid);
    store.abandon(key(3));
    await expect(store.take(key(1), grid)).rejects.toThrow(/made here/);
    await expect(store.take(key(3), grid)).rejects.toThrow(/made here/);
    expect((await store.take(key(4), grid)).state).toBe("fresh");
    await store.stop();
  });

  test("without a worker the step makes its own noise", async () => {
    const store = new NoiseStore(operatingSystemRandom, new URL("file:///no/such/worker.js"));
    store.prepare(key(1), grid);
    const noise = await store.take(key(1), grid);
    expect(noise.values.some((value) => value !== 0)).toBe(true);
    await store.stop();
  });
});
