import { describe, expect, test } from "vitest";
import { epsilonOfEvents } from "../accountant/convert.ts";
import { pldEpsilon } from "../accountant/pld.ts";
import { recordEpsilon } from "../accountant/recordEpsilon.ts";
import type { PricedEvent } from "../event/pricedEvent.ts";
import { NoiseMultiplier } from "../units/privacy.ts";
import { compareMethods } from "./compare.ts";
import { energyKept } from "./energy.ts";
import { statementOf } from "./statement.ts";

const laplace: PricedEvent = {
  kind: "record-laplace",
  adjacency: "replace",
  coordinates: 50,
  diameter: 2000,
  scale: 1000,
  step: 2 ** -10,
  count: 3,
};
const metric: PricedEvent = {
  kind: "metric",
  adjacency: "replace",
  epsilonPerDistance: 5,
  diameter: 2,
  sampler: "exact",
  count: 3,
};
const pixel: PricedEvent = {
  kind: "pixel-laplace",
  adjacency: "pixel",
  pixels: 65_536,
  sensitivity: 1024,
  scale: 4096,
  count: 1,
};
const label: PricedEvent = { kind: "randomised-response", adjacency: "replace", values: 3, odds: Math.E, count: 3 };
const noiseMultiplier = NoiseMultiplier.parse(4);
const gaussian: PricedEvent = { kind: "record-gaussian", adjacency: "replace", noiseMultiplier, count: 3 };

