import type { RandomSource } from "../random/randomSource.ts";
import { type Asked, type Candidate, compareMethods } from "./compare.ts";
import type { DctMethod } from "./method.ts";
import type { PatientRecords, PublicRules } from "./patientRecords.ts";
import { coefficientsOf, noisedCoefficients } from "./sanitize.ts";

/** What is tried: every method at each K and each ε of one promise. Clips are in the units of the coefficients. */
export interface DistanceSweep extends Pick<Asked, "promise" | "l1Bound" | "l2Bound"> {
  readonly coefficients: readonly number[];
  readonly epsilons: readonly number[];
}

/** Mean Euclidean distance of a record and what a method makes of it, both in public units. */
export interface MethodDistance extends Pick<Candidate, "method" | "sampler"> {
  readonly coefficients: number;
  readonly epsilon: number;
  readonly distance: number;
}

/** Made of records, some of it without any noise: for the site's own eyes, never for a link, a study or a release. */
export interface LocalDistances {
  readonly kind: "local-distances";
  readonly promise: Asked["promise"];
  readonly methods: readonly MethodDistance[];
  /** What K coefficients alone lose, before any clip or noise: no ε brings a record nearer. */
  readonly floors: readonly { readonly coefficients: number; readonly distance: number }[];
}

/**
 * How far sanitized records are from the original ones: Figure 2 of the genomics paper, for both promises. The DCT is
 * orthonormal, so a record's distance is that of its coefficients: those that were noised, and the rest, which is lost.
 */
export function distancesOf(
  patients: PatientRecords,
  rules: PublicRules,
  { promise, l1Bound, l2Bound, coefficients: counts, epsilons }: DistanceSweep,
  random: RandomSource,
): LocalDistances {
  const columns = rules.low_C.length;
  const coefficients_RC = coefficientsOf(patients, rules, columns);
  const records = Array.from({ length: coefficients_RC.length / columns }, (_, r) =>
    coefficients_RC.subarray(r * columns, (r + 1) * columns),
  );
  const methods = counts.flatMap((coefficients) =>
    epsilons.flatMap((epsilon) =>
      compareMethods({ promise, epsilon, coefficients, l1Bound, l2Bound }).candidates.map((candidate) => {
        const method = methodOf(candidate, { coefficients, l1Bound, l2Bound });
        const distance = mean(records.map((record) => distanceOf(record, method, random)));
        return { method: candidate.method, sampler: candidate.sampler, coefficients, epsilon, distance };
      }),
    ),
  );
  const floors = counts.map((coefficients) => ({
    coefficients,
    distance: mean(records.map((record) => Math.sqrt(squares(record.subarray(coefficients))))),
  }));
  return { kind: "local-distances", promise, methods, floors };
}

type Bounds = Pick<Asked, "coefficients" | "l1Bound" | "l2Bound">;

/** As it would be asked for; here without a bound of its own for the first coefficient. */
export function methodOf(
  { method, sampler, epsilon }: Pick<Candidate, "method" | "sampler" | "epsilon">,
  { coefficients, l1Bound, l2Bound }: Bounds,
): DctMethod {
  const kept = { coefficients, firstBound: null };
  if (method === "dct-laplace") return { method, ...kept, l1Bound, epsilon };
  return { method, ...kept, l2Bound, epsilonPerDistance: epsilon, sampler };
}

function distanceOf(record: Float64Array, method: DctMethod, random: RandomSource): number {
  const kept = record.subarray(0, method.coefficients);
  const { steps, step } = noisedCoefficients(kept, method, random).value;
  const moved = steps.map((value, k) => value * step - (kept[k] ?? 0));
  return Math.sqrt(squares(moved) + squares(record.subarray(method.coefficients)));
}

function squares(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value * value, 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
