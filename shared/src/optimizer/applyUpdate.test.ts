import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { initialParameters } from "../model/initial.ts";
import { modelBytes, modelDigest } from "../model/modelDigest.ts";
import { modelSpecOf } from "../model/preset.ts";
import { parameterCount, parameterSlots } from "../model/spec.ts";
import type { Optimizer } from "../study/document.ts";
import { applyUpdate, initialState, type OptimizerState, UpdateByParts } from "./applyUpdate.ts";

const AGGREGATES = [
  [4, -8, 0, 100],
  [-4, -8, 1, 100],
  [2, 0, 1, -300],
];
const STEP = 0.25;
const DIVISOR = 8;

const YOGI = { name: "yogi", learningRate: 0.1, beta1: 0.9, beta2: 0.99, epsilon: 1e-3 } as const;

function run(optimizer: Optimizer): { parameters: Float32Array; state: OptimizerState } {
  const parameters = Float32Array.of(1, -1, 0.5, 0);
  let state = initialState(optimizer, 4);
  for (const aggregate of AGGREGATES) {
    state = applyUpdate(optimizer, state, parameters, Int32Array.from(aggregate), STEP, DIVISOR);
  }
  return { parameters, state };
}

describe("[RND14] the optimizer is the same function of public numbers everywhere", () => {
  test("SGD takes the mean gradient times the rate", () => {
    const { parameters, state } = run({ name: "sgd", learningRate: 0.5, momentum: 0 });
    const sums = [2, -16, 2, -100].map((sum) => (0.5 * sum * STEP) / DIVISOR);
    expect([...parameters]).toEqual([1, -1, 0.5, 0].map((value, i) => value - (sums[i] ?? 0)));
    expect(state).toMatchObject({ step: 3, first: new Float32Array(0) });
  });

  test("momentum, against the recurrence", () => {
    const { parameters } = run({ name: "sgd", learningRate: 0.5, momentum: 0.9 });
    for (const [i, start] of [1, -1, 0.5, 0].entries()) {
      let velocity = 0;
      let value = start;
      for (const aggregate of AGGREGATES) {
        velocity = 0.9 * velocity + ((aggregate[i] ?? 0) * STEP) / DIVISOR;
        value -= 0.5 * velocity;
      }
      expect(parameters[i]).toBeCloseTo(value, 5);
    }
  });

  test("Adam, against the closed form; its first step is the rate in the gradient's direction", () => {
    const optimizer: Optimizer = { name: "adam", learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    const { parameters } = run(optimizer);
    for (const [i, start] of [1, -1, 0.5, 0].entries()) {
      const gradients = AGGREGATES.map((aggregate) => ((aggregate[i] ?? 0) * STEP) / DIVISOR);
      const value = gradients.reduce((current, _, t) => {
        const weighted = (beta: number, power: number) =>
          gradients.slice(0, t + 1).reduce((sum, g, s) => sum + (1 - beta) * beta ** (t - s) * g ** power, 0) /
          (1 - beta ** (t + 1));
        return current - (0.1 * weighted(0.9, 1)) / (Math.sqrt(weighted(0.999, 2)) + 1e-8);
      }, start);
      expect(parameters[i]).toBeCloseTo(value, 5);
    }
    const first = Float32Array.of(0, 0);
    applyUpdate(optimizer, initialState(optimizer, 2), first, Int32Array.of(5, -500), STEP, DIVISOR);
    expect(first[0]).toBeCloseTo(-0.1, 6);
    expect(first[1]).toBeCloseTo(0.1, 6);
  });

  test("Yogi, against its recurrence in float64", () => {
    const gradients = fc.array(fc.integer({ min: -20_000, max: 20_000 }), { minLength: 1, maxLength: 12 });
    fc.assert(
      fc.property(gradients, fc.double({ min: -3, max: 3, noNaN: true }), (sums, start) => {
        const parameters = Float32Array.of(start);
        let state = initialState(YOGI, 1);
        let [value, first, second] = [Math.fround(start), 0, YOGI.epsilon ** 2];
        for (const sum of sums) {
          state = applyUpdate(YOGI, state, parameters, Int32Array.of(sum), STEP, DIVISOR);
          const gradient = (sum * STEP) / DIVISOR;
          // Next to the sign's jump float32 may fall on its other side.
          fc.pre(sum === 0 || Math.abs(second / gradient ** 2 - 1) > 1e-5);
          first = YOGI.beta1 * first + (1 - YOGI.beta1) * gradient;
          second -= (1 - YOGI.beta2) * gradient ** 2 * Math.sign(second - gradient ** 2);
          value -= (YOGI.learningRate * first) / (Math.sqrt(second) + YOGI.epsilon);
        }
        expect(Math.abs((parameters[0] ?? 0) - value)).toBeLessThan(1e-4 * (1 + Math.abs(value)));
        expect(state).toMatchObject({ step: sums.length, beta1Power: 1, beta2Power: 1 });
      }),
    );
  });

  test("Yogi's memory stays where it is the gradient's square", () => {
    const state = { ...initialState(YOGI, 4), second: new Float32Array(4).fill(0.25) };
    applyUpdate(YOGI, state, new Float32Array(4), Int32Array.of(16, -16, 17, 15), STEP, DIVISOR);
    expect([...state.second.subarray(0, 2)]).toEqual([0.25, 0.25]);
    expect((state.second[2] ?? 0) > 0.25 && (state.second[3] ?? 1) < 0.25).toBe(true);
  });

  test("the rate is the schedule's for the step", () => {
    const schedule = { name: "step", everyRounds: 1, factor: 0.5 } as const;
    const { parameters } = run({ name: "sgd", learningRate: 0.5, momentum: 0, schedule });
    for (const [i, start] of [1, -1, 0.5, 0].entries()) {
      const moved = AGGREGATES.reduce((sum, values, t) => sum + ((values[i] ?? 0) * STEP) / DIVISOR / 2 ** (t + 1), 0);
      expect(parameters[i]).toBe(start - moved);
    }
  });

  test("replay gives the same bits", () => {
    for (const optimizer of [
      YOGI,
      { name: "sgd", learningRate: 0.3, momentum: 0.9 },
      { name: "adam", learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 },
    ] satisfies Optimizer[]) {
      expect(modelDigest(run(optimizer).parameters)).toBe(modelDigest(run(optimizer).parameters));
    }
  });

  test("bits pinned across platforms and versions", () => {
    const { parameters } = run({ name: "adam", learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 });
    expect(modelDigest(parameters)).toMatchInlineSnapshot(
      `"e109be395361a5681fdf1f8456562d5a40a2179b0fc37ed3c615bc333f20b1f8"`,
    );
  });

  test("an aggregate that comes in parts makes the same model, and a part too many or too few none", () => {
    const momentum: Optimizer = { name: "sgd", learningRate: 0.5, momentum: 0.9 };
    const adam: Optimizer = { name: "adam", learningRate: 0.1, beta1: 0.9, beta2: 0.999, epsilon: 1e-8 };
    for (const optimizer of [{ ...momentum, momentum: 0 }, momentum, adam, YOGI]) {
      const parameters = Float32Array.of(1, -1, 0.5, 0);
      let state = initialState(optimizer, 4);
      for (const values of AGGREGATES) {
        const update = new UpdateByParts(optimizer, state, parameters);
        update.push(Int32Array.from(values.slice(0, 3)), STEP / DIVISOR);
        expect(() => update.finish()).toThrow(/one value for each parameter/);
        expect([...update.push(Int32Array.from(values.slice(3)), STEP / DIVISOR)]).toEqual([parameters[3]]);
        expect(() => update.push(Int32Array.of(1), 1)).toThrow(/one value for each parameter/);
        state = update.finish();
      }
      expect({ parameters, state }).toEqual(run(optimizer));
    }
  });

  test("an aggregate for another model stops the process", () => {
    const sgd: Optimizer = { name: "sgd", learningRate: 1, momentum: 0 };
    expect(() => applyUpdate(sgd, initialState(sgd, 2), new Float32Array(2), new Int32Array(3), 1, 1)).toThrow(
      /one value for each parameter/,
    );
    expect(() => applyUpdate(sgd, initialState(sgd, 2), new Float32Array(2), new Int32Array(2), 1, 0)).toThrow(
      /divisor/,
    );
  });
});

describe("[STU10] initial weights follow from the study's seed, bit for bit", () => {
  const spec = modelSpecOf({ preset: "deeptype", hidden: [30, 20], clusters: 5, clusterWeight: 0.1 }, 50, 4);

  test("the same seed the same model, another seed another", () => {
    expect(modelDigest(initialParameters(spec, 1))).toBe(modelDigest(initialParameters(spec, 1)));
    expect(modelDigest(initialParameters(spec, 1))).not.toBe(modelDigest(initialParameters(spec, 2)));
    expect(modelDigest(initialParameters(spec, 1))).toMatchInlineSnapshot(
      `"05e55dbca9bf19f4dac0f9cf9cbc4bfef6b681c8305ad787b667e1f33a72e279"`,
    );
  });

  test("kernels within Glorot's limit and centred, biases zero; a logistic model starts at zero", () => {
    const parameters = initialParameters(spec, 3);
    expect(parameters.length).toBe(parameterCount(spec));
    for (const slot of parameterSlots(spec)) {
      const values = parameters.subarray(slot.offset, slot.offset + slot.size);
      if (slot.shape.length === 1) expect(values.every((value) => value === 0)).toBe(true);
      else {
        const limit = Math.sqrt(6 / ((slot.shape[0] ?? 0) + (slot.shape[1] ?? 0)));
        const mean = values.reduce((a, b) => a + b, 0) / values.length;
        expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(Math.fround(limit));
        expect(Math.abs(mean)).toBeLessThan((5 * limit) / Math.sqrt(3 * values.length));
      }
    }
    expect(initialParameters(modelSpecOf({ preset: "logistic" }, 9, 2), 3)).toEqual(new Float32Array(10));
  });

  test("a model's bytes are its float32 numbers, little-endian", () => {
    expect([...modelBytes(Float32Array.of(1, -2))]).toEqual([0, 0, 128, 63, 0, 0, 0, 192]);
  });
});
