import { loadNetwork } from "@consilium/engine/network";
import { initialParameters, publicUniform } from "@consilium/shared/model/initial";
import { modelSpecOf } from "@consilium/shared/model/preset";
import { ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import * as tf from "@tensorflow/tfjs-core";
import { beforeAll, describe, expect, test } from "vitest";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { BACKENDS, startExactly } from "./backends.test-support.ts";
import { clippedSum } from "./clippedSum.ts";
import { ROUNDING, ruleOf, sumOf as sumOfModel } from "./layerCases.test-support.ts";
import { l2Norm, oracleClippedSum, oracleGradient } from "./oracle.test-support.ts";
import { rowsMax } from "./physicalRows.ts";
import { SumBuffer } from "./sumBuffer.ts";

interface Case {
  readonly name: string;
  readonly spec: ModelSpec;
  readonly features: number;
  readonly classes: number;
}
const WIDE = 300;
const CASES: readonly Case[] = [
  { name: "logistic", spec: modelSpecOf({ preset: "logistic" }, 21, 2), features: 21, classes: 2 },
  { name: "softmax regression", spec: modelSpecOf({ preset: "logistic" }, 7, 5), features: 7, classes: 5 },
  {
    name: "relu MLP",
    spec: modelSpecOf({ preset: "mlp", hidden: [16, 9], activation: "relu" }, 12, 2),
    features: 12,
    classes: 2,
  },
  {
    name: "tanh MLP, three classes",
    spec: modelSpecOf({ preset: "mlp", hidden: [10], activation: "tanh" }, 12, 3),
    features: 12,
    classes: 3,
  },
  {
    name: "DeepType",
    spec: modelSpecOf({ preset: "deeptype", hidden: [24, 11], clusters: 4, clusterWeight: 0.3 }, 40, 4),
    features: 40,
    classes: 4,
  },
  {
    name: "logistic, weighted classes",
    spec: weighted(modelSpecOf({ preset: "logistic" }, 21, 2), [0.3, 5]),
    features: 21,
    classes: 2,
  },
  {
    name: "softmax, weighted classes",
    spec: weighted(modelSpecOf({ preset: "mlp", hidden: [10], activation: "tanh" }, 12, 3), [1, 8, 0.5]),
    features: 12,
    classes: 3,
  },
  {
    name: "DeepType, weighted classes",
    spec: weighted(
      modelSpecOf({ preset: "deeptype", hidden: [24, 11], clusters: 4, clusterWeight: 0.3 }, 40, 4),
      [1, 2, 0.25, 7],
    ),
    features: 40,
    classes: 4,
  },
  {
    name: "DeepType wide enough for tensors",
    spec: modelSpecOf({ preset: "deeptype", hidden: [256, 48], clusters: 5, clusterWeight: 0.3 }, WIDE, 6),
    features: WIDE,
    classes: 6,
  },
];

function weighted(spec: ModelSpec, classWeights: number[]): ModelSpec {
  return ModelSpec.parse({ ...spec, loss: { ...spec.loss, classWeights } });
}

function somePatients(seed: number, count: number, features: number, classes: number, recordsMax: number) {
  const next = publicUniform(seed);
  const records = Array.from({ length: count }, () => 1 + Math.floor(next() * recordsMax));
  const recordStart = new Int32Array(count + 1);
  for (const [i, length] of records.entries()) recordStart[i + 1] = (recordStart[i] ?? 0) + length;
  const total = recordStart[count] ?? 0;
  return {
    featureCount: features,
    features: Float32Array.from({ length: total * features }, () => 2 * next() - 1),
    labels: Int32Array.from({ length: total }, () => Math.floor(next() * classes)),
    recordStart,
    parts: new Uint8Array(count),
  } satisfies PreparedPatients;
}

function trained(spec: ModelSpec, seed: number): Float32Array {
  const next = publicUniform(seed);
  return initialParameters(spec, seed).map((value) => value + 0.2 * (next() - 0.5));
}

const how = { rule: ruleOf(1), clipRounding: ROUNDING };
const all = (count: number) => Int32Array.from({ length: count }, (_, i) => i);

const sumOf = (spec: ModelSpec, parameters: Float32Array, patients: PreparedPatients, batch: Int32Array, c: number) =>
  sumOfModel({ spec, parameters }, patients, batch, c);

function distance(a: Float64Array, b: Float64Array): number {
  return l2Norm(a.map((value, i) => value - (b[i] ?? 0)));
}

describe.each(BACKENDS)("on %s", (backend) => {
  beforeAll(() => startExactly(backend));

  describe("[ENG1] the clipped sum agrees with the slow oracle, one gradient a patient", () => {
    for (const recordsMax of [1, 4]) {
      test.each(CASES)(`$name, up to ${recordsMax} records a patient`, ({ spec, features, classes }) => {
        const parameters = trained(spec, 5);
        // The oracle takes a quarter of a second for a wide patient.
        const count = features === WIDE ? 6 : 40;
        const patients = somePatients(6, count, features, classes, recordsMax);
        for (const clippingNorm of [0.05, 1, 1000]) {
          const expected = oracleClippedSum({ spec, parameters }, patients, all(count), clippingNorm);
          const sum = sumOf(spec, parameters, patients, all(count), clippingNorm);
          expect(distance(sum, expected)).toBeLessThan(3e-6 * Math.max(l2Norm(expected), 1e-3));
        }
      });
    }

    test("an initial logistic model, where every logit is exactly 0", () => {
      const spec = modelSpecOf({ preset: "logistic" }, 21, 2);
      const patients = somePatients(1, 30, 21, 2, 1);
      const zero = new Float32Array(22);
      expect(
        distance(
          sumOf(spec, zero, patients, all(30), 1),
          oracleClippedSum({ spec, parameters: zero }, patients, all(30), 1),
        ),
      ).toBeLessThan(1e-6);
    });
  });

  describe("[ENG2] one patient's part is never longer than C(1 + η), in float64", () => {
    test.each(CASES)("$name", ({ spec, features, classes }) => {
      const parameters = trained(spec, 8);
      const patients = somePatients(9, 25, features, classes, 3);
      const bound = 0.1 * (1 + ROUNDING);
      for (const patient of all(25)) {
        expect(l2Norm(sumOf(spec, parameters, patients, Int32Array.of(patient), 0.1))).toBeLessThanOrEqual(bound);
      }
    });

    test("records that cancel are clipped by the norm of their sum", () => {
      const spec = modelSpecOf({ preset: "logistic" }, 4, 2);
      const features = Float32Array.of(1, 2, 3, 4, 1, 2, 3, 4.001);
      const patients: PreparedPatients = {
        featureCount: 4,
        features,
        labels: Int32Array.of(0, 1),
        recordStart: Int32Array.of(0, 2),
        parts: new Uint8Array(1),
      };
      const parameters = new Float32Array(5);
      const exact = oracleGradient({ spec, parameters }, patients, 0);
      expect(l2Norm(exact)).toBeLessThan(1e-3);
      expect(distance(sumOf(spec, parameters, patients, all(1), 10), exact)).toBeLessThan(1e-6);
    });
  });

  describe("[ENG3] adding one patient moves the sum by at most C(1 + η), whoever else is in the batch", () => {
    test.each(CASES)("$name", ({ spec, features, classes }) => {
      const parameters = trained(spec, 12);
      const patients = somePatients(13, 70, features, classes, 2);
      const bound = 1 + ROUNDING;
      const whole = sumOf(spec, parameters, patients, all(70), 1);
      for (const left of [0, 1, 33, 69]) {
        const rest = sumOf(
          spec,
          parameters,
          patients,
          all(70).filter((i) => i !== left),
          1,
        );
        const own = sumOf(spec, parameters, patients, Int32Array.of(left), 1);
        expect(distance(whole, rest)).toBeLessThanOrEqual(bound);
        expect(
          distance(
            whole.map((value, i) => value - (rest[i] ?? 0)),
            own,
          ),
        ).toBeLessThan(1e-4);
      }
    });

    test("a patient's own part has the same bits whoever stands beside it; on libtensorflow, all but the last", () => {
      const { spec, features, classes } = CASES.at(-1) ?? CASES[0] ?? fail();
      const patients = somePatients(17, 33, features, classes, 1);
      const parameters = trained(spec, 18);
      // Everyone but patient 20 is rejected: what is left is 20's own part, made in two quite different batches.
      const broken = { ...patients, features: patients.features.slice() };
      for (const i of all(33)) if (i !== 20) broken.features[i * features] = Number.NaN;
      const alone = sumOf(spec, parameters, broken, Int32Array.of(20), 1);
      const beside = sumOf(spec, parameters, broken, all(33), 1);
      if (backend === "wasm") expect(beside).toEqual(alone);
      expect(distance(beside, alone)).toBeLessThan(1e-6 * l2Norm(alone));
    });
  });

  describe("[ENG4] a patient whose gradient is not finite adds exactly zero", () => {
    test.each(CASES)("$name", ({ spec, features, classes }) => {
      const parameters = trained(spec, 21);
      const patients = somePatients(22, 20, features, classes, 2);
      for (const value of [Number.NaN, Number.POSITIVE_INFINITY, 3e38]) {
        const broken = { ...patients, features: patients.features.slice() };
        const first = (patients.recordStart[7] ?? 0) * features;
        broken.features.fill(value, first, first + features);
        const without = sumOf(
          spec,
          parameters,
          patients,
          all(20).filter((i) => i !== 7),
          1,
        );
        const sum = sumOf(spec, parameters, broken, all(20), 1);
        expect(sum.every(Number.isFinite)).toBe(true);
        expect(distance(sum, without)).toBeLessThan(1e-5);
      }
    });
  });

  describe("[ENG5] an empty batch is a batch", () => {
    test.each(CASES)("$name: zeros, also after a fuller batch", ({ spec, features, classes }) => {
      const patients = somePatients(2, 9, features, classes, 1);
      const network = loadNetwork(spec, trained(spec, 3));
      const buffer = new SumBuffer(parameterCount(spec));
      clippedSum(network, patients, { patients: all(9) }, how, buffer);
      const empty = clippedSum(network, patients, { patients: new Int32Array(0) }, how, buffer);
      network.dispose();
      expect(empty.values.every((value) => value === 0)).toBe(true);
      expect(empty.l2Sensitivity).toBe(1 + ROUNDING);
    });
  });

  test("[ENG3] a shard of a large step keeps its sums in float64: rounded to float32 they could be off by more", () => {
    const { spec, features, classes } = CASES[0] ?? fail();
    const patients = somePatients(5, 9, features, classes, 1);
    const network = loadNetwork(spec, trained(spec, 3));
    const isSingle = (patientsInStep: number, clipRounding: number): boolean => {
      const own = { ...how, clipRounding, rows: 16, patientsInStep };
      const buffer = new SumBuffer(parameterCount(spec));
      return clippedSum(network, patients, { patients: all(9) }, own, buffer).values instanceof Float32Array;
    };
    expect([9, 4096, 4097].map((count) => isSingle(count, 1 / 1024))).toEqual([true, true, false]);
    expect([4097, 126_976, 126_977].map((count) => isSingle(count, 1 / 64))).toEqual([true, true, false]);
    network.dispose();
  });

  describe("[ENG6] a logical batch of any size is cut physically, and its memory returns", () => {
    const spec = modelSpecOf({ preset: "deeptype", hidden: [32], clusters: 3, clusterWeight: 0.1 }, 64, 3);

    test("1,300 patients in several physical batches", () => {
      const patients = somePatients(31, 1300, 64, 3, 1);
      const parameters = trained(spec, 32);
      expect(rowsMax(spec)).toBeLessThan(1300);
      const expected = oracleClippedSum({ spec, parameters }, patients, all(1300), 1);
      expect(distance(sumOf(spec, parameters, patients, all(1300), 1), expected)).toBeLessThan(1e-5 * l2Norm(expected));
    });

    test("no tensor stays behind", () => {
      const patients = somePatients(33, 50, 64, 3, 3);
      const network = loadNetwork(spec, trained(spec, 34));
      const buffer = new SumBuffer(parameterCount(spec));
      const step = () => clippedSum(network, patients, { patients: all(50) }, how, buffer);
      step();
      const before = tf.memory();
      for (let i = 0; i < 5; i++) step();
      expect(tf.memory().numTensors).toBe(before.numTensors);
      expect(tf.memory().numBytes).toBe(before.numBytes);
      network.dispose();
    });
  });
});

function fail(): never {
  throw new Error("the table of cases is empty");
}
