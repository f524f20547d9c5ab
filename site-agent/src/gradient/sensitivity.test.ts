import { gridOf } from "@consilium/shared/contribution/grid";
import { publicUniform } from "@consilium/shared/model/initial";
import type { LayerInput } from "@consilium/shared/model/layer";
import { ModelSpec, parameterCount } from "@consilium/shared/model/spec";
import fc from "fast-check";
import { beforeAll, describe, expect, test } from "vitest";
import type { PreparedPatients } from "../contract/preparedPatients.ts";
import { BACKENDS, startExactly } from "./backends.test-support.ts";
import type { SumRule } from "./clippedSum.ts";
import { clipLimit, clipScale } from "./clipScale.ts";
import { chunkEnd } from "./formedGradients.ts";
import { all, KINDS, modelOf, network, patientsOf, ROUNDING, ruleOf, seed, sumOf } from "./layerCases.test-support.ts";
import { l2Norm, type OracleModel, oracleClippedSum } from "./oracle.test-support.ts";

const distance = (a: Float64Array, b: Float64Array): number => l2Norm(a.map((value, i) => value - (b[i] ?? 0)));

type Study = Pick<SumRule, "clipRounding" | "patientsInStep">;

/** Sums as they are in a step of as many patients as a study expects, by its grid. */
function studyOf(spec: ModelSpec, expectedBatch: number): Study {
  return {
    clipRounding: gridOf(parameterCount(spec), 1, 1, expectedBatch).clipRounding,
    patientsInStep: expectedBatch,
  };
}

const expectedBatches = fc.constantFrom(6, 1024, 4096, 2 ** 17);

/** How far the last patient moves the sum of the others. */
function moved(model: OracleModel, patients: PreparedPatients, clippingNorm: number, study: Study): number {
  const everyone = all(patients);
  const others = sumOf(model, patients, everyone.subarray(0, -1), clippingNorm, study);
  return distance(sumOf(model, patients, everyone, clippingNorm, study), others);
}

/** The same patients, the numbers of the last one's records changed. */
function withLast(patients: PreparedPatients, change: (value: number, i: number) => number): PreparedPatients {
  const first = (patients.recordStart.at(-2) ?? 0) * patients.featureCount;
  const features = patients.features.map((value, i) => (i < first ? value : change(value, i - first)));
  return { ...patients, features };
}

