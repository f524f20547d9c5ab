import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { addRoundedGaussian } from "../mechanism/roundedGaussian.ts";
import { publicUniform } from "../model/initial.ts";
import { aesCtrStream } from "../random/aesCtrStream.ts";
import { SiteName } from "../units/identity.ts";
import {
  applyScales,
  ColumnScale,
  featureScales,
  Normalisation,
  type Normalised,
  normalisationOf,
  scalesFit,
} from "./columnScales.ts";
import { NormalisationRule, normalisedColumns } from "./rule.ts";
import { sumStatistics } from "./statistics.ts";

const A = SiteName.parse("aachen");
const B = SiteName.parse("basel");
const random = () => aesCtrStream({ origin: "operating-system", bytes: (count) => new Uint8Array(count).fill(7) });

function study(rule: unknown, patients = 2000): Normalised {
  const missing = { fill: 0, indicator: true, codes: [] };
  return {
    data: {
      columns: [
        { name: "sex", type: "category", values: ["f", "m"], missing: "refuse" },
        { name: "lactate", type: "number", min: 0, max: 1000, missing },
        { name: "age", type: "number", min: 0, max: 100, missing: "refuse" },
      ],
    },
    normalisation: NormalisationRule.parse(rule),
    sites: [A, B].map((name) => ({ name, patients: patients / 2 })),
  };
}

/** Lactate crowds into 1 % of its range; age fills its own. */
function means(count: number, seed = 1): number[][] {
  const next = publicUniform(seed);
  return Array.from({ length: count }, () => [-0.99 + 0.02 * next(), 2 * next() - 1]);
}

function scalesOf(of: Normalised, patients: number[][], noiseless = false): readonly ColumnScale[] {
  const rule = of.normalisation;
  if (rule === undefined) throw new RangeError("a rule");
  const noise = random();
  const halves = [patients.slice(0, patients.length / 2), patients.slice(patients.length / 2)];
  const sums = halves.map((half) => {
    const exact = sumStatistics(rule, 2, half);
    return noiseless ? exact.values : addRoundedGaussian(exact, rule.noiseMultiplier, noise).value.values;
  });
  const total = (sums[0] ?? []).map((sum, at) => sum + (sums[1]?.[at] ?? 0));
  return normalisationOf(of, [A, B], total).scales;
}

describe("[NOR3] scales follow from the noised sums and the signed study alone", () => {
  test("mean and standard deviation, of patients more than the study's public number too", () => {
    const rule = { by: "mean-and-deviation", noiseMultiplier: 1e-3 };
    // 2,600 patients where the study says 2,000: divided by that, the variance would be negative.
    const [lactate, age] = scalesOf(study(rule), means(2600));
    expect(lactate?.centre).toBeCloseTo(-0.98, 3);
    expect(age?.centre).toBeCloseTo(0, 1);
    expect(age?.spread).toBeCloseTo(1 / Math.sqrt(3), 1);
    expect(age?.from).toBe("statistics");
  });

  test("quantiles, of a column that crowds into a corner of its range", () => {
    const rule = { by: "quantiles", noiseMultiplier: 4, bins: 1024 };
    const [lactate, age] = scalesOf(study(rule), means(2000));
    expect(lactate?.centre).toBeCloseTo(-0.98, 2);
    expect(lactate?.spread).toBeGreaterThan(0.007);
    expect(lactate?.spread).toBeLessThan(0.011);
    // A column that fills its range has two patients a bin, which noise hides: the range is right for it.
    expect(age).toEqual({ column: "age", centre: 0, spread: 1, from: "public-range" });
  });

  test.each([
    [{ by: "mean-and-deviation", noiseMultiplier: 2000 }],
    [{ by: "quantiles", noiseMultiplier: 400, bins: 64 }],
  ])("where noise hides the statistics the public range stays, and it is said: $by", (rule) => {
    for (const scale of scalesOf(study(rule), means(2000)))
      expect(scale).toMatchObject({ centre: 0, spread: 1, from: "public-range" });
  });

  test("whatever the sums are, scales are finite, in bounds and the same each time", () => {
    const rules = [
      study({ by: "mean-and-deviation", noiseMultiplier: 1 }),
      study({ by: "quantiles", noiseMultiplier: 1, bins: 8 }),
    ];
    for (const of of rules) {
      const length = of.normalisation?.by === "quantiles" ? 16 : 5;
      const sum = fc.oneof(fc.integer({ min: -(2 ** 40), max: 2 ** 40 }), fc.constantFrom(0, 1, -1, 2000 * 65_536));
      fc.assert(
        fc.property(fc.array(sum, { minLength: length, maxLength: length }), (sums) => {
          const made = normalisationOf(of, [A, B], sums);
          expect(Normalisation.parse(made)).toEqual(made);
          expect(normalisationOf(of, [A, B], sums)).toEqual(made);
          expect(scalesFit(of, made.scales)).toBe(true);
        }),
      );
    }
  });

  test("quantiles are monotone: the median lies between the tails, for any counts", () => {
    const of = study({ by: "quantiles", noiseMultiplier: 1e-6, bins: 8, columns: ["age"] }, 2);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 500 }), { minLength: 8, maxLength: 8 }), (counts) => {
        const [scale] = normalisationOf(of, [A, B], counts).scales;
        if (scale?.from !== "statistics") return;
        const filled = counts.flatMap((count, bin) => (count > 0 ? [bin] : []));
        expect(scale.centre).toBeGreaterThanOrEqual((2 * (filled[0] ?? 0)) / 8 - 1);
        expect(scale.centre).toBeLessThanOrEqual((2 * ((filled.at(-1) ?? 7) + 1)) / 8 - 1);
        expect(scale.spread).toBeGreaterThanOrEqual(1 / 8);
      }),
    );
  });
});

describe("[NOR6] scales move the columns that are named, and nothing else", () => {
  const of = study({ by: "mean-and-deviation", noiseMultiplier: 1, columns: ["age", "lactate"] });
  const scales = [
    { column: "lactate", centre: -0.5, spread: 0.25, from: "statistics" as const },
    { column: "age", centre: 0, spread: 1, from: "public-range" as const },
  ];

  test("in the contract's order, past one-hot places and indicators", () => {
    if (of.normalisation === undefined) throw new RangeError("a rule");
    expect(normalisedColumns(of.normalisation, of.data)).toEqual([
      { name: "lactate", place: 2 },
      { name: "age", place: 4 },
    ]);
    const features = Float32Array.from([1, 0, -0.25, 0, 0.5, 0, 1, -1, 1, -0.5]);
    applyScales(features, 5, featureScales(of, scales));
    expect([...features]).toEqual([1, 0, 1, 0, 0.5, 0, 1, -2, 1, -0.5]);
  });

  test("scales of other columns, or none where there should be some, are no scales of the study", () => {
    expect(scalesFit(of, scales)).toBe(true);
    expect(scalesFit(of, undefined)).toBe(false);
    expect(scalesFit(of, scales.toReversed())).toBe(false);
    expect(scalesFit(of, scales.slice(1))).toBe(false);
    expect(scalesFit({ ...of, normalisation: undefined }, scales)).toBe(false);
    expect(scalesFit({ ...of, normalisation: undefined }, undefined)).toBe(true);
    expect(() => featureScales(of, undefined)).toThrow("maps of their own");
    expect(ColumnScale.safeParse({ ...scales[0], spread: 0 }).success).toBe(false);
    expect(ColumnScale.safeParse({ ...scales[0], centre: 1.01 }).success).toBe(false);
  });
});
