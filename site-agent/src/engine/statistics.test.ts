import { epsilonOfEvents } from "@consilium/shared/accountant/convert";
import { pldEpsilon } from "@consilium/shared/accountant/pld";
import { NormaliseContribution } from "@consilium/shared/normalisation/contribution";
import { NormalisationRule } from "@consilium/shared/normalisation/rule";
import { STATISTIC_STEPS } from "@consilium/shared/normalisation/statistics";
import { aesCtrStream } from "@consilium/shared/random/aesCtrStream";
import { describe, expect, test } from "vitest";
import { PART_CODE, type PreparedPatients, patientsOf } from "../contract/preparedPatients.ts";
import { provenEpsilon } from "./provenEpsilon.test-support.ts";
import { noisedStatistics } from "./statistics.ts";

const fixed = (seed: number) =>
  aesCtrStream({ origin: "operating-system", bytes: (count) => new Uint8Array(count).fill(seed) });

const rule = (by: string, noiseMultiplier: number, bins?: number) =>
  NormalisationRule.parse({ by, noiseMultiplier, ...(bins === undefined ? {} : { bins }) });

/** Three columns, of which the first and the last are looked at; patients with one, three and two records. */
const patients: PreparedPatients = {
  featureCount: 3,
  features: Float32Array.from([0.5, 9, -1, 1, 9, 1, -1, 9, 0, 0.75, 9, 0.5, -0.25, 9, 0.25, -0.25, 9, 0.75]),
  labels: new Int32Array(6),
  recordStart: Int32Array.of(0, 1, 4, 6),
  parts: Uint8Array.of(PART_CODE.train, PART_CODE.train, PART_CODE.validation),
};
const places = [0, 2];

function sumsOf(of: PreparedPatients, members: Int32Array, asked: NormalisationRule, seed = 1): readonly number[] {
  const { value } = noisedStatistics(of, members, { rule: asked, places }, fixed(seed));
  return NormaliseContribution.parse(JSON.parse(Buffer.from(value).toString())).sums;
}

describe("[NOR1] a site's statistics are of its training patients, each counted once", () => {
  const exact = rule("mean-and-deviation", 1e-9);

  test("by the mean of a patient's records, in the columns that are named alone", () => {
    const sums = sumsOf(patients, patientsOf(patients, "train"), exact).map((sum) => sum / STATISTIC_STEPS);
    const means = [
      [0.5, -1],
      [0.25, 0.5],
    ];
    const [first, last] = [0, 1].map((column) => means.map((own) => own[column] ?? 0));
    const sum = (values: readonly number[] = []) => values.reduce((total, value) => total + value, 0);
    const squares = (values: readonly number[] = []) => sum(values.map((value) => value * value));
    expect(sums).toEqual([2, sum(first), squares(first), sum(last), squares(last)]);
  });

  test("no other part's records change a bit of what is sent", () => {
    const features = patients.features.slice();
    features.fill(-1, 12);
    const members = patientsOf(patients, "train");
    const noisy = rule("quantiles", 2, 8);
    expect(sumsOf({ ...patients, features }, members, noisy)).toEqual(sumsOf(patients, members, noisy));
  });

  test("a patient with many records moves them no more than one with one", () => {
    const many = { ...patients, features: new Float32Array(30).fill(1), recordStart: Int32Array.of(0, 10) };
    expect(sumsOf(many, Int32Array.of(0), exact)).toEqual([1, 1, 1, 1, 1].map((sum) => sum * STATISTIC_STEPS));
  });
});

const DELTA = 0.01;
const TRIALS = 4000;
const ROWS = 5;

/** Four patients, and one more or not, each at the end of both ranges: the worst neighbour there is. */
function scores(asked: NormalisationRule, hasOne: boolean, seed: number, value = 1): Float64Array {
  const features = new Float32Array(ROWS * 3).fill(0);
  features.fill(value, (ROWS - 1) * 3);
  const of = { ...patients, features, recordStart: Int32Array.from({ length: ROWS + 1 }, (_, i) => i) };
  const members = Int32Array.from({ length: hasOne ? ROWS : ROWS - 1 }, (_, i) => i);
  const random = fixed(seed);
  return Float64Array.from({ length: TRIALS }, () => {
    const { value: bytes } = noisedStatistics(of, members, { rule: asked, places }, random);
    const { sums } = NormaliseContribution.parse(JSON.parse(Buffer.from(bytes).toString()));
    // In the direction of that patient: all of the moments, or the last bin of each column.
    return asked.by === "quantiles" ? (sums[7] ?? 0) + (sums[15] ?? 0) : sums.reduce((sum, own) => sum + own, 0);
  });
}

describe("[NOR2] neighbours are told apart no better by a site's statistics than the booked ε allows", () => {
  test.each([
    ["sums and squares", "mean-and-deviation", undefined],
    ["bins", "quantiles", 8],
  ])("%s: with and without the worst patient", (_, by, bins) => {
    const booked = rule(by, 1, bins);
    const { events } = noisedStatistics(patients, Int32Array.of(0), { rule: booked, places }, fixed(9));
    const least = pldEpsilon(events, DELTA).upper;
    expect(least).toBeLessThanOrEqual(epsilonOfEvents(events, DELTA));
    const measured = (done: NormalisationRule) => {
      const [here, gone] = [scores(done, true, 3), scores(done, false, 4)];
      return Math.max(
        provenEpsilon(here, gone, DELTA),
        provenEpsilon(
          gone.map((score) => -score),
          here.map((score) => -score),
          DELTA,
        ),
      );
    };
    const epsilon = measured(booked);
    expect(epsilon).toBeLessThanOrEqual(least);
    expect(epsilon).toBeGreaterThan(0.2 * least);
    // Half of the noise, booked as all of it, is caught.
    expect(measured(rule(by, 0.4, bins))).toBeGreaterThan(least);
  });
});