describe("[SAN9] both promises are computed, each for its own neighbours, and none is stated that isn't proven", () => {
  test("Laplace: pure ε for a record, m times that for a patient, labels added; √K/b for a unit of distance", () => {
    const { record, patient, metric: unit, isBounded, sentences } = statementOf([laplace, label], "randomised", 1e-5);
    expect(record?.delta).toBe(0);
    expect(record?.epsilon).toBeCloseTo(3, 10);
    expect(patient?.epsilon).toBeCloseTo(9, 10);
    expect(unit).toEqual({ epsilonPerDistance: (Math.sqrt(50) * 1024) / 1000, isProven: true });
    expect(isBounded).toBe(true);
    expect(sentences.join(" ")).toContain("at most ε = 3, a patient's records together by ε = 9.");
  });

  test("metric noise, exact and clipped: ε·2B for a record too", () => {
    const { record, patient, metric: unit } = statementOf([metric], "public", 1e-5);
    expect([record?.epsilon, patient?.epsilon]).toEqual([10, 30]);
    expect(unit).toEqual({ epsilonPerDistance: 5, isProven: true });
    expect(statementOf([metric], "public", 1e-5).sentences.join(" ")).toContain("for the features alone");
  });

  test.each([
    ["no clip", { ...metric, diameter: null }],
    ["noise in floating point", { ...metric, sampler: "floating-point" }],
    ["pixels", pixel],
  ] as const)("%s: no figure for a record or patient, by statement or by any accountant", (_, event) => {
    const statement = statementOf([event, label], "randomised", 1e-5);
    expect([statement.record, statement.patient, statement.isBounded]).toEqual([null, null, false]);
    expect(statement.sentences[0]).toContain("unprotected disclosure");
    expect(statement.sentences.join(" ")).not.toMatch(/two records are told apart|patient's records together/);
    const unsupported = expect.objectContaining({ code: "accountant/unsupported" });
    expect(() => recordEpsilon(event)).toThrow(unsupported);
    expect(() => epsilonOfEvents([event], 1e-5)).toThrow(unsupported);
    expect(() => pldEpsilon([event], 1e-5)).toThrow(unsupported);
  });

  test("what floating point promises for a distance is called unproven", () => {
    const { metric: unit, sentences } = statementOf([{ ...metric, sampler: "floating-point" }], "dropped", 1e-5);
    expect(unit).toEqual({ epsilonPerDistance: 5, isProven: false });
    expect(sentences.join(" ")).toContain("not proven");
  });

  test("pixels at β = 4: ε = 1/4 for one of 65,536, 16,384 for the picture, and both are said", () => {
    const { pixel: figures, sentences } = statementOf([pixel], "dropped", 1e-5);
    expect(figures).toEqual({ epsilon: 0.25, pixels: 65_536, wholePicture: 16_384 });
    expect(sentences.join(" ")).toContain("ε = 0.25");
    expect(sentences.join(" ")).toMatch(/65536 pixels comes to ε = 16384\..*no meaningful protection/);
  });

  test("a patient's pixels never add to a record's or a patient's events", () => {
    const mixed = expect.objectContaining({ code: "accountant/mixed-adjacency" });
    expect(() => epsilonOfEvents([pixel, laplace], 1e-5)).toThrow(mixed);
  });

  test("Gaussian: the accountant's figure at δ, a patient's by composition; add-remove events are refused", () => {
    const { record, patient } = statementOf([gaussian], "dropped", 1e-5);
    const plain = { kind: "poisson-gaussian", adjacency: "add-remove", samplingRate: 1, noiseMultiplier, count: 3 };
    const whole = [plain as PricedEvent];
    expect(patient).toEqual({ epsilon: epsilonOfEvents(whole, 1e-5), delta: 1e-5 });
    expect(record?.epsilon).toBeLessThan((patient?.epsilon ?? 0) / Math.sqrt(3) + 0.1);
    expect(pldEpsilon([gaussian], 1e-5).upper).toBeCloseTo(pldEpsilon(whole, 1e-5).upper, 3);
    expect(() => statementOf(whole, "dropped", 1e-5)).toThrow("neighbours");
  });
});

describe("[SAN10] before anything is spent: which method takes less noise for the same promise", () => {
  const asked = { epsilon: 50, coefficients: 50, l1Bound: 1, l2Bound: 1 } as const;

  test("at an equal metric promise the sphere's noise is √2 shorter, and Laplace's equals the exact one", () => {
    const { candidates, recommended, shortest } = compareMethods({ ...asked, promise: "metric" });
    const [byLaplace, exact, sphere] = candidates.map(({ noiseNorm }) => noiseNorm);
    expect(byLaplace).toBeCloseTo(Math.SQRT2, 10);
    expect(exact).toBeCloseTo(Math.SQRT2, 10);
    expect(sphere).toBeCloseTo(1, 1);
    expect([recommended.method, recommended.isProven]).toEqual(["dct-laplace", true]);
    expect([shortest.sampler, shortest.isProven]).toEqual(["floating-point", false]);
    expect(candidates.map(({ epsilonPerDistance }) => epsilonPerDistance)).toEqual([expect.closeTo(50, 10), 50, 50]);
  });

  test("at an equal record-level promise Laplace wins up to B₁/B₂ = √((K + 1)/2), the sphere above", () => {
    const at = (l1Bound: number) => compareMethods({ ...asked, l1Bound, promise: "record" });
    const turn = Math.sqrt(51 / 2);
    expect(at(turn * 0.999).shortest.method).toBe("dct-laplace");
    expect(at(turn * 1.001).shortest.sampler).toBe("floating-point");
    expect(at(turn * 1.001).recommended.method).toBe("dct-laplace");
    expect(at(Math.sqrt(50) * 1.001).recommended).toMatchObject({ method: "dct-metric", sampler: "exact" });
    for (const { recordEpsilon: record } of at(3).candidates) expect(record).toBeCloseTo(50, 10);
  });

  test("energy kept, for the site's eyes: all of a constant by one coefficient, of a wave by its own, of zeros all", () => {
    const columns = 16;
    const rules = {
      low_C: new Float64Array(columns).fill(-1),
      high_C: new Float64Array(columns).fill(1),
      order_C: null,
      labelValues: 2,
      recordsPerPatient: 1,
    };
    const share = (value: (c: number) => number) =>
      energyKept(
        {
          values_RC: Float64Array.from({ length: columns }, (_, c) => value(c)),
          labels_R: Int32Array.of(0),
          recordStart: Int32Array.of(0, 1),
        },
        rules,
        [1, 3, 4, columns],
      ).kept.map(({ share: part }) => Math.round(part * 1e6) / 1e6);
    expect(share(() => 0.5)).toEqual([1, 1, 1, 1]);
    expect(share((c) => Math.cos((Math.PI * (2 * c + 1) * 3) / (2 * columns)))).toEqual([0, 0, 1, 1]);
    expect(share(() => 0)).toEqual([1, 1, 1, 1]);
  });
});