describe.each(BACKENDS)("%s", (backend) => {
  beforeAll(async () => {
    await startExactly(backend);
  });

  describe.each(Object.entries(KINDS))("%s", (_, cases) => {
    test("[ENG3] one patient more moves the sum by at most C(1 + η), however many records anyone has", () => {
      fc.assert(
        fc.property(
          cases,
          seed,
          fc.constantFrom(1, 3),
          expectedBatches,
          ({ spec, isIndices }, start, recordsMax, expectedBatch) => {
            const model = modelOf(spec, start);
            const patients = patientsOf(spec, start + 1, recordsMax, isIndices === true);
            const study = studyOf(spec, expectedBatch);
            expect(moved(model, patients, 0.02, study)).toBeLessThanOrEqual(0.02 * (1 + study.clipRounding));
          },
        ),
        { numRuns: 15 },
      );
    });

    test("[ENG4] a patient with a number that isn't finite, or overflows, adds exactly zero", () => {
      fc.assert(
        fc.property(
          cases,
          seed,
          fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, 1e38, 2 ** 58),
          expectedBatches,
          ({ spec, isIndices }, start, wrong, expectedBatch) => {
            const model = modelOf(spec, start);
            const whole = patientsOf(spec, start + 1, 3, isIndices === true);
            const patients = withLast(whole, (value, i) => (i % 2 === 0 ? wrong : value));
            const study = studyOf(spec, expectedBatch);
            const sum = sumOf(model, patients, all(patients), 0.02, study);
            expect(sum.every(Number.isFinite)).toBe(true);
            expect(moved(model, patients, 0.02, study)).toBeLessThanOrEqual(0.02 * (1 + study.clipRounding));
          },
        ),
        { numRuns: 10 },
      );
    });
  });

  test("[ENG3] a patient with two records among many with one, on a table", () => {
    const spec = network(
      [16],
      [
        { kind: "embedding", name: "table", vocabulary: 5, width: 2 },
        { kind: "reshape", name: "flat", shape: [32] },
      ],
      true,
    );
    const model = modelOf(spec, 3);
    const some = patientsOf(spec, 4, 1, true);
    const count = 40;
    const features = Float32Array.from({ length: (count + 1) * 16 }, (_, i) => some.features[i % 96] ?? 0);
    const patients: PreparedPatients = {
      ...some,
      features,
      labels: Int32Array.from({ length: count + 1 }, (_, i) => i % 3),
      recordStart: Int32Array.from({ length: count + 1 }, (_, i) => (i === count ? count + 1 : i)),
      parts: new Uint8Array(count),
    };
    const study = studyOf(spec, count);
    expect(moved(model, patients, 0.1, study)).toBeLessThanOrEqual(0.1 * (1 + study.clipRounding));
  });

  test.each([
    ["small", 60, 96, 4096],
    ["large", 300, 256, 600],
  ])(
    "[ENG3] %s products of a few rows each, as in a step of 4,096, agree with float64",
    (_, inputs, outputs, count) => {
      const wide: LayerInput = { kind: "dense", name: "wide", outputs, activation: "tanh" };
      const spec = network([inputs], [wide], true);
      const model = modelOf(spec, 3);
      const few = patientsOf(spec, 4, 1, false);
      const patients: PreparedPatients = {
        ...few,
        // The same six over and over: what float32 loses of one it loses of all.
        features: Float32Array.from({ length: count * inputs }, (_, i) => few.features[i % few.features.length] ?? 0),
        labels: Int32Array.from({ length: count }, (_, i) => few.labels[i % 6] ?? 0),
        recordStart: Int32Array.from({ length: count + 1 }, (_, i) => i),
        parts: new Uint8Array(count),
      };
      const study = studyOf(spec, 4096);
      expect(moved(model, patients, 0.1, study)).toBeLessThanOrEqual(0.1 * (1 + study.clipRounding));
      const whole = sumOf(model, patients, all(patients), 0.1, study);
      const exact = sumOf(model, patients, all(patients), 0.1, { ...study, clipRounding: 2 ** -11 + 2 ** -22 });
      expect(distance(whole, exact)).toBeGreaterThan(0);
      expect((2 * 4096 * distance(whole, exact)) / count).toBeLessThan(0.1 * (study.clipRounding - 2 ** -11));
    },
  );

  test("[ENG2] indices within one row of a table are one row", () => {
    const spec = network([6], [{ kind: "embedding", name: "table", vocabulary: 5, width: 3 }]);
    const whole = patientsOf(spec, 6, 1, true);
    const patients = { ...whole, features: whole.features.map((_, i) => 1 + (i % 6) * 0.06) };
    const part = sumOf(modelOf(spec, 5), patients, Int32Array.of(0), 0.01);
    expect(l2Norm(part)).toBeLessThanOrEqual(0.01 * (1 + ROUNDING));
  });

  test("[ENG1] products over positions that take the device agree with the oracle", () => {
    const wide: LayerInput = { kind: "dense", name: "wide", outputs: 96, activation: "tanh" };
    const spec = network([5, 60], [wide, { kind: "dense", name: "again", outputs: 64, activation: "relu" }]);
    const model = modelOf(spec, 7);
    const few = patientsOf(spec, 8, 2, false);
    const times = 14;
    const records = few.labels.length;
    // Enough rows that the sum is the device's: the oracle's own sum is that of a few patients, as often.
    const patients: PreparedPatients = {
      featureCount: few.featureCount,
      features: Float32Array.from({ length: times * few.features.length }, (_, i) => {
        return few.features[i % few.features.length] ?? 0;
      }),
      labels: Int32Array.from({ length: times * records }, (_, i) => few.labels[i % records] ?? 0),
      recordStart: Int32Array.from({ length: times * 6 + 1 }, (_, i) => {
        return Math.floor(i / 6) * records + (few.recordStart[i % 6] ?? 0);
      }),
      parts: new Uint8Array(times * 6),
    };
    const expected = oracleClippedSum(model, few, all(few), 0.5).map((value) => times * value);
    expect(distance(sumOf(model, patients, all(patients), 0.5), expected)).toBeLessThan(1e-4 * l2Norm(expected));
  });

  test("[ENG3] records and positions that cancel are bounded by what float32 can add", () => {
    const spec = network([2, 3], [{ kind: "dense", name: "a", outputs: 4, activation: "linear" }]);
    const whole = patientsOf(spec, 9, 1, false);
    // Two records of a patient, equal but for their labels' last digit's worth of difference.
    const features = whole.features.map((_, i) => 1000 * (1 + (i % 6)));
    const recordStart = Int32Array.of(0, 2, 3, 4, 5, 6);
    const patients = {
      ...whole,
      features,
      labels: Int32Array.of(0, 1, 2, 0, 1, 2),
      recordStart,
      parts: new Uint8Array(5),
    };
    const bound = 0.01 * (1 + ROUNDING);
    expect(l2Norm(sumOf(modelOf(spec, 10), patients, Int32Array.of(0), 0.01))).toBeLessThanOrEqual(bound);
  });

  test("[ENG3] positions that cancel are added just as they were measured, in a small kernel too", () => {
    const [positions, inputs] = [64, 2];
    const small: LayerInput = { kind: "dense", name: "a", outputs: 2, activation: "linear", bias: false };
    const spec = network([positions, inputs], [small]);
    for (let start = 1; start <= 12; start++) {
      const model = modelOf(spec, start);
      // The kernel's gradient is nearly all of the patient's: inputs of 2^27 that add up to 40.
      for (let i = 4; i < model.parameters.length; i++) model.parameters[i] = 100 * (model.parameters[i] ?? 0);
      const next = publicUniform(start);
      const features = new Float32Array(positions * inputs);
      for (let input = 0; input < inputs; input++) {
        let sum = 0;
        for (let at = input; at < features.length; at += inputs) {
          const isLast = at + inputs >= features.length;
          features[at] = isLast ? 40 - sum : (sum > 0 ? -8 : 8) * Math.round(next() * 2 ** 24);
          sum += features[at] ?? 0;
        }
      }
      const patient = { featureCount: positions * inputs, features, recordStart: Int32Array.of(0, 1) };
      for (const label of [0, 1, 2]) {
        const patients = { ...patient, labels: Int32Array.of(label), parts: new Uint8Array(1) };
        const part = sumOf(model, patients, Int32Array.of(0), 0.01);
        expect(l2Norm(part)).toBeLessThanOrEqual(0.01 * (1 + ROUNDING));
      }
    }
  });

  test("dropout drops, each number by coins of its own", () => {
    const spec = network([400], [{ kind: "dropout", name: "drop", rate: 0.5 }], true);
    const model = modelOf(spec, 11);
    const whole = patientsOf(spec, 12, 1, false);
    // Small numbers: no class is so sure of itself that its own derivatives are zero.
    const patients = { ...whole, features: whole.features.map((value) => 0.05 * value) };
    const [a, b] = [1, 2].map(() => sumOf(model, patients, Int32Array.of(0), 1000));
    const rows = Array.from({ length: 400 }, (_, i) => a?.subarray(3 * i, 3 * i + 3) ?? new Float64Array());
    const dropped = rows.filter((row) => row.every((value) => value === 0)).length / rows.length;
    // 6 standard deviations of 400 coins.
    expect(Math.abs(dropped - 0.5)).toBeLessThan(0.15);
    expect(distance(a ?? new Float64Array(), b ?? new Float64Array())).toBeGreaterThan(1e-6);
  });
});

