import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { z } from "zod";
import { fitCox, logHazard, partialLikelihood, type TimedPatient } from "./cox.ts";

const numbers = z.array(z.number());
const Fitted = z.object({ coefficients: numbers });
const Likely = Fitted.extend({ logLikelihood: z.number() });
const vectors = z
  .object({
    source: z.string(),
    patients: z.array(z.record(z.string(), z.number())),
    lifelines: z.array(Fitted.extend({ penalty: z.number(), penalisedLogLikelihood: z.number() })),
    statsmodels: Likely,
    statsmodelsAt: Likely.extend({ score: numbers, hessian: z.array(numbers) }),
  })
  .parse(JSON.parse(readFileSync(fileURLToPath(new URL("../../test/vectors/cox.json", import.meta.url)), "utf8")));

const twenty = vectors.patients.map(
  ({ time = 0, event, a = 0, b = 0, c = 0 }): TimedPatient => ({
    ...{ time, hadEvent: event === 1 },
    features: Float64Array.of(a, b, c),
  }),
);

function expectClose(found: ArrayLike<number>, expected: ArrayLike<number>, relative: number): void {
  expect(found.length).toBe(expected.length);
  for (const [i, value] of Array.from(expected).entries())
    expect(Math.abs((found[i] ?? Number.NaN) - value)).toBeLessThan(relative * Math.max(1, Math.abs(value)));
}

describe(`[COX1] Efron's partial likelihood and its maximum, against ${vectors.source}`, () => {
  test("value, slopes and curvature at a point that is no maximum", () => {
    const { coefficients, logLikelihood, score, hessian } = vectors.statsmodelsAt;
    const { value, gradient, information } = partialLikelihood(twenty, Float64Array.from(coefficients));
    expectClose([value], [logLikelihood], 1e-12);
    expectClose(gradient, score, 1e-11);
    expectClose(
      information,
      hessian.flat().map((entry) => -entry),
      1e-11,
    );
  });

  test("without a penalty: statsmodels' coefficients", () => {
    const { coefficients } = fitCox(twenty, 0);
    expectClose(coefficients, vectors.statsmodels.coefficients, 1e-9);
    expectClose([partialLikelihood(twenty, coefficients).value], [vectors.statsmodels.logLikelihood], 1e-12);
  });

  // lifelines stops some 1e-8 short of its maximum.
  test.each(vectors.lifelines)("penalty $penalty: lifelines' coefficients", ({ penalty, coefficients, ...at }) => {
    const found = fitCox(twenty, penalty);
    expectClose(found.coefficients, coefficients, 1e-7);
    const value = slowObjective(twenty, [...found.coefficients], penalty);
    expectClose([twenty.length * value], [at.penalisedLogLikelihood], 1e-12);
  });
});

/** The definition, term by term: each tied death k with everyone still at risk, less k/d of those who die then. */
function slowObjective(patients: readonly TimedPatient[], beta: readonly number[], penalty: number): number {
  const hazard = ({ features }: TimedPatient) => Math.exp(features.reduce((sum, x, j) => sum + x * (beta[j] ?? 0), 0));
  const total = (some: readonly TimedPatient[]) => some.reduce((sum, one) => sum + hazard(one), 0);
  let logLikelihood = 0;
  for (const time of new Set(patients.map((one) => one.time))) {
    const deaths = patients.filter((one) => one.time === time && one.hadEvent);
    const atRisk = patients.filter((one) => one.time >= time);
    deaths.forEach((death, k) => {
      const rest = total(atRisk) - (k / deaths.length) * total(deaths);
      logLikelihood += Math.log(hazard(death)) - Math.log(rest);
    });
  }
  const ridge = beta.reduce((sum, value, j) => {
    const column = patients.map(({ features }) => features[j] ?? 0);
    const mean = column.reduce((all, x) => all + x, 0) / column.length;
    const variance = column.reduce((all, x) => all + (x - mean) ** 2, 0) / (column.length - 1);
    return sum + variance * value ** 2;
  }, 0);
  return logLikelihood / patients.length - 0.5 * penalty * ridge;
}

const patientsDrawn = fc
  .array(
    fc.record({
      // Few times, so that most are tied.
      time: fc.integer({ min: 0, max: 6 }),
      hadEvent: fc.boolean(),
      features: fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 3, maxLength: 3 }),
    }),
    { minLength: 6, maxLength: 25 },
  )
  .filter((patients) => patients.some(({ hadEvent }) => hadEvent))
  .map((patients) =>
    patients.map(({ features, ...rest }): TimedPatient => ({ ...rest, features: Float64Array.from(features) })),
  );
