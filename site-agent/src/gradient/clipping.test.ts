import { countWeight, jointNorm } from "@consilium/shared/clipping/adaptiveNorm";
import { Clipping } from "@consilium/shared/clipping/clipping";
import type { LayerInput } from "@consilium/shared/model/layer";
import { parameterCount, parameterSlots } from "@consilium/shared/model/spec";
import { beforeAll, describe, expect, test } from "vitest";
import { BACKENDS, startExactly } from "./backends.test-support.ts";
import { clipGroups } from "./clipGroups.ts";
import { all, modelOf, network, patientsOf, ROUNDING, ruleOf, sumOf } from "./layerCases.test-support.ts";
import { l2Norm, oracleGradient } from "./oracle.test-support.ts";

const LAYERS: readonly LayerInput[] = [
  { kind: "conv", name: "a", outputs: 4, kernel: [2, 2], activation: "tanh" },
  { kind: "norm", name: "b", groups: 2 },
  { kind: "conv", name: "c", outputs: 3, kernel: [2, 2], bias: false, activation: "tanh" },
];
const SPEC = network([5, 5, 2], LAYERS);
const MODEL = modelOf(SPEC, 3);
const PATIENTS = patientsOf(SPEC, 4, 3, false);
const GRADIENTS = [...all(PATIENTS)].map((patient) => oracleGradient(MODEL, PATIENTS, patient));
const NORMS = GRADIENTS.map(l2Norm);
const PER_LAYER = Clipping.parse({ mode: "per-layer" });
const AUTOMATIC = Clipping.parse({ mode: "automatic", stability: 0.05 });
const ADAPTIVE = Clipping.parse({ mode: "adaptive" });

/** Σ over patients of their gradients, each number times a factor of the patient and the place. */
function slowSum(factor: (patient: number, place: number) => number): Float64Array {
  return GRADIENTS.reduce(
    (sum, gradient, patient) => sum.map((value, place) => value + factor(patient, place) * (gradient[place] ?? 0)),
    new Float64Array(parameterCount(SPEC)),
  );
}

function expectClose(sum: Float64Array, expected: Float64Array): void {
  expect(l2Norm(expected)).toBeGreaterThan(0.01);
  expect(l2Norm(sum.map((value, i) => value - (expected[i] ?? 0)))).toBeLessThan(2e-4 * l2Norm(expected));
}

const median = [...NORMS].sort((a, b) => a - b)[3] ?? Number.NaN;