describe("[ENG2] a clip factor", () => {
  test("is 0 for whatever isn't a number, overflows, or is past what products can hold", () => {
    const fine = { squared: 4, triangle: 2, largest: 1 };
    const limit = clipLimit(ruleOf(1), 1);
    expect(clipScale(fine, limit, 4)).toBeCloseTo(0.5, 6);
    const wrong = [Number.NaN, Number.POSITIVE_INFINITY];
    for (const value of wrong) {
      for (const field of ["squared", "triangle", "largest"]) {
        expect(clipScale({ ...fine, [field]: value }, limit, 4), `${field} ${value}`).toBe(0);
      }
    }
    expect(clipScale({ ...fine, largest: 2 ** 31 }, limit, 4)).toBe(0);
  });

  test("keeps the norm without cancellation below κC", () => {
    const limit = clipLimit(ruleOf(1), 1);
    expect(clipScale({ squared: 1e-6, triangle: 100, largest: 1 }, limit, 4)).toBeCloseTo(0.04, 9);
  });
});

describe("a chunk of formed gradients", () => {
  test("cuts no patient, and takes one that is longer by itself", () => {
    const rowStart = Int32Array.of(0, 2, 3, 8, 9);
    expect(chunkEnd(0, 4, 9, rowStart)).toBe(3);
    expect(chunkEnd(3, 4, 9, rowStart)).toBe(8);
    expect(chunkEnd(0, 9, 9, rowStart)).toBe(9);
    expect(chunkEnd(0, 1, 9, rowStart)).toBe(2);
  });
});

describe("a model's last layer", () => {
  test("gives one logit a class for a record, and DeepType's is dense", () => {
    const dense: LayerInput = { kind: "dense", name: "last", outputs: 1, activation: "linear" };
    const over = { input: [16, 4], layers: [dense], loss: { kind: "sigmoid-cross-entropy" } };
    expect(ModelSpec.safeParse(over).success).toBe(false);
    const groups = (own: number, name: string, sharedWith?: string): LayerInput => ({
      kind: "conv",
      name,
      outputs: 8,
      kernel: [1],
      groups: own,
      activation: "linear",
      ...(sharedWith === undefined ? {} : { sharedWith }),
    });
    expect(() => network([6, 4], [groups(1, "a"), groups(2, "b", "a")])).toThrow(/groups/);
  });
});