const penaltyDrawn = fc.double({ min: 0.01, max: 3, noNaN: true });

describe("[COX1] Efron's partial likelihood and its maximum, as it is defined", () => {
  test("the likelihood anywhere, and no slope in any direction at what is found", () => {
    fc.assert(
      fc.property(patientsDrawn, penaltyDrawn, (patients, penalty) => {
        const anywhere = [0.1, -0.2, 0.05];
        const { value } = partialLikelihood(patients, Float64Array.from(anywhere));
        expect(value / patients.length).toBeCloseTo(slowObjective(patients, anywhere, 0), 10);
        const found = [...fitCox(patients, penalty).coefficients];
        const beside = (j: number, by: number) => found.map((beta, at) => (at === j ? beta + by : beta));
        for (const j of found.keys()) {
          const [up, down] = [1e-4, -1e-4].map((by) => slowObjective(patients, beside(j, by), penalty));
          expect(Math.abs((up ?? Number.NaN) - (down ?? Number.NaN)) / 2e-4).toBeLessThan(1e-5);
        }
      }),
    );
  });

  test("patients in another order: the same model", () => {
    fc.assert(
      fc.property(patientsDrawn, penaltyDrawn, (patients, penalty) => {
        const { coefficients } = fitCox(patients, penalty);
        expectClose(fitCox(patients.toReversed(), penalty).coefficients, coefficients, 1e-9);
      }),
    );
  });

  test("a column in another unit, or moved: its coefficient by the unit, everybody's order the same", () => {
    const units = fc.tuple(fc.double({ min: 0.01, max: 100, noNaN: true }), fc.integer({ min: -50, max: 50 }));
    fc.assert(
      fc.property(patientsDrawn, penaltyDrawn, units, (patients, penalty, [unit, origin]) => {
        const rescaled = patients.map((one) => ({
          ...one,
          features: one.features.map((value, j) => (j === 0 ? unit * value + origin : value)),
        }));
        const { coefficients } = fitCox(patients, penalty);
        const found = fitCox(rescaled, penalty);
        expectClose(
          found.coefficients.map((beta, j) => (j === 0 ? beta * unit : beta)),
          coefficients,
          1e-7,
        );
      }),
    );
  });

  test("a later clock that keeps the order of times changes nothing", () => {
    const later = twenty.map((one) => ({ ...one, time: one.time ** 2 + 7 }));
    expect(fitCox(later, 0.1)).toEqual(fitCox(twenty, 0.1));
  });

  test("a column that is the same for all has coefficient 0; what it says of others is unchanged", () => {
    const constant = twenty.map((one) => ({ ...one, features: Float64Array.of(...one.features, 0.1) }));
    const { coefficients } = fitCox(constant, 0.1);
    expect(coefficients[3]).toBe(0);
    expectClose(coefficients.subarray(0, 3), fitCox(twenty, 0.1).coefficients, 1e-12);
  });

  test("steps that go too far are halved: Newton's first one from zero makes matters worse", () => {
    const told = Array.from({ length: 50 }, (_, i) => ({
      ...{ time: i + 1, hadEvent: i < 5 || i % 7 === 0 },
      features: Float64Array.of(i < 5 ? 10 * (i + 1) : i === 49 ? -10 : i % 3),
    }));
    const start = partialLikelihood(told, Float64Array.of(0));
    const whole = Float64Array.of((start.gradient[0] ?? 0) / (start.information[0] ?? 0));
    expect(partialLikelihood(told, whole).value).toBeLessThan(start.value);
    const { coefficients } = fitCox(told, 1e-6);
    const [up, down] = [1e-6, -1e-6].map((by) => slowObjective(told, [(coefficients[0] ?? 0) + by], 1e-6));
    expect(Math.abs((up ?? Number.NaN) - (down ?? Number.NaN)) / 2e-6).toBeLessThan(1e-7);
    expect(logHazard({ coefficients }, [40])).toBeGreaterThan(logHazard({ coefficients }, [21]));
  });
});

describe("[COX1] no model", () => {
  const alive = twenty.map((one) => ({ ...one, hadEvent: false }));
  const twice = twenty.map((one) => ({ ...one, features: Float64Array.of(...one.features, one.features[0] ?? 0) }));
  test.each([
    ["without an event", alive, 0.1, "cox/no-event"],
    ["of one patient", twenty.slice(0, 1), 0.1, "cox/no-event"],
    ["of columns that depend on one another, without a penalty", twice, 0, "cox/dependent-columns"],
  ])("%s: told by name", (_, patients, penalty, code) => {
    expect(() => fitCox(patients, penalty)).toThrow(expect.objectContaining({ code }));
  });
});
