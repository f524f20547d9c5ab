import { federatedCanaryEpsilon } from "../epsilonBound/gaussian.ts";
import { assert } from "../failure/failure.ts";
import { publicUniform } from "../model/initial.ts";
import type { SiteName } from "../units/identity.ts";
import type { GradientCanaryReport, GradientCanaryRule } from "./gradientCanaryRule.ts";

/**
 * Adds ±`step` to each coordinate by a public direction: one canary's clipped gradient, C/√d in each coordinate, on the
 * fine grid. Signs come from the seed, the site and the canary's number, 32 at a time; no direction is ever held whole.
 */
export function addDirection(values: Int32Array, step: number, direction: Direction): void {
  eachSign(values.length, direction, (index, sign) => {
    values[index] = (values[index] ?? 0) + sign * step;
  });
}

/** Which direction. */
export interface Direction {
  readonly seed: number;
  readonly site: SiteName;
  readonly canary: number;
}

/** Cosine of a direction with a vector; NaN where that is all zero. */
export function cosineWith(values: Float64Array, direction: Direction): number {
  let product = 0;
  let squares = 0;
  eachSign(values.length, direction, (index, sign) => {
    const value = values[index] ?? 0;
    product += sign * value;
    squares += value ** 2;
  });
  return product / Math.sqrt(squares * values.length);
}

function eachSign(count: number, { seed, site, canary }: Direction, visit: (index: number, sign: 1 | -1) => void) {
  const next = publicUniform(`${seed} ${site} ${canary}`, "gradient-canary");
  let bits = 0;
  for (let index = 0; index < count; index++) {
    if (index % 32 === 0) bits = next() * 2 ** 32;
    visit(index, bits & (1 << (index % 32)) ? 1 : -1);
  }
}

/** Of fine steps in each coordinate: rounded down, so that no canary is longer than a patient. */
export function directionStep(norm: number, dimension: number, fineStep: number): number {
  return Math.floor(norm / Math.sqrt(dimension) / fineStep);
}

/**
 * Andrew et al. 2024, arXiv:2302.03098, algorithm 2: cosines of all canaries with the run's total, against N(0, 1/d) of
 * a direction that took no part, as the ε at δ that two such normal distributions are apart (`federatedCanaryEpsilon`).
 * The total is that of the noised sums, whatever optimizer made a model of them.
 */
export function gradientCanaryReport(
  total: Float64Array,
  rounds: number,
  { count, seed }: GradientCanaryRule,
  sites: readonly SiteName[],
  delta: number,
): GradientCanaryReport {
  const cosines = sites.flatMap((site) =>
    Array.from({ length: count }, (_, canary) => cosineWith(total, { seed, site, canary })),
  );
  assert(cosines.every(Number.isFinite), "sums that were noised are not all zero");
  const mean = cosines.reduce((sum, value) => sum + value, 0) / cosines.length;
  const squares = cosines.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  const stdDev = Math.sqrt(squares / (cosines.length - 1));
  const dimension = total.length;
  return {
    ...{ count: cosines.length, dimension, rounds, meanCosine: mean, stdDevCosine: stdDev, delta },
    epsilon: federatedCanaryEpsilon({ mean, stdDev, dimension }, delta),
    label: "estimate, no bound",
  };
}
