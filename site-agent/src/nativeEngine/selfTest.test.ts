import { startBackend } from "@consilium/engine/backend";
import * as tf from "@tensorflow/tfjs-core";
import { afterEach, beforeAll, describe, expect, test, vi } from "vitest";
import { requireRight } from "./install.ts";
import { measureGflops, SELF_TEST_ERROR_MAX, selfTest } from "./selfTest.ts";

beforeAll(async () => {
  await startBackend("wasm");
});
afterEach(() => vi.restoreAllMocks());

describe("[ENG22] the self-test", () => {
  test("a right backend passes, and keeps no tensor", () => {
    const before = tf.memory().numTensors;
    const errors = selfTest();
    expect(Object.keys(errors)).toEqual(["matMul", "batchMatMul", "conv2d", "stridedSlice"]);
    for (const error of Object.values(errors)) expect(error).toBeLessThan(SELF_TEST_ERROR_MAX);
    expect(tf.memory().numTensors).toBe(before);
  });

  test.each([
    ["a product rounded as TF32 rounds", 0, (value: number) => value * (1 + 2 ** -10), "matMul"],
    ["not a number", 2, () => Number.NaN, "conv2d"],
    ["an infinity", 3, () => Number.POSITIVE_INFINITY, "stridedSlice"],
  ])("%s is found", (_, nth, spoil, name) => {
    const backend = tf.backend();
    const read = backend.readSync.bind(backend);
    let calls = 0;
    vi.spyOn(backend, "readSync").mockImplementation((id) => {
      const isSpoilt = calls++ === nth;
      const values = Float32Array.from(Array.from(read(id), Number));
      return isSpoilt ? values.map(spoil) : values;
    });
    const errors = selfTest();
    const wrong = Object.entries(errors).filter(([, error]) => !(error <= SELF_TEST_ERROR_MAX));
    expect(wrong.map(([one]) => one)).toEqual([name]);
    expect(() => requireRight({ errors, name: "tensorflow" }, "cpu")).toThrow(`misses plain arithmetic: ${name}`);
  });

  test("the speed is a positive number", () => expect(measureGflops(1)).toBeGreaterThan(0));
});
