import { assert } from "../failure/failure.ts";

/** What is asked of a DCT sanitizer before anything is spent: one ε, for a record or for a unit of L2 distance. */
export interface Asked {
  readonly promise: "record" | "metric";
  readonly epsilon: number;
  readonly coefficients: number;
  readonly l1Bound: number;
  readonly l2Bound: number;
}

/** One way to keep the promise. */
export interface Candidate {
  readonly method: "dct-laplace" | "dct-metric";
  readonly sampler: "exact" | "floating-point";
  /** What to ask the method for: its ε, or its ε per unit of distance. */
  readonly epsilon: number;
  /** Root of the mean square of the noise's L2 norm, in the units of the coefficients. */
  readonly noiseNorm: number;
  /** Both promises; for noise in floating point they are meant, not proven. */
  readonly recordEpsilon: number;
  readonly epsilonPerDistance: number;
  readonly isProven: boolean;
}

export interface Comparison {
  readonly candidates: readonly Candidate[];
  /** The proven one with the least noise; of equals the plainer. */
  readonly recommended: Candidate;
  /** The one with the least noise, proven or not. */
  readonly shortest: Candidate;
}

/**
 * How much noise each DCT method takes for the same promise. With b Laplace's scale and K coefficients, its noise is
 * b·√(2K) long and promises 2·B₁/b for a record, √K/b for a unit of distance; metric noise at ε′ for a unit promises
 * 2·B₂·ε′ for a record, and is √(K(K + 1))/ε′ long on the sphere, √2·K/ε′ drawn exactly. So the sphere's is shorter at
 * an equal record-level ε only where B₁/B₂ > √((K + 1)/2), and exact metric noise only where B₁ > √K·B₂.
 */
export function compareMethods({ promise, epsilon, coefficients, l1Bound, l2Bound }: Asked): Comparison {
  assert(
    [epsilon, coefficients, l1Bound, l2Bound].every((value) => value > 0),
    "what is asked is positive",
  );
  const root = Math.sqrt(coefficients);
  const scale = promise === "record" ? (2 * l1Bound) / epsilon : root / epsilon;
  const perDistance = promise === "record" ? epsilon / (2 * l2Bound) : epsilon;
  const metric = { method: "dct-metric", epsilon: perDistance, epsilonPerDistance: perDistance } as const;
  const recordEpsilon = perDistance * 2 * l2Bound;
  const laplace: Candidate = {
    method: "dct-laplace",
    sampler: "exact",
    epsilon: (2 * l1Bound) / scale,
    noiseNorm: scale * root * Math.SQRT2,
    recordEpsilon: (2 * l1Bound) / scale,
    epsilonPerDistance: root / scale,
    isProven: true,
  };
  const exact: Candidate = {
    ...metric,
    sampler: "exact",
    noiseNorm: (Math.SQRT2 * coefficients) / perDistance,
    recordEpsilon,
    isProven: true,
  };
  const sphere: Candidate = {
    ...metric,
    sampler: "floating-point",
    noiseNorm: Math.sqrt(coefficients * (coefficients + 1)) / perDistance,
    recordEpsilon,
    isProven: false,
  };
  const candidates = [laplace, exact, sphere];
  return {
    candidates,
    recommended: least([laplace, exact]),
    shortest: least(candidates),
  };
}

/** Least noise; within rounding, the first. */
function least(candidates: readonly Candidate[]): Candidate {
  const [first, ...others] = candidates;
  assert(first !== undefined, "there are methods to compare");
  return others.reduce((best, next) => (next.noiseNorm < best.noiseNorm * (1 - 1e-12) ? next : best), first);
}
