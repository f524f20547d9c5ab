import type { PricedEvent } from "../event/pricedEvent.ts";
import { assert, Failure, unreachable } from "../failure/failure.ts";
import type { Charged } from "../mechanism/charged.ts";
import {
  addMetricLaplace,
  addSphereNoise,
  clipToBall,
  type NoisyVector,
  type RecordVector,
} from "../mechanism/metricNoise.ts";
import { perPatient } from "../mechanism/perPatient.ts";
import { randomiseAnswers } from "../mechanism/randomisedResponse.ts";
import {
  addPixelLaplace,
  addRecordGaussian,
  addRecordLaplace,
  clipToL1,
  type L1Record,
} from "../mechanism/recordNoise.ts";
import type { RandomSource } from "../random/randomSource.ts";
import { dct2 } from "../transform/dct.ts";
import type { DctMethod, LabelRule, SanitizerMethod } from "./method.ts";
import { type PatientRecords, type PublicRules, toUnits } from "./patientRecords.ts";
import { project } from "./projection.ts";
import { inOwnUnits, type SanitizedPatients } from "./sanitizedPatients.ts";

/**
 * A data set with noise on each record by itself, and what was done for it: events of ONE patient replaced by another
 * with as many records. How many records each patient has is public: it shows. What a study then trains on it costs
 * nothing more. Not a word of what the events promise here: that is `statementOf`'s, and it may be "nothing".
 */
export function sanitize(
  patients: PatientRecords,
  rules: PublicRules,
  { method, labels }: { readonly method: SanitizerMethod; readonly labels: LabelRule },
  random: RandomSource,
): Charged<SanitizedPatients, PricedEvent> {
  const features = noisedFeatures(patients, rules, method, random);
  return inOwnUnits(features, noisedLabels(patients, rules, labels, random), {
    rules,
    method,
    recordStart: patients.recordStart,
  });
}

function noisedFeatures(
  patients: PatientRecords,
  rules: PublicRules,
  method: SanitizerMethod,
  random: RandomSource,
): Charged<readonly NoisyVector[], PricedEvent> {
  const columns = rules.low_C.length;
  const noiseEach = (
    values: Float64Array,
    width: number,
    noise: (record: Float64Array) => Charged<NoisyVector, PricedEvent>,
  ) => perPatient(rowsOf(values, width).map(noise), rules.recordsPerPatient);
  switch (method.method) {
    case "dct-laplace":
    case "dct-metric": {
      const { coefficients } = method;
      return noiseEach(coefficientsOf(patients, rules, coefficients), coefficients, (record) =>
        noisedCoefficients(record, method, random),
      );
    }
    case "pixel-laplace":
      return noiseEach(toUnits(patients, rules, "[0, 1]").values_RC, columns, (values) =>
        addPixelLaplace({ kind: "unit-pixels", values }, method.beta, random),
      );
    case "projection": {
      const projected = project(toUnits(patients, rules, "[-1, 1]"), method.dimensions, method.seed);
      return noiseEach(projected, method.dimensions, (values) =>
        addRecordGaussian(clipToBall(values, method.l2Bound), method.noiseMultiplier, random),
      );
    }
    default:
      return unreachable(method);
  }
}

/** One record's coefficients [K], clipped and noised as a method on the DCT does it. */
export function noisedCoefficients(
  record: Float64Array,
  method: DctMethod,
  random: RandomSource,
): Charged<NoisyVector, PricedEvent> {
  if (method.method === "dct-laplace") return addRecordLaplace(clippedInL1(record, method), method.epsilon, random);
  const add = method.sampler === "exact" ? addMetricLaplace : addSphereNoise;
  return add(clippedInL2(record, method), method.epsilonPerDistance, random);
}

/** [records, K], in the units that bounds are stated in. */
export function coefficientsOf(patients: PatientRecords, rules: PublicRules, coefficients: number): Float64Array {
  const { columns, values_RC } = toUnits(patients, rules, "[-1, 1]");
  if (coefficients > columns) {
    throw new Failure({
      code: "sanitizer/too-many-coefficients",
      kind: "config",
      what: `A record of ${columns} columns has no ${coefficients} coefficients.`,
      remedy: `Keep ${columns} coefficients or fewer.`,
    });
  }
  return dct2(values_RC, columns, coefficients);
}

/** With a bound of its own for the first coefficient, the record's bound is the sum of both. */
function clippedInL1(
  record: Float64Array,
  bounds: { readonly firstBound: number | null; readonly l1Bound: number },
): L1Record {
  if (bounds.firstBound === null) return clipToL1(record, bounds.l1Bound);
  const { first, others } = apart(record, bounds.firstBound);
  return clipToL1(joined(first, clipToL1(others, bounds.l1Bound).values), bounds.firstBound + bounds.l1Bound);
}

function clippedInL2(
  record: Float64Array,
  bounds: { readonly firstBound: number | null; readonly l2Bound: number | null },
): RecordVector {
  const { firstBound, l2Bound } = bounds;
  if (l2Bound === null) return { kind: "record-vector", values: record, l2Bound: null };
  if (firstBound === null) return clipToBall(record, l2Bound);
  const { first, others } = apart(record, firstBound);
  return clipToBall(joined(first, clipToBall(others, l2Bound).values), Math.hypot(firstBound, l2Bound));
}

function apart(record: Float64Array, firstBound: number): { readonly first: number; readonly others: Float64Array } {
  return { first: Math.min(firstBound, Math.max(-firstBound, record[0] ?? 0)), others: record.subarray(1) };
}

function joined(first: number, others: Float64Array): Float64Array {
  const record = new Float64Array(others.length + 1);
  record[0] = first;
  record.set(others, 1);
  return record;
}

function rowsOf(values: Float64Array, width: number): readonly Float64Array[] {
  assert(Number.isInteger(values.length / width), "records are whole");
  return Array.from({ length: values.length / width }, (_, row) => values.subarray(row * width, (row + 1) * width));
}

function noisedLabels(
  { labels_R }: PatientRecords,
  { labelValues, recordsPerPatient }: PublicRules,
  rule: LabelRule,
  random: RandomSource,
): Charged<Int32Array, PricedEvent> | Int32Array | null {
  switch (rule.label) {
    case "randomised": {
      const { epsilon } = rule;
      return randomiseAnswers(labels_R, { values: labelValues, epsilon, answersPerPatient: recordsPerPatient }, random);
    }
    case "public":
      return labels_R;
    case "dropped":
      return null;
    default:
      return unreachable(rule);
  }
}
