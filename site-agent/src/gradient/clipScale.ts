/** A patient's norms, as far as clipping needs them. */
interface PatientNorm {
  /** ‖gradient of the sum of the patient's losses‖², over all parameters. */
  readonly squared: number;
  /** Σ over records of what float32 sums add for each: the norm without cancellation. */
  readonly triangle: number;
  /** Largest of all records' ‖input‖ and ‖delta‖; NaN or ∞ where a number is not finite. */
  readonly largest: number;
}

/**
 * What a squared norm is raised by, as a part of (Σ‖record's gradient‖)²: more than float64 dot products of up to
 * 2²⁰ numbers can be off, cancellation between a patient's records included. A norm is never too small.
 */
const NORM_ROUNDING = 2 ** -30;

/**
 * A record whose activations or deltas are beyond this is treated as not finite: float32 products of it could
 * overflow.
 */
const LARGEST = 2 ** 30;

/**
 * The factor by which a patient's gradient enters the sum: min(1, C / norm), so that ‖factor · gradient‖ ≤ C.
 * Abadi et al. 2016, arXiv:1607.00133, §3.1. Exactly 0 for a patient with a number that is not finite; 1 for a
 * gradient of zero. Also ≤ `excess` · C over the norm without cancellation, which bounds what float32 sums can add
 * (`placesPerSum`).
 */
export function clipScale(norm: PatientNorm, clippingNorm: number, excess: number): number {
  if (!(norm.largest <= LARGEST)) return 0;
  const raised = Math.sqrt(Math.max(0, norm.squared) + norm.triangle ** 2 * NORM_ROUNDING);
  if (!(raised < Number.POSITIVE_INFINITY)) return 0;
  return Math.min(1, clippingNorm / raised, (excess * clippingNorm) / norm.triangle);
}