describe.each(BACKENDS)("on %s", (backend) => {
  beforeAll(() => startExactly(backend));

  test("[CLP1] per layer: each of L layers by itself to C / √L, kernel and bias together", () => {
    const starts = [
      ["a", 0],
      ["b", 36],
      ["c", 44],
      ["logits", 92],
    ] as const;
    const layerAt = (place: number) => starts.findLastIndex(([, start]) => start <= place);
    const c = 0.8 * median;
    const norms = GRADIENTS.map((gradient) =>
      starts.map((_, layer) => l2Norm(gradient.filter((__, place) => layerAt(place) === layer))),
    );
    const bound = c / 2;
    expect(norms.flat().some((norm) => norm < bound) && norms.flat().some((norm) => norm > bound)).toBe(true);
    const expected = slowSum((patient, place) => Math.min(1, bound / (norms[patient]?.[layerAt(place)] ?? Number.NaN)));
    expectClose(sumOf(MODEL, PATIENTS, all(PATIENTS), ruleOf(c, PER_LAYER)), expected);
  });

  test("[CLP1] automatic: C / (‖g‖ + stability), for short gradients too", () => {
    const expected = slowSum((patient) => 7 / ((NORMS[patient] ?? Number.NaN) + 0.05));
    expectClose(sumOf(MODEL, PATIENTS, all(PATIENTS), ruleOf(7, AUTOMATIC)), expected);
  });

  test("[CLP1] adaptive: to the round's norm, in units of the signed one, then the weighted count", () => {
    const sum = sumOf(MODEL, PATIENTS, all(PATIENTS), ruleOf(2, ADAPTIVE, median * 1.0001));
    const expected = slowSum((patient) => 2 / Math.max(median * 1.0001, NORMS[patient] ?? Number.NaN));
    expectClose(sum.subarray(0, -1), expected);
    const below = NORMS.filter((norm) => norm <= median).length;
    expect(below).toBe(4);
    expect(ADAPTIVE.mode === "adaptive" && sum.at(-1)).toBe(weightOf(ADAPTIVE) * 2 * (below - (6 - below)) * 0.5);
  });

  test.each([
    ["flat", Clipping.parse({ mode: "flat" }), 0.3],
    ["per layer", PER_LAYER, 0.3],
    ["automatic", AUTOMATIC, 0.3],
    ["automatic, hardly any stability", Clipping.parse({ mode: "automatic", stability: 1e-6 }), 0.3],
    ["adaptive, far below the signed norm", ADAPTIVE, 0.3 / 900],
    ["adaptive, far above it", ADAPTIVE, 0.3 * 900],
  ] as const)(
    "[CLP2] %s: one patient's part, and what one patient moves, is never longer than C(1 + η)",
    (_, clipping, roundNorm) => {
      const rule = ruleOf(0.3, clipping, roundNorm);
      const longest = clipping.mode === "adaptive" ? jointNorm(clipping, 0.3) : 0.3;
      const bound = longest * (1 + ROUNDING);
      const everyone = all(PATIENTS);
      const whole = sumOf(MODEL, PATIENTS, everyone, rule);
      for (const patient of everyone) {
        const others = everyone.filter((other) => other !== patient);
        const without = sumOf(MODEL, PATIENTS, others, rule);
        const moved = whole.map((value, i) => value - (without[i] ?? 0));
        expect(l2Norm(sumOf(MODEL, PATIENTS, Int32Array.of(patient), rule))).toBeLessThanOrEqual(bound);
        expect(l2Norm(moved)).toBeLessThanOrEqual(bound);
      }
    },
  );

  test.each([
    ["adaptive, a norm that float32 can't divide by", ADAPTIVE, 1e-40],
    ["adaptive, the least norm there is", ADAPTIVE, 5e-324],
    ["automatic, the same as its stability", { mode: "automatic", stability: 1e-40 }, 10],
  ] as const)("[CLP2] %s: one whose gradient vanishes moves the sum by C(1 + η) at most", (_, clipping, roundNorm) => {
    const wide: LayerInput = { kind: "dense", name: "wide", outputs: 96, activation: "tanh" };
    const spec = network([60], [wide], true);
    const model = modelOf(spec, 3);
    // The first class's bias: its probability is 1 exactly, its patient's gradient 0, or next to it.
    model.parameters.set([500], parameterCount(spec) - 3);
    const patients = { ...patientsOf(spec, 4, 1, false), labels: Int32Array.of(1, 2, 1, 2, 1, 0) };
    const rule = ruleOf(10, clipping, roundNorm);
    const whole = sumOf(model, patients, all(patients), rule).subarray(0, parameterCount(spec));
    const others = sumOf(model, patients, all(patients).subarray(0, -1), rule).subarray(0, parameterCount(spec));
    expect(l2Norm(others)).toBeGreaterThan(10);
    const bound = 10 * (1 + ROUNDING);
    expect(l2Norm(whole.map((value, i) => value - (others[i] ?? 0)))).toBeLessThanOrEqual(bound);
  });

  test.each([
    ["per layer", PER_LAYER],
    ["automatic", AUTOMATIC],
    ["adaptive", ADAPTIVE],
  ] as const)(
    "[ENG4] %s: a patient with a number that isn't finite adds exactly zero, its count too",
    (_, clipping) => {
      const features = PATIENTS.features.slice().fill(Number.NaN, 0, 50);
      const rule = ruleOf(1, clipping);
      const broken = { ...PATIENTS, features };
      expect(sumOf(MODEL, broken, Int32Array.of(0), rule).every((value) => value === 0)).toBe(true);
    },
  );
});

describe("[CLP1] groups of parameters that are clipped together", () => {
  test("are a layer's own parameters; centroids are a layer too", () => {
    const groups = clipGroups(SPEC, PER_LAYER);
    expect(groups.count).toBe(4);
    expect(parameterSlots(SPEC).map(({ name, offset }) => [name, groups.of(offset)])).toEqual([
      ["a/kernel", 0],
      ["a/bias", 0],
      ["b/scale", 1],
      ["b/shift", 1],
      ["c/kernel", 2],
      ["logits/kernel", 3],
      ["logits/bias", 3],
    ]);
  });
});

function weightOf(clipping: Clipping): number {
  return clipping.mode === "adaptive" ? countWeight(clipping) : Number.NaN;
}
